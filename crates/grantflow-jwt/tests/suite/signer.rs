//! Every algorithm with every key, and keys that live elsewhere.

use std::sync::Arc;

use grantflow_jwt::{Algorithm, ClaimsSet, Error, Header, KeySet, Signer, Signing, SigningKey};

use super::support::{CLAIMS, encode, parts, public, signing_keys, unhex, vector};

#[test]
fn each_algorithm_signs_with_keys_of_its_type_and_with_no_others() {
    for algorithm in Algorithm::ALL {
        let mut fitting = 0;
        for key in signing_keys() {
            let header = Header::new(algorithm);
            if key.fits(algorithm) {
                let keys = KeySet::from(key.verifying_key().unwrap());
                let jws = key.sign(&header, CLAIMS.as_bytes()).unwrap();
                assert_eq!(
                    keys.verify(jws.expose(), [algorithm]).unwrap().payload(),
                    CLAIMS.as_bytes()
                );
                assert!(Signer::local(key, algorithm).is_ok());
                fitting += 1;
            } else {
                assert!(
                    matches!(key.sign(&header, b""), Err(Error::InvalidInput { .. })),
                    "{algorithm}"
                );
                assert!(matches!(
                    Signer::local(key, algorithm),
                    Err(Error::InvalidInput { .. })
                ));
            }
        }
        assert_eq!(fitting, 1, "{algorithm}");
    }
}

#[test]
fn a_key_elsewhere_fits_into_the_slot_of_one_here() {
    for algorithm in Algorithm::ALL {
        let key = signing_keys()
            .into_iter()
            .find(|key| key.fits(algorithm))
            .unwrap();
        let key = Arc::new(key.with_key_id("k"));
        let here = Signer::local(Arc::clone(&key), algorithm).unwrap();
        let there = Signer::remote(algorithm, "projects/p/keys/k").with_key_id("k");
        let keys = KeySet::from(key.verifying_key().unwrap());
        for signer in [here, there] {
            let header = signer.header().unwrap().with("typ", "JWT").unwrap();
            let jws = match signer.sign(&header, CLAIMS.as_bytes()).unwrap() {
                Signing::Done(jws) => jws,
                Signing::Due(due) => {
                    assert_eq!((due.key(), due.algorithm()), ("projects/p/keys/k", algorithm));
                    let signature = key.sign_bytes(due.algorithm(), due.message()).unwrap();
                    due.accept(&signature).unwrap()
                }
            };
            let verified = keys.verify(jws.expose(), [algorithm]).unwrap();
            assert_eq!(
                (verified.key_id(), verified.token_type()),
                (Some("k"), Some("JWT"))
            );
        }
    }
}

#[test]
fn a_signature_of_another_length_is_not_taken() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::remote(algorithm, "k");
        for length in [0, 1, 31, 63, 70, 72, 95, 97, 255, 1025] {
            let Signing::Due(due) = signer.sign(&signer.header().unwrap(), b"").unwrap() else {
                unreachable!()
            };
            assert!(due.accept(&vec![1; length]).is_err(), "{algorithm} {length}");
        }
        assert!(matches!(
            signer.sign(&other(algorithm), b""),
            Err(Error::InvalidInput { .. })
        ));
    }
}

#[test]
fn a_service_may_take_the_digest_and_give_der() {
    // RFC 6979 appendix A.2.5, and the same in the DER of RFC 3279; both numbers have their first bit set.
    let rfc = vector("v21-ecdsa-sample");
    let numbers = unhex(rfc["signature"].as_str().unwrap());
    let (r, s) = numbers.split_at(32);
    let der = [&[0x30, 70, 2, 33, 0][..], r, &[2, 33, 0], s].concat();
    assert_eq!(Algorithm::Es256.signature_from_der(&der).unwrap(), numbers);
    public(&rfc)
        .verify_bytes(Algorithm::Es256, b"sample", &numbers)
        .unwrap();

    // FIPS 180-4 by the examples of NIST: "abc".
    let digest = |algorithm: Algorithm| {
        algorithm
            .digest(b"abc")
            .map(|digest| (digest.len(), digest[..4].to_vec()))
    };
    for algorithm in Algorithm::ALL {
        let expected = match &algorithm.name()[2..] {
            "256" => Some((32, unhex("ba7816bf"))),
            "384" => Some((48, unhex("cb00753f"))),
            "512" => Some((64, unhex("ddaf35a1"))),
            _ => None,
        };
        let expected = expected.filter(|_| !algorithm.name().starts_with("HS"));
        assert_eq!(digest(algorithm), expected, "{algorithm}");
    }

    let signer = Signer::remote(Algorithm::Es256, "k");
    let due = || match signer.sign(&signer.header().unwrap(), b"{}").unwrap() {
        Signing::Due(due) => due,
        Signing::Done(_) => unreachable!(),
    };
    assert_eq!(due().digest(), Algorithm::Es256.digest(due().message()));
    let jws = due().accept_der(&der).unwrap();
    assert_eq!(parts(jws.expose())[2], encode(&numbers));
    assert!(due().accept_der(&numbers).is_err());
    assert!(due().accept(&der).is_err());
}

#[test]
fn der_of_small_numbers_is_padded_and_what_is_not_der_is_refused() {
    let read = |der: &[u8]| Algorithm::Es256.signature_from_der(der);
    let small = read(&[0x30, 6, 2, 1, 1, 2, 1, 2]).unwrap();
    assert_eq!(small, [&[0; 31][..], &[1], &[0; 31], &[2]].concat());
    let of_33_bytes = [&[0x30, 38, 2, 33, 1][..], &[0; 32], &[2, 1, 2]].concat();
    let bad: [(&str, &[u8]); 18] = [
        ("nothing", &[]),
        ("an empty sequence", &[0x30, 0]),
        ("one number", &[0x30, 3, 2, 1, 1]),
        ("three numbers", &[0x30, 9, 2, 1, 1, 2, 1, 2, 2, 1, 3]),
        ("a set", &[0x31, 6, 2, 1, 1, 2, 1, 2]),
        ("a string of bytes", &[0x30, 6, 4, 1, 1, 2, 1, 2]),
        ("r = 0", &[0x30, 6, 2, 1, 0, 2, 1, 2]),
        ("s = 0", &[0x30, 6, 2, 1, 1, 2, 1, 0]),
        ("r < 0", &[0x30, 6, 2, 1, 0x80, 2, 1, 2]),
        ("s without bytes", &[0x30, 5, 2, 1, 1, 2, 0]),
        ("a zero too many", &[0x30, 7, 2, 2, 0, 1, 2, 1, 2]),
        ("r larger than the curve", &of_33_bytes),
        ("a long length", &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 2]),
        ("no length", &[0x30, 0x80, 2, 1, 1, 2, 1, 2, 0, 0]),
        ("cut short", &[0x30, 6, 2, 1, 1, 2, 1]),
        ("a length too long", &[0x30, 7, 2, 1, 1, 2, 1, 2]),
        ("a length too short", &[0x30, 5, 2, 1, 1, 2, 1, 2]),
        ("more behind it", &[0x30, 6, 2, 1, 1, 2, 1, 2, 0]),
    ];
    for (what, der) in bad {
        assert!(matches!(read(der), Err(Error::InvalidInput { .. })), "{what}");
    }
    for algorithm in Algorithm::ALL {
        let is_ecdsa = algorithm.name().starts_with("ES");
        let read = algorithm.signature_from_der(&[0x30, 6, 2, 1, 1, 2, 1, 2]);
        assert_eq!(read.is_ok(), is_ecdsa, "{algorithm}");
    }
}

fn other(algorithm: Algorithm) -> Header {
    Header::new(
        Algorithm::ALL
            .into_iter()
            .find(|other| *other != algorithm)
            .unwrap(),
    )
}

#[test]
fn header_and_claims_are_signed_as_they_are_given() {
    let key = SigningKey::from_hmac_secret(&[7; 32]).unwrap();
    let raw = "{ \"typ\" : \"JWT\",\r\n \"alg\" : \"HS256\" }";
    let header = Header::from_json(raw).unwrap();
    let claims = ClaimsSet::from_json("{\"b\": 1,  \"a\": 2}").unwrap();
    let jws = key.sign(&header, claims.as_bytes()).unwrap();
    let input = format!("{}.{}", encode(raw), encode("{\"b\": 1,  \"a\": 2}"));
    assert!(jws.expose().starts_with(&format!("{input}.")));
}

#[test]
fn a_header_that_would_not_be_verified_is_not_made() {
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"alg":"none"}"#,
        r#"{"alg":"ES512"}"#,
        r#"{"alg":1}"#,
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256","crit":["x"]}"#,
        r#"{"alg":"RS256","b64":false}"#,
    ] {
        assert!(
            matches!(Header::from_json(bad), Err(Error::InvalidInput { .. })),
            "{bad}"
        );
    }
    for name in ["alg", "crit", "b64"] {
        assert!(Header::new(Algorithm::Rs256).with(name, "x").is_err(), "{name}");
    }
    assert!(ClaimsSet::new().with("a", 1).unwrap().with("a", 1).is_err());
    assert!(
        ClaimsSet::new()
            .with("a", std::collections::BTreeMap::from([(vec![1], 1)]))
            .is_err()
    );
}

#[test]
fn a_header_that_is_encoded_once_is_that_of_each_token_until_it_gets_another_parameter() {
    let key = signing_keys().remove(4);
    let signed = |header: &Header| key.sign(header, b"{}").unwrap().into_exposed();
    let header = Header::new(Algorithm::Hs256).with("typ", "JWT").unwrap();
    let once = header.clone().encoded_once();
    for _ in 0..2 {
        assert_eq!(signed(&once), signed(&header));
    }
    assert!(!format!("{once:?}").contains("JWT"));
    let more = |header: Header| header.with("kid", "1").unwrap();
    assert_eq!(signed(&more(once)), signed(&more(header)));
}

#[test]
fn t59_keys_and_tokens_do_not_print() {
    let printed: Vec<String> = signing_keys().iter().map(|key| format!("{key:?}")).collect();
    assert_eq!(printed[0], "SigningKey(RSA, kid None)");
    assert_eq!(printed[4], "SigningKey(HMAC, kid None)");
    let named = signing_keys().remove(4).with_key_id("k");
    assert_eq!(format!("{named:?}"), r#"SigningKey(HMAC, kid Some("k"))"#);
    assert_eq!(
        format!("{:?}", named.verifying_key().unwrap()),
        r#"VerifyingKey(HMAC, kid Some("k"))"#
    );
    let jws = named
        .sign(&named.header(Algorithm::Hs256).unwrap(), b"{}")
        .unwrap();
    assert_eq!(format!("{jws:?}"), format!("Jws([{} bytes])", jws.expose().len()));
    let remote = Signer::remote(Algorithm::Hs256, "k");
    let due = remote.sign(&remote.header().unwrap(), b"{}").unwrap();
    assert_eq!(
        format!("{due:?}"),
        r#"Due(SignatureDue(HS256, key "k", [24 bytes]))"#
    );
}

//! Keys in every form that they come in, and those that are refused.

use grantflow_jwt::{Algorithm, BadKey, Error, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use super::support::{pem, private, public, signing_keys, vector};

fn refused(key: Result<SigningKey, Error>) -> BadKey {
    match key.unwrap_err() {
        Error::BadKey(problem) => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn a_key_is_the_same_in_every_form() {
    let rsa = public(&vector("v03-rs256")).thumbprint();
    let p256 = public(&vector("v04-es256")).thumbprint();
    let p384 = VerifyingKey::from_pem(&pem("p384.spki")).unwrap().thumbprint();
    let ed25519 = public(&vector("v20-eddsa")).thumbprint();
    for (name, thumbprint) in [
        ("rsa.pkcs1", &rsa),
        ("rsa.pkcs8", &rsa),
        ("rsa.bag-attributes", &rsa),
        ("p256.sec1", &p256),
        ("p256.parameters-and-sec1", &p256),
        ("p256.pkcs8", &p256),
        ("p384.sec1", &p384),
        ("p384.pkcs8", &p384),
        ("ed25519.pkcs8", &ed25519),
        ("ed25519.pkcs8-v2", &ed25519),
    ] {
        let key = SigningKey::from_pem(&pem(name)).unwrap();
        assert_eq!(key.verifying_key().unwrap().thumbprint(), *thumbprint, "{name}");
        let windows = pem(name).replace('\n', "\r\n");
        assert!(SigningKey::from_pem(&windows).is_ok(), "{name}");
    }
    for (name, thumbprint) in [
        ("rsa.spki", &rsa),
        ("rsa.public-pkcs1", &rsa),
        ("rsa.certificate", &rsa),
        ("p256.spki", &p256),
        ("p256.certificate", &p256),
        ("ed25519.spki", &ed25519),
        ("ed25519.certificate", &ed25519),
    ] {
        assert_eq!(
            VerifyingKey::from_pem(&pem(name)).unwrap().thumbprint(),
            *thumbprint,
            "{name}"
        );
    }
    assert_eq!(
        SigningKey::from_hmac_secret(&[7; 32])
            .unwrap()
            .verifying_key()
            .unwrap()
            .thumbprint(),
        None
    );
}

#[test]
fn t47_a_key_under_2048_bits_is_refused() {
    assert_eq!(
        refused(SigningKey::from_pem(&pem("rsa-1024.pkcs8"))),
        BadKey::Size
    );
    let small = VerifyingKey::from_pem(&pem("rsa-1024.spki")).unwrap_err();
    assert_eq!(small, Error::BadKey(BadKey::Size));
    let mut jwk = vector("v03-rs256")["public"].clone();
    let modulus = super::support::decode(jwk["n"].as_str().unwrap());
    for (bytes, fits) in [
        (vec![0x7f; 256], false),
        (modulus[..255].to_vec(), false),
        (vec![0xff; 1025], false),
        (modulus, true),
    ] {
        jwk["n"] = super::support::encode(&bytes).into();
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok(), fits);
        // Zeros before it make it no longer.
        jwk["n"] = super::support::encode([vec![0; 9], bytes].concat()).into();
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok(), fits);
    }
}

#[test]
fn a_secret_shorter_than_its_hash_is_refused() {
    assert_eq!(refused(SigningKey::from_hmac_secret(&[7; 31])), BadKey::Size);
    let key = SigningKey::from_hmac_secret(&[7; 47]).unwrap();
    assert!(key.sign_bytes(Algorithm::Hs256, b"").is_ok());
    for algorithm in [Algorithm::Hs384, Algorithm::Hs512] {
        assert_eq!(
            key.sign_bytes(algorithm, b"").unwrap_err(),
            Error::BadKey(BadKey::Size)
        );
        let verified = key.verifying_key().unwrap().verify_bytes(algorithm, b"", b"");
        assert_eq!(verified.unwrap_err(), Error::BadKey(BadKey::Size));
    }
}

#[test]
fn bad_key_files_are_refused_with_what_is_wrong() {
    let with = |name: &str, from: &str, to: &str| pem(name).replace(from, to);
    let rsa = "rsa.pkcs8";
    for (what, text, expected) in [
        ("nothing", String::new(), BadKey::NotFound),
        ("a public key", pem("rsa.spki"), BadKey::NotFound),
        ("a certificate", pem("rsa.certificate"), BadKey::NotFound),
        ("no end", with(rsa, "-----END", "-----"), BadKey::NotFound),
        (
            "another end",
            with(rsa, "END PRIVATE", "END RSA PRIVATE"),
            BadKey::NotFound,
        ),
        ("encrypted", pem("rsa.encrypted-pkcs8"), BadKey::Encrypted),
        (
            "encrypted in the old way",
            pem("rsa.encrypted-pkcs1"),
            BadKey::Encrypted,
        ),
        ("under 2048 bits", pem("rsa-1024.pkcs8"), BadKey::Size),
        ("another curve", pem("secp256k1.pkcs8"), BadKey::Unsupported),
        ("no public half", pem("p256.no-public-half"), BadKey::NoPublicHalf),
        (
            "halves that differ",
            pem("ed25519.halves-differ"),
            BadKey::Inconsistent,
        ),
        ("not base64", with(rsa, "MII", "M!I"), BadKey::Malformed),
        (
            "empty",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----".to_owned(),
            BadKey::Malformed,
        ),
        (
            "another label",
            with(rsa, "PRIVATE KEY", "EC PRIVATE KEY"),
            BadKey::Malformed,
        ),
        (
            "PKCS #1 as PKCS #8",
            with("rsa.pkcs1", "RSA PRIVATE KEY", "PRIVATE KEY"),
            BadKey::Malformed,
        ),
    ] {
        assert_eq!(refused(SigningKey::from_pem(&text)), expected, "{what}");
    }
    assert_eq!(refused(SigningKey::from_jwk("{")), BadKey::Malformed);
}

/// Every byte of each key's DER is cut off, and changed: nothing panics, and no half key is taken for a whole one.
#[test]
fn damaged_keys_do_not_panic() {
    for name in [
        "rsa.pkcs1",
        "p256.sec1",
        "p256.pkcs8",
        "p384.pkcs8",
        "ed25519.pkcs8-v2",
        "rsa.spki",
        "rsa.certificate",
    ] {
        let text = pem(name);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).unwrap();
        let readers = [
            SigningKey::from_pkcs1_der,
            SigningKey::from_pkcs8_der,
            SigningKey::from_sec1_der,
        ];
        let read = |der: &[u8]| {
            let signing = readers.iter().filter(|read| read(der).is_ok()).count();
            signing
                + usize::from(VerifyingKey::from_spki_der(der).is_ok())
                + usize::from(VerifyingKey::from_certificate_der(der).is_ok())
        };
        assert_eq!(read(&der), 1, "{name}");
        for end in 0..der.len() {
            assert_eq!(read(&der[..end]), 0, "{name} {end}");
        }
        assert_eq!(read(&[der.as_slice(), &[0]].concat()), 0, "{name}");
        // The head of every structure, and then some; RSA's own numbers take long to check.
        for at in (0..der.len()).take(64) {
            let mut changed = der.clone();
            changed[at] ^= 0x81;
            read(&changed);
        }
    }
}

#[test]
fn a_private_jwk_is_whole_and_consistent() {
    let rsa = vector("v03-rs256")["private"].clone();
    for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let mut less = rsa.clone();
        less.as_object_mut().unwrap().remove(member);
        assert_eq!(
            refused(SigningKey::from_jwk(&less.to_string())),
            BadKey::Malformed,
            "{member}"
        );
    }
    for member in ["p", "q", "qi"] {
        let mut other = rsa.clone();
        let mut bytes = super::support::decode(rsa[member].as_str().unwrap());
        bytes[40] ^= 2;
        other[member] = super::support::encode(bytes).into();
        assert_eq!(
            refused(SigningKey::from_jwk(&other.to_string())),
            BadKey::Inconsistent,
            "{member}"
        );
    }
    let mut ec = vector("v04-es256")["private"].clone();
    ec["d"] = vector("v21-ecdsa-sample")["private"]["d"].clone();
    assert_eq!(
        refused(SigningKey::from_jwk(&ec.to_string())),
        BadKey::Inconsistent
    );
    let secret = json!({"kty":"oct","k":super::support::encode([7; 32]),"alg":"HS256","kid":"s"});
    let key = SigningKey::from_jwk(&secret.to_string()).unwrap();
    assert!(key.fits(Algorithm::Hs256) && !key.fits(Algorithm::Hs384) && key.key_id() == Some("s"));
}

#[test]
fn a_jwk_for_something_else_is_refused() {
    let changed = |member: &str, value: Value| {
        let mut jwk = vector("v04-es256")["private"].clone();
        jwk[member] = value;
        let json = jwk.to_string();
        (
            SigningKey::from_jwk(&json).err(),
            VerifyingKey::from_jwk(&json).err(),
        )
    };
    let purpose = || Some(Error::BadKey(BadKey::Purpose));
    assert_eq!(changed("use", json!("sig")), (None, None));
    assert_eq!(changed("use", json!("enc")), (purpose(), purpose()));
    assert_eq!(changed("key_ops", json!(["sign", "verify"])), (None, None));
    assert_eq!(changed("key_ops", json!(["verify"])), (purpose(), None));
    assert_eq!(changed("key_ops", json!(["deriveKey"])), (purpose(), purpose()));
    assert_eq!(changed("alg", json!("ES256")), (None, None));
    assert_eq!(changed("alg", json!("ECDH-ES")), (purpose(), purpose()));
    assert_eq!(changed("alg", json!("RS256")), (purpose(), purpose()));
    let crv = |name: &str| changed("crv", json!(name)).1;
    assert_eq!(crv("P-384"), Some(Error::BadKey(BadKey::Malformed)));
    assert_eq!(crv("secp256k1"), Some(Error::BadKey(BadKey::Unsupported)));
    let _ = private(&vector("v04-es256"));
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let mut jwk = vector("v04-es256")["public"].clone();
    jwk["y"] = jwk["x"].clone();
    let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
    assert!(key.verify_bytes(Algorithm::Es256, b"", &[1; 64]).is_err());
}

#[test]
fn a_public_key_is_written_as_a_jwk_and_read_again() {
    for name in ["v03-rs256", "v04-es256", "v20-eddsa"] {
        let vector = vector(name);
        let json = public(&vector).to_jwk().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            vector["public"],
            "{name}"
        );
    }
    for key in signing_keys() {
        let Some(json) = key.verifying_key().unwrap().to_jwk() else {
            assert!(key.fits(Algorithm::Hs256));
            continue;
        };
        let mut json: Value = serde_json::from_str(&json).unwrap();
        for algorithm in Algorithm::ALL
            .into_iter()
            .filter(|algorithm| key.fits(*algorithm))
        {
            let members = json.as_object_mut().unwrap();
            members.insert("alg".to_owned(), algorithm.name().into());
            members.insert("kid".to_owned(), "a \"key\" \u{1}\u{e9}".into());
            let named = VerifyingKey::from_jwk(&json.to_string()).unwrap();
            let again = named.to_jwk().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), json);
            let again = VerifyingKey::from_jwk(&again).unwrap();
            assert_eq!(again.key_id(), named.key_id());
            assert_eq!(again.thumbprint(), named.thumbprint());
            let signature = key.sign_bytes(algorithm, b"message").unwrap();
            again.verify_bytes(algorithm, b"message", &signature).unwrap();
            assert_eq!(
                Algorithm::ALL
                    .iter()
                    .filter(|algorithm| again.fits(**algorithm))
                    .count(),
                1
            );
        }
    }
}

//! The known answers of RFC 7515, RFC 7638, RFC 8037 and RFC 6979.

use grantflow_jwt::{Algorithm, BadKey, Error, Header, KeySet, Refusal, VerifyingKey};

use super::support::{decode, parts, private, public, unhex, vector};

/// The token verifies, and signing its header and payload gives it again: byte for byte where the algorithm is deterministic.
fn check(name: &str) {
    let vector = vector(name);
    let token = vector["token"].as_str().unwrap();
    let algorithm = Algorithm::named(vector["algorithm"].as_str().unwrap()).unwrap();
    let key = private(&vector);
    let keys = KeySet::from(key.verifying_key().unwrap());
    let [header, payload, _] = parts(token).map(|part| decode(&part));
    assert_eq!(keys.verify(token, [algorithm]).unwrap().payload(), payload);

    let header = Header::from_json(str::from_utf8(&header).unwrap()).unwrap();
    let signed = key.sign(&header, &payload).unwrap();
    match vector["signs"].as_str() {
        Some("identical") => assert_eq!(signed.expose(), token),
        _ => assert_ne!(signed.expose(), token, "a nonce was used twice"),
    }
    assert_eq!(
        keys.verify(signed.expose(), [algorithm]).unwrap().payload(),
        payload
    );
    if !vector["public"].is_null() {
        let keys = KeySet::from(public(&vector));
        assert_eq!(
            keys.verify(signed.expose(), [algorithm]).unwrap().algorithm(),
            algorithm
        );
    }
}

#[test]
fn v02_hs256_is_signed_and_verified() {
    check("v02-hs256");
}

#[test]
fn v03_rs256_is_signed_byte_for_byte() {
    check("v03-rs256");
}

#[test]
fn v04_es256_is_verified_and_never_signed_alike() {
    check("v04-es256");
}

#[test]
fn v05_es512_is_refused_as_unsupported() {
    let vector = vector("v05-es512");
    let json = vector["public"].to_string();
    assert_eq!(
        VerifyingKey::from_jwk(&json).unwrap_err(),
        Error::BadKey(BadKey::Unsupported)
    );
    let keys = KeySet::from_json(&format!("{{\"keys\":[{json}]}}")).unwrap();
    assert_eq!((keys.len(), keys.skipped()), (0, 1));
    let refused = keys
        .verify(vector["token"].as_str().unwrap(), Algorithm::ALL)
        .unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Algorithm));
}

#[test]
fn v06_v19_thumbprints_are_those_of_the_rfcs() {
    for name in ["v06-rsa-thumbprint", "v19-ed25519-thumbprint"] {
        let vector = vector(name);
        assert_eq!(
            public(&vector).thumbprint().as_deref(),
            vector["thumbprint"].as_str(),
            "{name}"
        );
    }
    let seed = vector("v19-ed25519-thumbprint");
    let derived = private(&seed).verifying_key().unwrap();
    assert_eq!(derived.thumbprint().as_deref(), seed["thumbprint"].as_str());
}

#[test]
fn v20_eddsa_is_signed_byte_for_byte() {
    check("v20-eddsa");
}

#[test]
fn v21_the_sample_of_rfc_6979_is_verified() {
    let vector = vector("v21-ecdsa-sample");
    let message = vector["message"].as_str().unwrap().as_bytes();
    let signature = unhex(vector["signature"].as_str().unwrap());
    let (key, public) = (private(&vector), public(&vector));
    public
        .verify_bytes(Algorithm::Es256, message, &signature)
        .unwrap();
    // Our own is another one, since its nonce is random, and as good.
    let own = key.sign_bytes(Algorithm::Es256, message).unwrap();
    assert_ne!(own, signature);
    public.verify_bytes(Algorithm::Es256, message, &own).unwrap();
}

#[test]
fn v28_q63_no_part_of_a_token_has_a_second_form() {
    let vector = vector("v28-base64url");
    let token = super::support::token(super::support::CLAIMS);
    let keys = super::support::issuer_keys();
    assert!(keys.verify(&token, [Algorithm::Rs256]).is_ok());
    for text in vector["refused"].as_array().unwrap() {
        for (at, name) in ["header", "payload", "signature"].iter().enumerate() {
            let mut parts = parts(&token);
            parts[at] = text.as_str().unwrap().to_owned();
            let refused = keys.verify(&parts.join("."), [Algorithm::Rs256]).unwrap_err();
            // A payload is decoded once its signature is known to be good, and this one's is not.
            let expected = if at == 1 {
                Refusal::Signature
            } else {
                Refusal::Base64(name)
            };
            assert_eq!(refused, Error::Refused(expected), "{text} as {name}");
        }
    }
    for (bytes, text) in vector["pairs"].as_object().unwrap() {
        let signed = super::support::issuer();
        let header = super::support::header(Algorithm::Rs256);
        let signed = signed.sign(&header, bytes.as_bytes()).unwrap();
        assert_eq!(parts(signed.expose())[1], text.as_str().unwrap());
        assert_eq!(
            keys.verify(signed.expose(), [Algorithm::Rs256])
                .unwrap()
                .payload(),
            bytes.as_bytes()
        );
    }
    // Signed, and still not canonical.
    let input = format!("{}.Zh", parts(&token)[0]);
    let signature = super::support::issuer()
        .sign_bytes(Algorithm::Rs256, input.as_bytes())
        .unwrap();
    let token = format!("{input}.{}", super::support::encode(signature));
    let refused = keys.verify(&token, [Algorithm::Rs256]).unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Base64("payload")));
}

//! Encrypted tokens: opened, or refused with any part of them changed. They are made here, by ring's ephemeral keys.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_jwt::{
    BadKey, ContentEncryption, Decryption, DecryptionKey, Error, KeyManagement, MAX_TOKEN_LENGTH, Refusal,
};
use ring::rand::SystemRandom;
use ring::{aead, agreement, digest};
use serde_json::{Value, json};

const PEM: &str = include_str!("../keys/p256.pkcs8.pem");
const INNER: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl";
const BOTH: [ContentEncryption; 2] = [ContentEncryption::A128Gcm, ContentEncryption::A256Gcm];

fn key() -> DecryptionKey {
    DecryptionKey::from_pem(PEM).unwrap().with_key_id("1")
}

fn decryption() -> Decryption {
    Decryption::new([key()], [KeyManagement::EcdhEs], BOTH)
}

/// A token as a server encrypts it.
struct Sealed {
    header: Value,
    wrapped: String,
    apu: Vec<u8>,
    apv: Vec<u8>,
    plain: String,
    /// The recipient's point.
    to: Vec<u8>,
}

impl Sealed {
    fn new(encryption: ContentEncryption) -> Self {
        let header = json!({ "alg": "ECDH-ES", "enc": encryption.name(), "cty": "JWT", "kid": "1" });
        Self {
            header,
            wrapped: String::new(),
            apu: Vec::new(),
            apv: Vec::new(),
            plain: INNER.to_owned(),
            to: point(&key()),
        }
    }

    /// With a header parameter; `null` takes it away.
    fn with(mut self, name: &str, value: Value) -> Self {
        let members = self.header.as_object_mut().unwrap();
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.to_owned(), value),
        };
        self
    }

    fn token(&self) -> String {
        let random = SystemRandom::new();
        let ours = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &random).unwrap();
        let public = ours.compute_public_key().unwrap();
        let (x, y) = public.as_ref()[1..].split_at(32);
        let mut header = self.header.clone();
        if header.get("epk").is_none() {
            header["epk"] =
                json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y) });
        }
        let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &self.to);
        let cipher = match header["enc"].as_str() {
            Some("A128GCM") => &aead::AES_128_GCM,
            _ => &aead::AES_256_GCM,
        };
        let name = header["enc"].as_str().unwrap_or_default().as_bytes().to_vec();
        let key = agreement::agree_ephemeral(ours, &theirs, |shared| {
            let mut text = vec![0, 0, 0, 1];
            text.extend_from_slice(shared);
            for part in [&name, &self.apu, &self.apv] {
                text.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
                text.extend_from_slice(part);
            }
            text.extend_from_slice(&u32::try_from(cipher.key_len() * 8).unwrap().to_be_bytes());
            digest::digest(&digest::SHA256, &text).as_ref()[..cipher.key_len()].to_vec()
        });
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(cipher, &key.unwrap()).unwrap());
        let protected = BASE64.encode(header.to_string());
        let mut text = self.plain.as_bytes().to_vec();
        let nonce = [7; aead::NONCE_LEN];
        let aad = aead::Aad::from(protected.as_bytes());
        let sealed =
            key.seal_in_place_separate_tag(aead::Nonce::assume_unique_for_key(nonce), aad, &mut text);
        let parts = [nonce.as_slice(), &text, sealed.unwrap().as_ref()].map(|part| BASE64.encode(part));
        format!("{protected}.{}.{}", self.wrapped, parts.join("."))
    }
}

/// The public half, uncompressed.
fn point(key: &DecryptionKey) -> Vec<u8> {
    let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    let number = |name: &str| BASE64.decode(jwk[name].as_str().unwrap()).unwrap();
    [vec![4], number("x"), number("y")].concat()
}

fn why(token: &str) -> Refusal {
    match decryption().decrypt(token) {
        Err(Error::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_is_encrypted_for_us_is_opened() {
    for encryption in BOTH {
        let opened = |sealed: &Sealed| decryption().decrypt(&sealed.token()).unwrap();
        assert_eq!(opened(&Sealed::new(encryption)).expose(), INNER);
        for (name, value) in [("kid", Value::Null), ("cty", Value::Null), ("cty", json!("jwt"))] {
            assert_eq!(opened(&Sealed::new(encryption).with(name, value)).expose(), INNER);
        }
        let mut named = Sealed::new(encryption)
            .with("apu", json!("QWxpY2U"))
            .with("apv", json!("Qm9i"));
        (named.apu, named.apv) = (b"Alice".to_vec(), b"Bob".to_vec());
        assert_eq!(opened(&named).expose(), INNER);
    }
}

#[test]
fn t45_an_encrypted_token_with_one_part_changed_is_refused() {
    for encryption in BOTH {
        let token = Sealed::new(encryption).token();
        let parts: Vec<&str> = token.split('.').collect();
        // Characters of what is not the header: at both ends and within.
        for (number, part) in parts.iter().enumerate().skip(1) {
            let ends = [
                0,
                1,
                part.len() / 2,
                part.len().saturating_sub(2),
                part.len().saturating_sub(1),
            ];
            for at in ends.into_iter().filter(|at| *at < part.len()) {
                let other = if part.as_bytes()[at] == b'A' { "B" } else { "A" };
                let mut parts = parts.clone();
                let changed = format!("{}{other}{}", &part[..at], &part[at + 1..]);
                parts[number] = &changed;
                assert!(
                    matches!(why(&parts.join(".")), Refusal::Decryption | Refusal::Base64(_)),
                    "{number}, {at}"
                );
            }
        }
        // A header that says the same in other words is another header.
        let header = String::from_utf8(BASE64.decode(parts[0]).unwrap()).unwrap();
        let spaced = BASE64.encode(header.replacen(':', ": ", 1));
        let changed = [&spaced, parts[1], parts[2], parts[3], parts[4]].join(".");
        assert_eq!(why(&changed), Refusal::Decryption);
        for (number, text) in [
            (1, "AA"),
            (2, ""),
            (2, "AAAA"),
            (3, ""),
            (4, ""),
            (4, "AAAAAAAAAAAAAAAA"),
        ] {
            let mut parts = parts.clone();
            parts[number] = text;
            assert_eq!(why(&parts.join(".")), Refusal::Decryption, "{number}: {text}");
        }
        // The parts that the agreement hashes.
        let unlike = Sealed::new(encryption).with("apu", json!("QWxpY2U")).token();
        assert_eq!(why(&unlike), Refusal::Decryption);
    }
}

#[test]
fn t45_only_ways_that_are_allowed_open_a_token() {
    let sealed = |name: &str, value: Value| why(&Sealed::new(BOTH[1]).with(name, value).token());
    for management in [
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A128KW",
        "ECDH-ES+A128KW",
        "PBES2-HS256+A128KW",
        "none",
        "",
    ] {
        assert_eq!(
            sealed("alg", json!(management)),
            Refusal::Algorithm,
            "{management}"
        );
    }
    for encryption in ["A128CBC-HS256", "A192GCM", "none", "a256gcm"] {
        assert_eq!(
            sealed("enc", json!(encryption)),
            Refusal::Algorithm,
            "{encryption}"
        );
    }
    assert_eq!(sealed("alg", Value::Null), Refusal::Algorithm);
    let narrow = Decryption::new([key()], [KeyManagement::EcdhEs], [BOTH[1]]);
    let refused = narrow.decrypt(&Sealed::new(BOTH[0]).token());
    assert_eq!(refused.unwrap_err(), Refusal::AlgorithmNotAllowed.into());
    let none = Decryption::new([key()], [], BOTH);
    let refused = none.decrypt(&Sealed::new(BOTH[0]).token());
    assert_eq!(refused.unwrap_err(), Refusal::AlgorithmNotAllowed.into());
    for (name, value) in [
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("jku", json!("https://attacker.example/jwks")),
        ("jwk", json!({})),
        ("cty", json!("text")),
        ("cty", json!(7)),
        ("apu", json!("=")),
        ("apv", json!(7)),
    ] {
        assert_eq!(sealed(name, value), Refusal::HeaderParameter(name), "{name}");
    }
}

#[test]
fn t45_a_key_off_the_curve_or_of_another_is_refused() {
    let number = |byte: u8| BASE64.encode([byte; 32]);
    let ours: Value = serde_json::from_str(&key().public_jwk()).unwrap();
    for epk in [
        json!({ "kty": "EC", "crv": "P-256", "x": number(1), "y": number(1) }),
        json!({ "kty": "EC", "crv": "P-256", "x": number(0), "y": number(0) }),
        json!({ "kty": "EC", "crv": "P-384", "x": ours["x"], "y": ours["y"] }),
        json!({ "kty": "OKP", "crv": "X25519", "x": ours["x"] }),
        json!({ "kty": "EC", "crv": "P-256", "x": ours["x"] }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": ours["y"] }),
        json!("AA"),
    ] {
        let token = Sealed::new(BOTH[1]).with("epk", epk.clone()).token();
        assert_eq!(why(&token), Refusal::Decryption, "{epk}");
    }
}

#[test]
fn t45_what_is_encrypted_and_not_signed_is_nobodys_word() {
    for plain in [r#"{"sub":"ann"}"#, "", "a.b", "a.b.c.d", "a.b.c.d.e"] {
        let mut sealed = Sealed::new(BOTH[0]);
        plain.clone_into(&mut sealed.plain);
        assert_eq!(why(&sealed.token()), Refusal::Parts, "{plain}");
    }
    for clear in [INNER, "", "a.b.c.d", "a.b.c.d.e.f"] {
        assert_eq!(why(clear), Refusal::Parts, "{clear}");
    }
}

#[test]
fn a_key_is_meant_by_its_name_or_because_there_is_no_other() {
    let other = || {
        let pem = include_str!("../keys/p256.sec1.pem");
        let pkcs8 = grantflow_jwt::SigningKey::generate(grantflow_jwt::Algorithm::Es256).unwrap();
        assert!(DecryptionKey::from_pem(pem).is_ok());
        let body = base64::prelude::BASE64_STANDARD.encode(pkcs8);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
        DecryptionKey::from_pem(&pem).unwrap()
    };
    let open = |keys: Vec<DecryptionKey>, token: &str| {
        let decryption = Decryption::new(keys, [KeyManagement::EcdhEs], BOTH);
        decryption.decrypt(token).is_ok()
    };
    let (named, unnamed) = (
        Sealed::new(BOTH[0]).token(),
        Sealed::new(BOTH[0]).with("kid", Value::Null).token(),
    );
    assert!(open(vec![other().with_key_id("2"), key()], &named));
    assert!(
        !open(vec![other().with_key_id("2"), key()], &unnamed),
        "which one?"
    );
    assert!(!open(vec![other().with_key_id("2")], &named));
    assert!(!open(vec![other()], &named), "it was for another key");
    assert!(!open(Vec::new(), &named));
}

#[test]
fn t46_a_long_token_is_not_looked_at() {
    let long = format!(
        "{}.{}",
        Sealed::new(BOTH[0]).token(),
        "A".repeat(MAX_TOKEN_LENGTH)
    );
    assert_eq!(why(&long), Refusal::TooLong);
    assert_eq!(why(&".".repeat(MAX_TOKEN_LENGTH + 1)), Refusal::TooLong);
    assert_eq!(why(&".".repeat(MAX_TOKEN_LENGTH)), Refusal::Parts);
}

#[test]
fn a_key_that_is_no_key_to_decrypt_with_is_refused() {
    let bad = |key: Result<DecryptionKey, Error>| match key {
        Err(Error::BadKey(why)) => why,
        other => panic!("{other:?}"),
    };
    let pem = |text| bad(DecryptionKey::from_pem(text));
    assert_eq!(pem(include_str!("../keys/p384.pkcs8.pem")), BadKey::Unsupported);
    assert_eq!(pem(include_str!("../keys/rsa.pkcs8.pem")), BadKey::Unsupported);
    assert_eq!(
        pem(include_str!("../keys/ed25519.pkcs8.pem")),
        BadKey::Unsupported
    );
    assert_eq!(
        pem(include_str!("../keys/rsa.encrypted-pkcs8.pem")),
        BadKey::Encrypted
    );
    assert_eq!(pem(include_str!("../keys/p256.spki.pem")), BadKey::NotFound);
    assert!(DecryptionKey::from_pem(include_str!("../keys/p256.no-public-half.pem")).is_ok());

    let vector: Value = serde_json::from_str(include_str!("../vectors/rfc7518-appendix-c.json")).unwrap();
    let jwk = |name: &str, value: Value| {
        let mut jwk = vector["bob"].clone();
        jwk[name] = value;
        DecryptionKey::from_jwk(&jwk.to_string())
    };
    assert!(jwk("use", json!("enc")).is_ok() && jwk("key_ops", json!(["deriveBits"])).is_ok());
    assert_eq!(bad(jwk("use", json!("sig"))), BadKey::Purpose);
    assert_eq!(bad(jwk("key_ops", json!(["sign"]))), BadKey::Purpose);
    assert_eq!(bad(jwk("crv", json!("P-384"))), BadKey::Unsupported);
    assert_eq!(bad(jwk("x", vector["epk"]["x"].clone())), BadKey::Inconsistent);
    assert_eq!(bad(jwk("d", json!("AA"))), BadKey::Malformed);
    let named = jwk("kid", json!("7")).unwrap();
    assert_eq!(named.key_id(), Some("7"));
    let public: Value = serde_json::from_str(&named.public_jwk()).unwrap();
    assert_eq!(
        (&public["kid"], &public["x"], public.get("d")),
        (&json!("7"), &vector["bob"]["x"], None)
    );
    assert!(!format!("{named:?}").contains("VEmD"));
}

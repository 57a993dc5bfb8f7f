//! F6 of the table of threats: keys and sets of keys, in all their forms.
//!
//! ```text
//! first byte  0  PEM                    1  PKCS #8    2  PKCS #1    3  SEC 1       private
//!             4  SubjectPublicKeyInfo   5  certificate                              public
//!             6  JWK                    7  JWK Set    8  HMAC secret
//!             9  a signature of ECDSA in DER, as a key that lives elsewhere gives it
//!            10  the key file of a service account   11  one that oauth2client stored
//! ```
//!
//! What is read as a key that signs does sign, and its other half verifies that. A public key has a thumbprint of 43 characters, is
//! the same when it is written as JWK and read again, and never takes HMAC; what is no key is refused with an error that prints
//! nothing of it.

use grantflow_core::flow::TokenSource as _;
use grantflow_google::{ServiceAccountKey, StoredServiceAccount};
use grantflow_jwt::{Algorithm, Error, KeySet, SigningKey, VerifyingKey};
use serde_json::Value;

/// Reads the rest of the input as what its first byte says.
///
/// # Panics
///
/// If a promise is broken.
pub fn key_read(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    let text = str::from_utf8(content);
    match (kind % 12, text) {
        (0, Ok(text)) => {
            private(SigningKey::from_pem(text), text.as_bytes());
            public(VerifyingKey::from_pem(text));
        }
        (1, _) => private(SigningKey::from_pkcs8_der(content), content),
        (2, _) => private(SigningKey::from_pkcs1_der(content), content),
        (3, _) => private(SigningKey::from_sec1_der(content), content),
        (4, _) => public(VerifyingKey::from_spki_der(content)),
        (5, _) => public(VerifyingKey::from_certificate_der(content)),
        (6, Ok(text)) => {
            private(SigningKey::from_jwk(text), content);
            public(VerifyingKey::from_jwk(text));
        }
        (7, Ok(text)) => set(text),
        (8, _) => private(SigningKey::from_hmac_secret(content), content),
        (9, _) => signature(content),
        (10, Ok(text)) => account(ServiceAccountKey::from_json(text)),
        (11, Ok(text)) => account(StoredServiceAccount::from_json(text).map(|stored| {
            // Whatever claims were stored, they make a source or an error.
            if let Ok(source) = stored.credentials() {
                assert_eq!(source.client().id(), stored.key().service_account_email());
            }
            stored.key().clone()
        })),
        _ => {}
    }
}

/// An account's tokens are asked for at Google's addresses and nowhere else, and its key is printed nowhere.
fn account(read: Result<ServiceAccountKey, grantflow_core::Error>) {
    let key = match read {
        Ok(key) => key,
        Err(error) => {
            let told = format!("{error} {error:?}");
            return assert!(!told.contains("BEGIN"), "{told}");
        }
    };
    assert!(!format!("{key:?}").contains("BEGIN"));
    let Ok(source) = key.credentials("a") else { return };
    let address = source.client().token_endpoint().as_str().to_owned();
    let rest = address.strip_prefix("https://").expect("https");
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    assert!(
        [
            "oauth2.googleapis.com",
            "accounts.google.com",
            "www.googleapis.com"
        ]
        .contains(&host),
        "{address}"
    );
}

fn private(read: Result<SigningKey, Error>, source: &[u8]) {
    let key = match read {
        Ok(key) => key,
        Err(error) => return printable(&error),
    };
    assert!(format!("{key:?}").len() < 64 + 8 * key.key_id().map_or(0, str::len));
    let other_half = key.verifying_key().expect("it has one");
    assert_eq!(key.key_id(), other_half.key_id());
    for algorithm in Algorithm::ALL {
        assert_eq!(key.fits(algorithm), other_half.fits(algorithm), "{algorithm}");
        if !key.fits(algorithm) {
            assert!(key.sign_bytes(algorithm, source).is_err(), "{algorithm}");
            continue;
        }
        match key.sign_bytes(algorithm, source) {
            Ok(signature) => {
                let verified = other_half.verify_bytes(algorithm, source, &signature);
                verified.expect("its other half verifies it");
                let other = other_half.verify_bytes(algorithm, b"another message", &signature);
                assert!(other.is_err() || source == b"another message");
            }
            Err(error) => printable(&error),
        }
    }
    match other_half.thumbprint() {
        Some(_) => public(Ok(other_half)),
        None => {
            assert!(key.fits(Algorithm::Hs256) || key.fits(Algorithm::Hs384) || key.fits(Algorithm::Hs512))
        }
    }
}

fn public(read: Result<VerifyingKey, Error>) {
    let key = match read {
        Ok(key) => key,
        Err(error) => return printable(&error),
    };
    for hmac in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        assert!(!key.fits(hmac), "a public key is no secret");
    }
    let thumbprint = key.thumbprint().expect("a public key has one");
    assert_eq!(thumbprint.len(), 43);
    let json = key.to_jwk().expect("a public key can be written");
    let again = VerifyingKey::from_jwk(&json).expect("what is written can be read");
    assert_eq!(again.thumbprint().as_ref(), Some(&thumbprint));
    assert_eq!(again.key_id(), key.key_id());
    assert_eq!(again.to_jwk(), Some(json));
    for algorithm in Algorithm::ALL {
        let signature = key.verify_bytes(algorithm, b"message", &[1; 64]);
        assert!(signature.is_err(), "nobody signed this");
    }
}

/// No more keys than there are, and each of them one that could be read alone.
fn set(text: &str) {
    let set = match KeySet::from_json(text) {
        Ok(set) => set,
        Err(error) => return printable(&error),
    };
    // Escapes of no character are JSON too, but no text.
    if let Ok(read) = serde_json::from_str::<Value>(text) {
        let all = read["keys"].as_array().map_or(0, Vec::len);
        assert_eq!(set.len() + set.skipped(), all);
    }
    for key in set.iter() {
        public(Ok(key.clone()));
        for algorithm in Algorithm::ALL {
            if let Ok(found) = set.find(key.key_id(), algorithm) {
                assert!(found.fits(algorithm), "{algorithm}");
                let another =
                    key.fits(algorithm) && key.key_id().is_some_and(|id| found.key_id() != Some(id));
                assert!(!another, "{algorithm}: another than the one that was named");
            }
        }
    }
}

/// DER has one form for each signature.
fn signature(der: &[u8]) {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let numbers = match algorithm.signature_from_der(der) {
            Ok(numbers) => numbers,
            Err(error) => return printable(&error),
        };
        let (r, s) = numbers.split_at(numbers.len() / 2);
        let written = [integer(r), integer(s)].concat();
        let length = u8::try_from(written.len()).expect("no signature is that long");
        assert_eq!([&[0x30, length], &*written].concat(), der, "{algorithm}");
    }
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = if number[0] < 0x80 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + number.len()).expect("no number is that long");
    [&[2, length], sign, number].concat()
}

fn printable(error: &Error) {
    assert!(!format!("{error} {error:?}").is_empty());
}

//! PKCS #12: a file as Google made them, and one as OpenSSL makes them now.

use grantflow_jwt::{Algorithm, BadKey, Error, SigningKey};

use crate::support::pem as key_file;

const GOOGLES: &[u8] = include_bytes!("../keys/rsa.google.p12");
const MODERN: &[u8] = include_bytes!("../keys/rsa.modern.p12");

#[test]
fn the_key_in_an_old_and_in_a_new_file_is_the_one_in_pem() {
    let pem = SigningKey::from_pem(&key_file("rsa.pkcs8")).unwrap();
    let expected = pem.sign_bytes(Algorithm::Rs256, b"the same bytes").unwrap();
    for file in [GOOGLES, MODERN] {
        let key = SigningKey::from_pkcs12(file, "notasecret").unwrap();
        assert_eq!(
            key.sign_bytes(Algorithm::Rs256, b"the same bytes").unwrap(),
            expected
        );
    }
}

#[test]
fn another_password_or_a_broken_file_is_an_error() {
    for file in [GOOGLES, MODERN] {
        assert_eq!(
            SigningKey::from_pkcs12(file, "another").unwrap_err(),
            Error::BadKey(BadKey::Password)
        );
        for end in [0, 1, 4, 100, file.len() - 1] {
            assert!(
                SigningKey::from_pkcs12(&file[..end], "notasecret").is_err(),
                "{end}"
            );
        }
    }
    assert!(SigningKey::from_pkcs12(&[0x30; 300 * 1024], "").is_err());
    assert!(SigningKey::from_pkcs12(key_file("rsa.pkcs8").as_bytes(), "notasecret").is_err());
}

//! PKCS #12 files ([RFC 7292]), as Google gave them out for service accounts before there were key files in JSON.
//!
//! [RFC 7292]: https://www.rfc-editor.org/rfc/rfc7292

use p12_keystore::error::Error as Problem;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};

use super::SigningKey;
use crate::error::{BadKey, Error};

impl SigningKey {
    /// Reads the first private key of a PKCS #12 file; Google's all had the password `notasecret`.
    ///
    /// Encrypted with 3DES or RC2, as old files are, or with AES. What the reader of the file leaves in memory is not cleared, and the
    /// file says how long its password takes to try: read only files of somebody you trust.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`]: [`BadKey::Password`] for another password, [`BadKey::Unsupported`] for another way to encrypt.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use grantflow_jwt::SigningKey;
    ///
    /// let key = SigningKey::from_pkcs12(&std::fs::read("key.p12")?, "notasecret")?;
    /// # let _ = key;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_pkcs12(der: &[u8], password: &str) -> Result<Self, Error> {
        if der.len() > LONGEST {
            return Err(BadKey::Malformed.into());
        }
        // Strict: a key belongs to its certificate, or the file is not what it was.
        let store = KeyStore::from_pkcs12(der, password, Pkcs12ImportPolicy::Strict).map_err(bad)?;
        let (_, chain) = store.private_key_chain().ok_or(BadKey::NotFound)?;
        Self::from_pkcs8_der(chain.key().as_der())
    }
}

fn bad(problem: Problem) -> BadKey {
    match problem {
        Problem::MacError(_) => BadKey::Password,
        Problem::UnsupportedEncryptionScheme | Problem::UnsupportedMacAlgorithm => BadKey::Unsupported,
        _ => BadKey::Malformed,
    }
}

/// More than any chain of certificates needs.
const LONGEST: usize = 256 * 1024;

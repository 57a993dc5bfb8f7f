//! [`Signer`]: a key in this process or elsewhere, in one slot.
//!
//! ```text
//! Signer::sign ─┬─▶ Signing::Done(Jws)
//!               └─▶ Signing::Due(SignatureDue) ─▶ whoever has the key ── accept ─▶ Jws
//! ```
//!
//! A key management service, a hardware module or a metadata server signs what [`SignatureDue`] says and gives the signature to it.
//! How they are asked is not this crate's business: nothing here does I/O.

use std::fmt;
use std::sync::Arc;

use super::{Header, Jws, SigningInput};
use crate::{Algorithm, Error, SigningKey};

/// A key to sign with, wherever it lives, and the algorithm it signs with.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, Signer, Signing, SigningKey};
///
/// # fn ask_the_service(_: &str, message: &[u8]) -> Result<Vec<u8>, grantflow_jwt::Error> {
/// #     SigningKey::from_hmac_secret(&[7; 32])?.sign_bytes(Algorithm::Hs256, message)
/// # }
/// let signer = Signer::remote(Algorithm::Hs256, "projects/p/keys/k");
/// let jws = match signer.sign(&signer.header()?, b"{}")? {
///     Signing::Done(jws) => jws,
///     Signing::Due(due) => {
///         let signature = ask_the_service(due.key(), due.message())?;
///         due.accept(&signature)?
///     }
/// };
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signer {
    algorithm: Algorithm,
    place: Place,
    key_id: Option<String>,
}

#[derive(Clone, Debug)]
enum Place {
    Here(Arc<SigningKey>),
    Elsewhere(Arc<str>),
}

impl Signer {
    /// A key in this process, which signs at once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm takes another type of key.
    pub fn local(key: impl Into<Arc<SigningKey>>, algorithm: Algorithm) -> Result<Self, Error> {
        let key = key.into();
        key.header(algorithm)?;
        Ok(Self {
            algorithm,
            key_id: key.key_id().map(str::to_owned),
            place: Place::Here(key),
        })
    }

    /// A key that lives elsewhere, by the name that whoever has it knows.
    pub fn remote(algorithm: Algorithm, key: impl Into<Arc<str>>) -> Self {
        Self {
            algorithm,
            key_id: None,
            place: Place::Elsewhere(key.into()),
        }
    }

    /// Names the key, as the `kid` of headers.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A header with the algorithm and, if the key has one, its `kid`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] never, for a signer that could be made.
    pub fn header(&self) -> Result<Header, Error> {
        match &self.key_id {
            Some(key_id) => Header::new(self.algorithm).with("kid", key_id),
            None => Ok(Header::new(self.algorithm)),
        }
    }

    /// Signs, or says who has to.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the header has another algorithm, otherwise as [`SigningKey::sign`].
    pub fn sign(&self, header: &Header, payload: &[u8]) -> Result<Signing, Error> {
        if header.algorithm() != self.algorithm {
            return Err(Error::input(
                "the header",
                "has another algorithm than the signer",
            ));
        }
        match &self.place {
            Place::Here(key) => key.sign(header, payload).map(Signing::Done),
            Place::Elsewhere(key) => Ok(Signing::Due(SignatureDue {
                algorithm: self.algorithm,
                key: Arc::clone(key),
                input: SigningInput::new(header, payload),
            })),
        }
    }
}

/// What became of a token that was to be signed.
#[derive(Debug)]
#[must_use = "a signature that is due has to be asked for"]
#[expect(clippy::exhaustive_enums, reason = "a key is either here or elsewhere")]
pub enum Signing {
    /// It is signed.
    Done(Jws),
    /// Somebody else has the key.
    Due(SignatureDue),
}

/// A token that waits for the signature of a key that lives elsewhere.
#[must_use = "the token is not signed yet"]
pub struct SignatureDue {
    algorithm: Algorithm,
    key: Arc<str>,
    input: SigningInput,
}

impl SignatureDue {
    /// The algorithm to sign with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key to sign with, by the name given to [`Signer::remote`].
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The bytes to sign.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// Their digest, for services that take it instead of them: of SHA-256, SHA-384 or SHA-512, as the algorithm has it. `None` for
    /// EdDSA, which signs the bytes themselves, and for HMAC.
    #[must_use]
    pub fn digest(&self) -> Option<Vec<u8>> {
        self.algorithm.digest(self.message())
    }

    /// Takes the signature in the form that JWS has ([RFC 7518 section 3.4]: for ECDSA the two numbers one after the other,
    /// not DER, for which there is [`accept_der`](Self::accept_der)) and gives the token.
    ///
    /// Whether it verifies is not looked at, only its length: the public half of the key is not here.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if no signature of the algorithm is that long.
    ///
    /// [RFC 7518 section 3.4]: https://www.rfc-editor.org/rfc/rfc7518#section-3.4
    pub fn accept(self, signature: &[u8]) -> Result<Jws, Error> {
        if self.algorithm.signature_lengths().contains(&signature.len()) {
            Ok(self.input.with(signature))
        } else {
            Err(Error::input(
                "the signature",
                "is not as long as one of the algorithm",
            ))
        }
    }

    /// Takes a signature of ECDSA in DER, as most services write it; otherwise as [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the algorithm is another, or if that is not DER of two positive numbers that fit its curve.
    pub fn accept_der(self, signature: &[u8]) -> Result<Jws, Error> {
        let numbers = self.algorithm.signature_from_der(signature)?;
        self.accept(&numbers)
    }
}

impl fmt::Debug for SignatureDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, key) = (self.algorithm, &self.key);
        write!(
            f,
            "SignatureDue({algorithm}, key {key:?}, [{} bytes])",
            self.message().len()
        )
    }
}

//! [`Header`]: the JOSE header of a token that is to be signed ([RFC 7515 section 4]).
//!
//! [RFC 7515 section 4]: https://www.rfc-editor.org/rfc/rfc7515#section-4

use std::fmt;

use serde::Serialize;

use crate::json::{self, Members};
use crate::{Algorithm, Error, base64url};

const WHAT: &str = "the header";

/// Says with which algorithm a token is signed, and whatever else is to be in its header, in the order given.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{Algorithm, Header};
///
/// let header = Header::new(Algorithm::Rs256).with("typ", "JWT")?.with("kid", "1")?;
/// assert_eq!(header.as_str(), r#"{"alg":"RS256","typ":"JWT","kid":"1"}"#);
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Clone)]
pub struct Header {
    algorithm: Algorithm,
    members: Members,
    /// As it stands in a token, where that is kept.
    encoded: Option<Vec<u8>>,
}

impl Header {
    /// A header with `alg` alone.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let text = [r#"{"alg":""#, algorithm.name(), r#""}"#];
        Self::of(algorithm, Members::written(&text, &["alg"]))
    }

    /// Takes the text of a header as it is, white space and order included.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is not a JSON object, has a member twice or no known `alg`, or has `crit` or `b64`: this
    /// crate has no extension of JWS.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let members = Members::from_json(text, WHAT)?;
        let object = json::object(text.as_bytes()).unwrap_or_default();
        let name = object.get("alg").and_then(|name| name.as_str());
        let algorithm = name
            .and_then(Algorithm::named)
            .ok_or(Error::input(WHAT, "has no known `alg`"))?;
        if object.contains_key("crit") || object.contains_key("b64") {
            return Err(Error::input(WHAT, "has `crit` or `b64`"));
        }
        Ok(Self::of(algorithm, members))
    }

    fn of(algorithm: Algorithm, members: Members) -> Self {
        Self {
            algorithm,
            members,
            encoded: None,
        }
    }

    /// Appends a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is there already, if it is `crit` or `b64`, or if JSON cannot write the value.
    pub fn with(self, name: &str, value: impl Serialize) -> Result<Self, Error> {
        if matches!(name, "crit" | "b64") {
            return Err(Error::input(WHAT, "has `crit` or `b64`"));
        }
        let members = self.members.with(name, &value, WHAT)?;
        Ok(Self::of(self.algorithm, members))
    }

    /// Encodes it now and not with each token: for a header of many tokens, such as one with a key in it.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_jwt::{Algorithm, Header, SigningKey};
    ///
    /// let key = SigningKey::from_hmac_secret(&[7; 32])?;
    /// let header = Header::new(Algorithm::Hs256).with("typ", "JWT")?;
    /// let same = header.clone().encoded_once();
    /// assert_eq!(key.sign(&same, b"{}")?.expose(), key.sign(&header, b"{}")?.expose());
    /// # Ok::<(), grantflow_jwt::Error>(())
    /// ```
    #[must_use]
    pub fn encoded_once(mut self) -> Self {
        let mut encoded = Vec::new();
        self.push_encoded(&mut encoded);
        self.encoded = Some(encoded);
        self
    }

    /// Appends it as it stands in a token.
    pub(super) fn push_encoded(&self, text: &mut Vec<u8>) {
        match &self.encoded {
            Some(encoded) => text.extend_from_slice(encoded),
            None => base64url::push(text, self.as_str().as_bytes()),
        }
    }

    /// With `"typ":"JWT"` before everything else, where oauth2client and google-auth have it ([RFC 7519 section 5.1]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if there is a `typ` already.
    ///
    /// [RFC 7519 section 5.1]: https://www.rfc-editor.org/rfc/rfc7519#section-5.1
    pub fn typed(&self) -> Result<Self, Error> {
        // A header has at least its `alg`.
        let rest = self.as_str().trim_start().trim_start_matches('{');
        Self::from_json(&format!(r#"{{"typ":"JWT",{rest}"#))
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.members.as_str()
    }
}

/// The names of its parameters, and none of their values.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("algorithm", &self.algorithm)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

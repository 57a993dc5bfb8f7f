//! [`VerifiedClaims`]: what a token says, once all of it has been checked.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::jws::VerifiedJws;
use crate::{Error, NumericDate};

/// The claims of a token that is to be believed. Only [`Verification::verify`](crate::Verification::verify) makes one.
pub struct VerifiedClaims {
    jws: VerifiedJws,
    claims: Map<String, Value>,
}

impl VerifiedClaims {
    pub(super) fn new(jws: VerifiedJws, claims: Map<String, Value>) -> Self {
        Self { jws, claims }
    }

    /// Who issued the token: `iss`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// Whom it is about: `sub`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub")?.as_str()
    }

    /// When it ends: `exp`.
    #[must_use]
    pub fn expires_at(&self) -> Option<NumericDate> {
        NumericDate::read(self.claims.get("exp")?)
    }

    /// When it was issued: `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        NumericDate::read(self.claims.get("iat")?)
    }

    /// Any claim, as any type; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the claim is of another type.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|_| Error::input("the claim", "is of another type")),
        }
    }

    /// The token they stood in: its header, and its payload byte for byte.
    #[must_use]
    pub const fn jws(&self) -> &VerifiedJws {
        &self.jws
    }
}

/// The names of the claims, and none of their values.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedClaims")?;
        f.debug_set().entries(self.claims.keys()).finish()
    }
}

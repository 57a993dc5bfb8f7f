//! Userinfo: what a server tells of the user that a token speaks for ([OpenID Connect Core section 5.3]).
//!
//! ```text
//! UserInfoRequest ─▶ Send(token) ─┬─ JSON ────────────────────────────────┬─▶ same subject ─▶ UserInfo
//!                                 └─ a signed token ─▶ keys ─▶ iss, aud ──┘
//! ```
//!
//! [OpenID Connect Core section 5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

mod request;

use std::fmt;

use grantflow_core::Error;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::id_token::Identity;

pub use request::UserInfoRequest;

/// What a server tells of a user: the one of the ID token that was there before. Only [`UserInfoRequest`] makes one.
pub struct UserInfo {
    identity: Identity,
    claims: Map<String, Value>,
}

impl UserInfo {
    /// The user: `sub`, that of the ID token.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// Any claim, as any type; `None` if it is not there, or null.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] if the claim is of another type.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let wrong = |_| Error::TokenRefused("a claim is of the wrong type");
        match self.claims.get(name) {
            // Section 5.3.2: a claim that is not told "SHOULD NOT be present with a null or empty string value"; some are.
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(wrong),
        }
    }

    /// The names of all claims.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.claims.keys().map(String::as_str)
    }

    /// The user's e-mail address, if the server says that it is theirs (`email_verified`).
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        // Some servers write the truth as text.
        let is = |value: &Value| *value == true || *value == "true";
        let verified = self.claims.get("email_verified").is_some_and(is);
        verified.then(|| self.claims.get("email")?.as_str())?
    }
}

/// The names of the claims, and none of their values.
impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInfo")?;
        f.debug_set().entries(self.claims.keys()).finish()
    }
}

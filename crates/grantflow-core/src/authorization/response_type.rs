//! What an authorization request asks for ([RFC 6749 section 3.1.1], [OpenID Connect Core section 3.3]).
//!
//! [RFC 6749 section 3.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1
//! [OpenID Connect Core section 3.3]: https://openid.net/specs/openid-connect-core-1_0.html#HybridFlowAuth

use serde::{Deserialize, Serialize};

/// What comes back to the redirect address. An access token never does: it would be in a browser.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ResponseType {
    /// `code`: a code alone.
    #[default]
    #[serde(rename = "code")]
    Code,
    /// `code id_token`: a code and an ID token, which says that the code, and the state where it is asked for, are the server's own
    /// (the hybrid flow). It is proven before the code is sent to anybody.
    #[serde(rename = "code id_token")]
    CodeIdToken,
}

impl ResponseType {
    /// The type as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
        }
    }

    /// Whether an ID token comes beside the code.
    #[must_use]
    pub const fn has_id_token(self) -> bool {
        matches!(self, Self::CodeIdToken)
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Self::Code
    }
}

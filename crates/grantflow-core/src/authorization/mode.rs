//! How the answer to an authorization request comes back ([OAuth 2.0 Multiple Response Type Encoding Practices section 2.1],
//! [OAuth 2.0 Form Post Response Mode], [JARM section 2.3]).
//!
//! [OAuth 2.0 Multiple Response Type Encoding Practices section 2.1]: https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html
//! [OAuth 2.0 Form Post Response Mode]: https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
//! [JARM section 2.3]: https://openid.net/specs/oauth-v2-jarm.html

use serde::{Deserialize, Serialize};

/// Where the answer stands, and whether it is signed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ResponseMode {
    /// `query`: in the address that the browser is sent to. It is what servers do for a code, so it is not asked for by name.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// `form_post`: in the body of a POST, which is in no history and in no `Referer` (threat T10).
    #[serde(rename = "form_post")]
    FormPost,
    /// `query.jwt`: one parameter in the address, signed by the server.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// `form_post.jwt`: one parameter in the body of a POST, signed by the server.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// The mode as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the answer comes in the body of a POST.
    #[must_use]
    pub const fn is_posted(self) -> bool {
        matches!(self, Self::FormPost | Self::FormPostJwt)
    }

    /// Whether the answer is signed (JARM).
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FormPostJwt)
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Self::Query
    }
}

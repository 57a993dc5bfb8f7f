//! The form of `providers.json`, by the names of [RFC 8414 section 2] where it has them.
//!
//! [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;

use super::placeholder::Wanted;
use crate::Quirks;

/// What is known of one provider. A name in braces is a placeholder.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) docs: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) placeholders: BTreeMap<String, Wanted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    /// Values of placeholders that stand for many issuers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) no_issuer_where: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device_authorization_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revocation_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) introspection_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) userinfo_endpoint: Option<String>,
    /// How a secret is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_authentication: Option<Sent>,
    /// Of every authorization request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parameters: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) quirks: Quirks,
    /// Where tokens may be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) origins: Vec<String>,
    /// Of every call of an API; `{client_id}` stands for the client id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) api_headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token_scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) loopback_redirect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// Where a secret stands in a request.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "lowercase")]
pub(super) enum Sent {
    Basic,
    Post,
}

/// The file, as text.
pub(super) const FILE: &str = include_str!("../providers.json");

/// All of the file, in its order.
pub(super) fn all() -> &'static [Facts] {
    // A test reads the file with the same types, so it is never empty.
    static ALL: LazyLock<Vec<Facts>> = LazyLock::new(|| serde_json::from_str(FILE).unwrap_or_default());
    &ALL
}

#[cfg(test)]
fn is_default(quirks: &Quirks) -> bool {
    *quirks == Quirks::default()
}

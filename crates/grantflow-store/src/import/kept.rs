//! What a file said beyond a record, kept among the extras of its token, so that an export gives it back.
//!
//! ```text
//! "grantflow_import": {"of": "<issued_at of the token>", "format": "oauth2client",
//!                      "members": {…without secrets…}, "tokens": ["access_token"], "extras": ["instance_url"]}
//! ```
//!
//! The token, the client's secret and the ID token have their places in the record and stand nowhere twice. Once the token has
//! been refreshed, what was said of the old one (`of` another time) counts no more.

use grantflow_core::{Extras, Token};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The name of the extra member.
pub(super) const NAME: &str = "grantflow_import";

pub(super) const OAUTH2CLIENT: &str = "oauth2client";
pub(super) const GOOGLE_AUTH: &str = "google-auth";

#[derive(Default, Deserialize, Serialize)]
pub(super) struct Kept {
    /// When the token was issued that this was said of.
    of: String,
    /// Whose members they are.
    pub(super) format: String,
    /// The members as they came, but for secrets.
    pub(super) members: Map<String, Value>,
    /// Names of secrets that stood in the token's reply as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tokens: Vec<String>,
    /// Names of members of the token's reply that became extras of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) extras: Vec<String>,
}

impl Kept {
    pub(super) fn new(format: &str, members: &Map<String, Value>, secrets: &[&str]) -> Self {
        let members = members
            .iter()
            .filter(|(name, _)| !secrets.contains(&name.as_str()));
        Self {
            format: format.to_owned(),
            members: members
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            ..Self::default()
        }
    }

    /// Puts it among the extras of its token.
    pub(super) fn put(mut self, token: &mut Token) -> Result<(), grantflow_core::Error> {
        self.of = token.issued_at.to_string();
        token.extras = std::mem::take(&mut token.extras).with(NAME, &self)?;
        Ok(())
    }

    /// What is kept with a token, and whether it is still this token's.
    pub(super) fn of(token: &Token, format: &str) -> Option<(Self, bool)> {
        let kept: Self = token.extras.get(NAME)?;
        let current = kept.of == token.issued_at.to_string();
        (kept.format == format).then_some((kept, current))
    }
}

/// The extras that a server sent.
pub(super) fn of_the_server(extras: &Extras) -> Map<String, Value> {
    let names = extras.names().into_iter().filter(|name| name != NAME);
    names
        .filter_map(|name| Some((name.clone(), extras.get(&name)?)))
        .collect()
}

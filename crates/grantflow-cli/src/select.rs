//! Which of several credentials: the parts of a key as options.

use grantflow::Key;
use serde_json::Value;

use crate::exit::{Failure, USAGE};

/// The options that choose among credentials; all that are given have to fit.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which credentials, where there are several")]
pub(crate) struct Selector {
    /// Those of this authorization server
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,

    /// Those of this client
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    /// Those of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,

    /// Those that were asked for with this scope; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// Those with this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
}

impl Selector {
    pub(crate) fn fits(&self, key: &Key) -> bool {
        let same = |wanted: &Option<String>, part: &str| wanted.as_ref().is_none_or(|wanted| wanted == part);
        same(&self.issuer, key.issuer())
            && same(&self.client_id, key.client_id())
            && same(&self.account, key.account())
            && same(&self.label, key.label())
            && self.scopes.iter().all(|scope| key.scopes().contains(scope))
    }
}

/// One is wanted, and these are there: said with the options that tell them apart.
pub(crate) fn ambiguous<'k>(what: &str, keys: impl IntoIterator<Item = &'k Key>) -> Failure {
    Failure::new(USAGE, what)
        .candidates(keys.into_iter().map(candidate))
        .hint("choose one with --issuer, --client-id, --account, --scope or --label")
}

/// The parts of a key, for a list of candidates.
pub(crate) fn candidate(key: &Key) -> Value {
    let parts = [
        ("issuer", key.issuer()),
        ("client_id", key.client_id()),
        ("account", key.account()),
        ("label", key.label()),
    ];
    let mut members: serde_json::Map<String, Value> = parts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    members.insert("scopes".to_owned(), key.scopes().iter().collect());
    Value::Object(members)
}

/// A candidate as the options that choose it.
pub(crate) fn as_options(candidate: &Value) -> String {
    let mut words = Vec::new();
    for (name, value) in candidate.as_object().into_iter().flatten() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter_map(Value::as_str) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte);
            let quoted = if !value.is_empty() && value.bytes().all(plain) {
                value.to_owned()
            } else {
                format!("'{}'", value.replace('\'', r"'\''"))
            };
            words.push(format!(
                "--{} {quoted}",
                name.trim_end_matches('s').replace('_', "-")
            ));
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use grantflow::{Client, Scopes};

    #[test]
    fn a_candidate_is_chosen_by_the_options_that_it_is_shown_as() {
        let client = Client::google("cid").unwrap();
        let key = Key::new(&client, Scopes::parse("a b").unwrap())
            .with_account("ann's")
            .with_label(r#"{"n":"2"}"#);
        let shown = as_options(&candidate(&key));
        assert_eq!(
            shown,
            r#"--account 'ann'\''s' --client-id cid --issuer https://accounts.google.com --label '{"n":"2"}' --scope a --scope b"#
        );
        let selector = |account: &str, scope: &str| Selector {
            account: Some(account.to_owned()),
            scopes: vec![scope.to_owned()],
            ..Selector::default()
        };
        assert!(Selector::default().fits(&key));
        assert!(selector("ann's", "a").fits(&key));
        assert!(!selector("ann", "a").fits(&key));
        assert!(!selector("ann's", "c").fits(&key));
    }
}

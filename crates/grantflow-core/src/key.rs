//! Which record: everything that makes one grant different from another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Client, Scopes};

/// The key of a record: issuer, client, account, scopes *requested*, resource, subject, user agent and label.
///
/// Two grants with different keys never share a token. Scopes count as a set.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Key, Scopes};
///
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let key = Key::new(&client, Scopes::parse("openid email")?).with_account("ann@example.com");
/// assert_eq!(key.issuer(), "https://accounts.google.com");
/// # Ok::<(), grantflow_core::Error>(())
/// ```
///
/// Clones are cheap: they share the parts.
#[derive(Clone, Eq, PartialEq)]
pub struct Key(Arc<Parts>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Parts {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) scopes: Scopes,
    pub(crate) resource: String,
    pub(crate) subject: String,
    pub(crate) user_agent: String,
    pub(crate) label: String,
}

impl Key {
    /// The key of what `client` is granted for `scopes`.
    #[must_use]
    pub fn new(client: &Client, scopes: Scopes) -> Self {
        Parts {
            issuer: client.issuer_or_endpoint().to_owned(),
            client_id: client.id().to_owned(),
            account: String::new(),
            scopes,
            resource: String::new(),
            subject: String::new(),
            user_agent: String::new(),
            label: String::new(),
        }
        .into()
    }

    /// Of this user: a name the application chose, or a verified subject or e-mail address.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.parts_mut().account = account.into();
        self
    }

    /// For this resource or audience (RFC 8707).
    #[must_use]
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.parts_mut().resource = resource.into();
        self
    }

    /// On behalf of this subject: delegation and impersonation.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.parts_mut().subject = subject.into();
        self
    }

    /// Of this user agent, which oauth2client's multistore counted.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.parts_mut().user_agent = user_agent.into();
        self
    }

    /// With this label, for an application that keeps several grants that are otherwise alike.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.parts_mut().label = label.into();
        self
    }

    /// With a label made of named parts, in any order: oauth2client's multistore had dictionaries for keys.
    ///
    /// The label is their JSON, sorted by name; that of one part named `key` is its value alone.
    ///
    /// # Example
    ///
    /// ```
    /// # use grantflow_core::{Client, Key, Scopes};
    /// # let client = Client::google("cid")?;
    /// let key = Key::new(&client, Scopes::none()).with_label_parts([("user", "ann"), ("tenant", "7")]);
    /// assert_eq!(key.label(), r#"{"tenant":"7","user":"ann"}"#);
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_label_parts<'a>(self, parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let parts: BTreeMap<&str, &str> = parts.into_iter().collect();
        match parts.get("key") {
            Some(value) if parts.len() == 1 => self.with_label(*value),
            // Strings always serialize.
            _ => self.with_label(serde_json::to_string(&parts).unwrap_or_default()),
        }
    }

    /// With other scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.parts_mut().scopes = scopes;
        self
    }

    /// The authorization server, by name or by the address of its token endpoint.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// The account; empty where none was named.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The scopes requested.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// The resource or audience; empty where none was named.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// The subject; empty where none was named.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The user agent; empty where none was named.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    /// The label; empty where none was named.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Whether the two differ at most in their scopes.
    #[must_use]
    pub fn same_but_for_scopes(&self, other: &Self) -> bool {
        self.parts().eq(other.parts())
    }

    /// The parts, to be changed; a key that shares them keeps its own.
    fn parts_mut(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        [
            &self.0.issuer,
            &self.0.client_id,
            &self.0.account,
            &self.0.resource,
            &self.0.subject,
            &self.0.user_agent,
            &self.0.label,
        ]
        .into_iter()
        .map(String::as_str)
    }

    /// SHA-256 of the canonical bytes, in hex: a name for a file or a row. The full key is still to be compared on a hit.
    ///
    /// Each part is preceded by its length, so that no two keys have the same bytes (threat T68).
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        part("grantflow key 1");
        self.parts().for_each(&mut part);
        self.0.scopes.sorted().into_iter().for_each(&mut part);
        // Four bits make one digit.
        let halves = hash
            .finalize()
            .into_iter()
            .flat_map(|byte| [byte >> 4, byte & 15]);
        halves
            .filter_map(|half| char::from_digit(half.into(), 16))
            .collect()
    }
}

impl From<Parts> for Key {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Key, Parts};
    use crate::Scopes;

    /// Keys that differ little: of short parts, of few letters, with what other libraries take for separators.
    fn key() -> impl Strategy<Value = Key> {
        let part = || prop::sample::select(vec!["", "a", "aa", "aaa", "|", "a|", "|a", "\0", " ", "a a"]);
        let scopes = prop::collection::vec(prop::sample::select(vec!["a", "aa", "b", "|"]), 0..4);
        let parts = (part(), part(), part(), part(), part(), part(), part());
        (parts, scopes).prop_map(|(parts, scopes)| {
            Key::from(Parts {
                issuer: parts.0.to_owned(),
                client_id: parts.1.to_owned(),
                account: parts.2.to_owned(),
                scopes: Scopes::granted(scopes),
                resource: parts.3.to_owned(),
                subject: parts.4.to_owned(),
                user_agent: parts.5.to_owned(),
                label: parts.6.to_owned(),
            })
        })
    }

    /// The last letters of one part, moved to the front of the next.
    fn shifted(key: &Key, letters: usize) -> Key {
        let client_id = key.client_id();
        let (kept, moved) = client_id.split_at(client_id.len().saturating_sub(letters));
        let mut shifted = key.clone();
        shifted.parts_mut().client_id = kept.to_owned();
        shifted.with_account(format!("{moved}{}", key.account()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t68_keys_have_the_same_digest_if_and_only_if_they_are_equal(
            keys in prop::collection::vec(key(), 2..40),
            letters in 1_usize..3,
        ) {
            let mut by_digest: HashMap<String, Key> = HashMap::new();
            let shifted: Vec<Key> = keys.iter().map(|key| shifted(key, letters)).collect();
            for key in keys.iter().chain(&shifted) {
                let known = by_digest.entry(key.digest()).or_insert_with(|| key.clone());
                prop_assert_eq!(&*known, key);
            }
            // And no two digests are of one key.
            let mut unique: Vec<&Key> = Vec::new();
            for key in by_digest.values() {
                prop_assert!(!unique.contains(&key));
                unique.push(key);
            }
        }
    }

    #[test]
    fn t68_what_a_separator_would_mix_up_is_told_apart() {
        let key = |issuer: &str, client_id: &str, scopes: &str| {
            Key::from(Parts {
                issuer: issuer.to_owned(),
                client_id: client_id.to_owned(),
                account: String::new(),
                scopes: Scopes::granted([scopes]),
                resource: String::new(),
                subject: String::new(),
                user_agent: String::new(),
                label: String::new(),
            })
        };
        assert_ne!(key("a|b", "c", "").digest(), key("a", "b|c", "").digest());
        assert_eq!(key("a", "b", "x y").digest(), key("a", "b", "y x").digest());
        // The label is the last part before the scopes.
        let labelled = key("a", "b", "").with_label("x");
        assert_ne!(labelled.digest(), key("a", "b", "x").digest());
    }
}

//! Which of several credentials: the parts of a key as options.

use std::fmt::Write as _;

use grantflow::Key;
use grantflow::loopback::Visible;
use serde_json::{Map, Value};

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
    ///
    /// Of several with these scopes, those with no others are meant.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// Those with this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Those for this resource
    #[arg(long, value_name = "URL", hide_short_help = true)]
    resource: Option<String>,

    /// Those on behalf of this subject
    #[arg(long, value_name = "SUBJECT", hide_short_help = true)]
    subject: Option<String>,

    /// Those of this user agent, which oauth2client's multistore told apart
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    user_agent: Option<String>,
}

/// Several scopes behind one option, for commands that have no other words behind it.
pub(crate) fn several_scopes(scopes: clap::Arg) -> clap::Arg {
    scopes.num_args(1..)
}

/// How to choose, for hints.
pub(crate) const CHOOSE: &str = "choose one with --issuer, --client-id, --account, --scope or --label";

impl Selector {
    /// Whether nothing was chosen.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts().all(|(wanted, _)| wanted.is_none()) && self.scopes.is_empty()
    }

    pub(crate) fn fits(&self, key: &Key) -> bool {
        self.parts()
            .all(|(wanted, part)| wanted.as_ref().is_none_or(|wanted| *wanted == part(key)))
            && self.words().all(|scope| key.scopes().contains(scope))
    }

    /// The one of those that fit: else which there are, and with what options each is chosen.
    pub(crate) fn one<T>(
        &self,
        mut fitting: Vec<T>,
        key: impl Fn(&T) -> &Key,
        what: impl FnOnce(usize) -> String,
    ) -> Result<T, Failure> {
        let is_exact = |one: &T| {
            self.words().collect::<std::collections::BTreeSet<_>>().len() == key(one).scopes().len()
        };
        if fitting.len() > 1 && !self.scopes.is_empty() && fitting.iter().any(is_exact) {
            fitting.retain(is_exact);
        }
        match fitting.pop() {
            Some(one) if fitting.is_empty() => Ok(one),
            last => {
                fitting.extend(last);
                Err(Failure::new(USAGE, what(fitting.len()))
                    .candidates(fitting.iter().map(key))
                    .hint(CHOOSE))
            }
        }
    }

    /// The subject that is meant.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The scopes that are meant.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flat_map(|scopes| scopes.split_whitespace())
    }

    /// What is wanted of each part, in the order of [`PARTS`].
    fn parts(&self) -> impl Iterator<Item = (&Option<String>, PartOf)> {
        let wanted = [
            &self.account,
            &self.client_id,
            &self.issuer,
            &self.label,
            &self.resource,
            &self.subject,
            &self.user_agent,
        ];
        wanted.into_iter().zip(PARTS.map(|(_, part)| part))
    }
}

/// A part of a key.
type PartOf = fn(&Key) -> &str;

/// The parts of a key that are one text each, by their names for programs.
const PARTS: [(&str, PartOf); 7] = [
    ("account", Key::account),
    ("client_id", Key::client_id),
    ("issuer", Key::issuer),
    ("label", Key::label),
    ("resource", Key::resource),
    ("subject", Key::subject),
    ("user_agent", Key::user_agent),
];

/// By what credentials are sorted for people.
pub(crate) fn order(key: &Key) -> [String; 5] {
    let scopes = key.scopes().iter().collect::<Vec<_>>().join(" ");
    [key.issuer(), key.client_id(), key.account(), key.label(), &scopes].map(str::to_owned)
}

/// Credentials that may have been meant.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The parts of the key, for programs.
    pub(crate) parts: Value,
    /// The options that choose it among the others, for a shell.
    pub(crate) options: String,
}

/// The keys as candidates. A part that none of them has is left out.
pub(crate) fn candidates<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Vec<Candidate> {
    let keys: Vec<&Key> = keys.into_iter().collect();
    let used = PARTS.map(|(name, part)| (name, part, keys.iter().any(|key| !part(key).is_empty())));
    let has_scopes = keys.iter().any(|key| !key.scopes().is_empty());
    let candidate = |key: &&Key| {
        let (mut parts, mut words) = (Map::new(), Vec::new());
        for (name, part, _) in used.iter().filter(|(_, _, used)| *used) {
            parts.insert((*name).to_owned(), part(key).into());
            words.push(option(&name.replace('_', "-"), part(key)));
        }
        parts.insert("scopes".to_owned(), key.scopes().iter().collect());
        words.extend(key.scopes().iter().map(|scope| option("scope", scope)));
        if has_scopes && key.scopes().is_empty() {
            words.push(option("scope", ""));
        }
        Candidate {
            parts: Value::Object(parts),
            options: words.join(" "),
        }
    };
    keys.iter().map(candidate).collect()
}

/// An option as a shell takes it.
fn option(name: &str, value: &str) -> String {
    // Behind a space, a value that begins with `-` is an option.
    let behind = if value.starts_with('-') { '=' } else { ' ' };
    format!("--{name}{behind}{}", quoted(value))
}

/// A word as a shell takes it. What a terminal does not show as it is goes by its bytes in octal, as bash, ksh and zsh read it in
/// every locale.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    let is_shown = |text: &str| Visible(text).to_string() == text;
    if is_shown(value) {
        return format!("'{}'", value.replace('\'', r"'\''"));
    }
    let mut word = String::from("$'");
    for character in value.chars() {
        let mut buffer = [0; 4];
        let text = character.encode_utf8(&mut buffer);
        match character {
            '\t' => word.push_str(r"\t"),
            '\n' => word.push_str(r"\n"),
            '\'' | '\\' => word.extend(['\\', character]),
            character if is_shown(text) => word.push(character),
            _ => {
                for byte in text.bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(word, "\\{byte:03o}");
                }
            }
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use clap::Parser as _;
    use grantflow::{Client, Scopes};

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        selector: Selector,
    }

    fn key(account: &str, scopes: &str) -> Key {
        let scopes: Vec<&str> = scopes.split_whitespace().collect();
        let scopes = Scopes::try_from(scopes.as_slice()).unwrap();
        Key::new(&Client::google("cid").unwrap(), scopes).with_account(account)
    }

    #[test]
    fn a_candidate_is_shown_as_a_shell_takes_it() {
        let key = key("ann's", "a b").with_label(r#"{"n":"2"}"#);
        let shown = candidates([&key]).remove(0);
        assert_eq!(
            shown.options,
            r#"--account 'ann'\''s' --client-id cid --issuer https://accounts.google.com --label '{"n":"2"}' --scope a --scope b"#
        );
        assert_eq!(shown.parts["scopes"], serde_json::json!(["a", "b"]));
        assert!(shown.parts.get("user_agent").is_none());
    }

    /// What is pasted chooses that one, however alike the others are.
    #[test]
    fn each_candidate_is_chosen_by_the_options_that_it_is_shown_with() {
        let keys = [
            key("", ""),
            key("", "a"),
            key("", "a b"),
            key("ann", "a"),
            key("ann", "a").with_label("work"),
            key("ann", "a").with_user_agent("ua/1.0 (x)"),
            key("ann", "a").with_resource("https://api.example"),
            key("ann", "a").with_subject("bob"),
        ];
        for (key, shown) in keys.iter().zip(candidates(&keys)) {
            // None of these has a quote in it.
            let mut words = vec![String::from("grantflow")];
            let mut quoted = false;
            for word in shown.options.split(' ') {
                match words.last_mut() {
                    Some(last) if quoted => *last += &format!(" {word}"),
                    _ => words.push(word.to_owned()),
                }
                quoted ^= word.matches('\'').count() == 1;
            }
            let words = words.iter().map(|word| word.replace('\'', ""));
            let selector = Command::try_parse_from(words).unwrap().selector;
            let fitting: Vec<&Key> = keys.iter().filter(|key| selector.fits(key)).collect();
            let one = selector.one(fitting, |key| key, |count| format!("{count} fit"));
            assert_eq!(one.unwrap(), key, "{}", shown.options);
        }
    }

    #[test]
    fn all_that_is_asked_for_has_to_fit() {
        let selector = |words: &[&str]| {
            let words = ["grantflow"].iter().chain(words);
            Command::try_parse_from(words).unwrap().selector
        };
        let key = key("ann", "a b");
        assert!(selector(&[]).is_empty() && selector(&[]).fits(&key));
        assert!(selector(&["--account", "ann", "--scope", "a"]).fits(&key));
        assert!(selector(&["--scope", "a b"]).fits(&key));
        assert!(!selector(&["--account", "an"]).fits(&key));
        assert!(!selector(&["--account", "ann", "--scope", "c"]).fits(&key));
        assert!(!selector(&["--account", ""]).fits(&key));
    }
}

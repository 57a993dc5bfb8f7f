//! Scopes ([RFC 6749 section 3.3]): an ordered set of names.
//!
//! [RFC 6749 section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3

use std::fmt;

use crate::Error;
use crate::error::InvalidInput;

/// A set of scope names that keeps the order in which they were given; two are equal when they hold the same names.
///
/// Every function that asks for scopes takes `impl TryInto<Scopes>`: a string with spaces, an array, a slice or a vector.
///
/// # Example
///
/// ```
/// use grantflow_core::Scopes;
///
/// let asked = Scopes::parse("email openid  email")?;
/// assert_eq!(asked.to_string(), "email openid");
/// assert_eq!(asked, Scopes::try_from(["openid", "email"])?);
/// assert!(asked.covers(&Scopes::parse("openid")?));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Scopes {
    /// The wire form: one text for all names, since each token that is read has them and few readers ask for one.
    text: String,
    /// How many names it has, so that one alone is known without a search for spaces.
    len: usize,
}

impl Scopes {
    /// No scope at all.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            text: String::new(),
            len: 0,
        }
    }

    /// Reads names separated by spaces; empty pieces are skipped, repeated names kept once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that RFC 6749 section 3.3 does not allow.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scopes = Self::none();
        scopes.text.reserve(text.len());
        scopes.push(text)?;
        Ok(scopes)
    }

    /// Adds names separated by spaces.
    fn push(&mut self, names: &str) -> Result<(), Error> {
        // scope-token = 1*( %x21 / %x23-5B / %x5D-7E ); without an early end, so that the compiler takes many bytes at once.
        let sound = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
        if !names.bytes().fold(true, |all, byte| all & sound(byte)) {
            return Err(InvalidInput::new("scope", "has a character that no scope may have").into());
        }
        pieces(names).for_each(|name| self.add(name));
        Ok(())
    }

    /// Reads what a server says it granted: separated by spaces, commas or both, in any characters (quirk 9).
    pub(crate) fn granted<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scopes = Self::none();
        names.into_iter().for_each(|names| scopes.grant(names));
        scopes
    }

    fn grant(&mut self, names: &str) {
        self.text.reserve(names.len() + 1);
        // Most servers write spaces, which are looked for faster than any of many separators.
        let odd = |any, byte: u8| any | (byte == b',') | (byte < b' ');
        if names.bytes().fold(false, odd) {
            names
                .split([' ', ',', '\t', '\n', '\r'])
                .for_each(|name| self.add(name));
        } else {
            pieces(names).for_each(|name| self.add(name));
        }
    }

    fn add(&mut self, name: &str) {
        if name.is_empty() || self.contains(name) {
            return;
        }
        if self.len > 0 {
            self.text.push(' ');
        }
        self.text.push_str(name);
        self.len += 1;
    }

    /// The wire form.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        pieces(&self.text)
    }

    /// How many names there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `name` is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self.len {
            0 => false,
            1 => self.text == name,
            _ => {
                let mut known = self.text.as_bytes().split(|byte| *byte == b' ');
                known.any(|known| known == name.as_bytes())
            }
        }
    }

    /// Whether every name of `other` is among these; always so for an empty `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|name| self.contains(name))
    }

    /// These, and then those of `other` that are not among them.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for name in other.iter() {
            all.add(name);
        }
        all
    }

    /// The names in alphabetical order, for keys.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.iter().collect();
        names.sort_unstable();
        names
    }
}

/// The names between spaces, the empty ones too. Names are short: `split` looks for their ends as in long texts.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let end = text.bytes().position(|byte| byte == b' ');
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        let is_over = text.is_empty();
        text = rest.get(1..).unwrap_or_default();
        (!is_over).then_some(name)
    })
}

impl PartialEq for Scopes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.covers(other)
    }
}

impl Eq for Scopes {}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The wire form: names separated by one space.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<&str> for Scopes {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Scopes {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl<S: AsRef<str>> TryFrom<&[S]> for Scopes {
    type Error = Error;
    fn try_from(names: &[S]) -> Result<Self, Error> {
        let length = names.iter().map(|names| names.as_ref().len() + 1).sum();
        let mut scopes = Self::none();
        scopes.text.reserve(length);
        for names in names {
            scopes.push(names.as_ref())?;
        }
        Ok(scopes)
    }
}

impl<S: AsRef<str>, const N: usize> TryFrom<[S; N]> for Scopes {
    type Error = Error;
    fn try_from(names: [S; N]) -> Result<Self, Error> {
        Self::try_from(names.as_slice())
    }
}

impl<S: AsRef<str>> TryFrom<Vec<S>> for Scopes {
    type Error = Error;
    fn try_from(names: Vec<S>) -> Result<Self, Error> {
        Self::try_from(names.as_slice())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn q09_what_a_server_granted_reads_in_every_form() {
        for form in [
            vec!["a b"],
            vec!["a,b"],
            vec!["a, b"],
            vec!["a  b"],
            vec!["a", "b"],
        ] {
            assert_eq!(
                Scopes::granted(form.iter().copied()).to_string(),
                "a b",
                "{form:?}"
            );
        }
        assert!(Scopes::granted([""]).is_empty());
    }

    #[test]
    fn a_name_that_no_scope_may_have_is_refused() {
        for bad in ["a\"b", "a\\b", "\u{e4}", "a\nb", "a\0"] {
            assert!(Scopes::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn order_is_kept_and_does_not_count_for_equality() {
        let scopes = Scopes::try_from(vec!["b a", "a"]).unwrap();
        assert_eq!(scopes.to_string(), "b a");
        assert_eq!(scopes, Scopes::parse("a b").unwrap());
        assert_ne!(scopes, Scopes::parse("a").unwrap());
        assert_eq!(scopes.sorted(), ["a", "b"]);
    }

    /// A few names, so that two sets have much in common.
    fn some() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-c!~]{1,2}", 0..6)
    }

    fn set(names: &[String]) -> BTreeSet<&str> {
        names.iter().map(String::as_str).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t69_scopes_keep_the_laws_of_sets(a in some(), b in some(), c in some()) {
            let of = |names: &[String]| Scopes::try_from(names.to_vec()).unwrap();
            let (sa, sb, sc) = (of(&a), of(&b), of(&c));
            // As the library of the language has sets.
            prop_assert_eq!(sa.sorted(), set(&a).into_iter().collect::<Vec<_>>());
            prop_assert_eq!(sa.len(), set(&a).len());
            prop_assert_eq!(sa.is_empty(), set(&a).is_empty());
            prop_assert_eq!(sa.covers(&sb), set(&a).is_superset(&set(&b)));
            prop_assert_eq!(sa == sb, set(&a) == set(&b));
            let union = sa.union(&sb);
            prop_assert_eq!(union.sorted(), set(&a).union(&set(&b)).copied().collect::<Vec<_>>());
            prop_assert!(a.iter().all(|name| sa.contains(name)));
            // And what follows from that.
            prop_assert!(sa.covers(&sa) && sa.covers(&Scopes::none()));
            prop_assert_eq!(sa.union(&sa), sa.clone());
            prop_assert_eq!(sb.union(&sa), union.clone());
            prop_assert_eq!(union.union(&sc), sa.union(&sb.union(&sc)));
            prop_assert!(union.covers(&sa) && union.covers(&sb));
            prop_assert!(!(sa.covers(&sb) && sb.covers(&sa)) || sa == sb);
            // As they are written they are read, by whoever asks and by whoever grants.
            prop_assert_eq!(Scopes::parse(&sa.to_string()).unwrap(), sa.clone());
            prop_assert_eq!(Scopes::granted([sa.as_str()]), sa);
        }

        #[test]
        fn what_is_asked_for_is_of_the_letters_that_rfc_6749_has(text in "[ -~\u{e4}\n\t]{0,8}") {
            let allowed = |letter: char| matches!(letter, '\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}');
            let sound = text.split(' ').all(|name| name.chars().all(allowed));
            prop_assert_eq!(Scopes::parse(&text).is_ok(), sound);
        }
    }
}

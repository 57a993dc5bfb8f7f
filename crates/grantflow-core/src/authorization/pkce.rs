//! Proof Key for Code Exchange, always with S256 ([RFC 7636]).
//!
//! The method `plain` does not exist here: RFC 9700 section 2.1.1 wants the challenge not to expose the verifier.
//!
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::Secret;

/// A code verifier that keeps to the grammar of [RFC 7636 section 4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1).
#[derive(Debug)]
pub(super) struct Verifier(Secret);

impl Verifier {
    /// 43 characters out of 32 random bytes, as section 4.1 recommends.
    pub(super) fn from_random(bytes: &[u8; 32]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes a stored verifier: 43 to 128 unreserved characters.
    pub(super) fn parse(verifier: Secret) -> Option<Self> {
        let text = verifier.expose();
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        ((43..=128).contains(&text.len()) && text.bytes().all(unreserved)).then_some(Self(verifier))
    }

    /// Writes BASE64URL(SHA256(verifier)) (section 4.2).
    pub(super) fn push_challenge(&self, text: &mut Vec<u8>) {
        let mut challenge = [0; 43];
        let written = URL_SAFE_NO_PAD.encode_slice(Sha256::digest(self.0.expose()), &mut challenge);
        written.expect("32 bytes are 43 characters");
        text.extend_from_slice(&challenge);
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    pub(super) fn into_secret(self) -> Secret {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn t06_a_verifier_outside_the_grammar_is_refused() {
        let parse = |text: &str| Verifier::parse(Secret::new(text)).is_some();
        assert!(parse(&"a".repeat(43)));
        assert!(parse(&"Az9-._~".repeat(18)));
        for length in [0, 1, 36, 42, 129, 1000] {
            assert!(!parse(&"a".repeat(length)), "{length}");
        }
        for odd in ["+", "/", "=", " ", "%", "\0", "\n", "\u{e9}", "&"] {
            assert!(!parse(&format!("{}{odd}", "a".repeat(43))), "{odd:?}");
        }
    }

    #[test]
    fn t06_every_random_verifier_is_within_the_grammar() {
        for byte in 0..=255 {
            let verifier = Verifier::from_random(&[byte; 32]);
            assert_eq!(verifier.secret().expose().len(), 43);
            assert!(Verifier::parse(verifier.into_secret()).is_some(), "{byte}");
        }
    }

    /// RFC 7636 section 4.1, by its text.
    fn is_in_grammar(text: &str) -> bool {
        let unreserved = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~');
        (43..=128).contains(&text.chars().count()) && text.chars().all(unreserved)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t06_whatever_is_drawn_is_a_verifier_and_its_challenge_is_one_too(random in any::<[u8; 32]>()) {
            let verifier = Verifier::from_random(&random);
            prop_assert!(is_in_grammar(verifier.secret().expose()));
            let mut challenge = Vec::new();
            verifier.push_challenge(&mut challenge);
            prop_assert_eq!(challenge.len(), 43);
            prop_assert!(is_in_grammar(std::str::from_utf8(&challenge).unwrap()));
            // All of what was drawn is in it.
            prop_assert_eq!(URL_SAFE_NO_PAD.decode(verifier.secret().expose()).unwrap(), random);
        }

        #[test]
        fn t06_what_is_read_back_is_a_verifier_or_refused(text in prop_oneof!["[A-Za-z0-9._~-]{40,131}", "[!-~]{43,44}", ".{43}", any::<String>()]) {
            let sound = is_in_grammar(&text);
            prop_assert_eq!(Verifier::parse(Secret::new(text)).is_some(), sound);
        }
    }
}

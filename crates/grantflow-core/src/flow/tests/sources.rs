//! What the sources present, and under which keys their tokens are kept.

use super::super::scripted::{Scripted, both, client};
use super::super::{PresentedToken, SamlBearer, TokenExchange, TokenSource, TokenTypeIdentifier};
use crate::error::ReplyProblem;
use crate::{Error, Scopes, Secret, Step, Token, TokenType};

/// What the source sends first, and what it makes of the reply.
fn ask(source: &dyn TokenSource, reply: &str) -> (Result<Token, Error>, Scripted) {
    both(|| Scripted::default().replies(200, reply), || source.token())
}

fn digest(source: &impl TokenSource) -> String {
    source.key().digest()
}

mod token_exchange {
    use super::*;

    const ISSUED: &str = r#"{"access_token":"AT2","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":60}"#;

    fn exchange() -> TokenExchange {
        let token = Secret::new("ST1");
        TokenExchange::new(client(), "ann", token, TokenTypeIdentifier::AccessToken, "a b").unwrap()
    }

    #[test]
    fn a_plain_exchange_says_what_it_has() {
        let (token, host) = ask(&exchange(), ISSUED);
        let token = token.unwrap();
        assert_eq!(token.access_token.expose(), "AT2");
        assert_eq!(token.issued_token_type(), Some(TokenTypeIdentifier::AccessToken));
        assert_eq!(
            host.bodies(),
            [
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=ST1\
              &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&scope=a+b&client_id=cid"
            ]
        );
    }

    #[test]
    fn all_of_rfc_8693_section_2_1_is_sent_in_its_words() {
        let source = exchange()
            .actor("robot", Secret::new("AC1"), TokenTypeIdentifier::Jwt)
            .requested_token_type(TokenTypeIdentifier::Saml2)
            .audience("one")
            .audience("two")
            .resource("https://api.example/1")
            .resource("https://api.example/2");
        let (_, host) = ask(&source, ISSUED);
        let body = &host.bodies()[0];
        let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let urn = |name: &str| format!("urn:ietf:params:oauth:token-type:{name}");
        let expected = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
            ),
            ("subject_token", "ST1".to_owned()),
            ("subject_token_type", urn("access_token")),
            ("actor_token", "AC1".to_owned()),
            ("actor_token_type", urn("jwt")),
            ("requested_token_type", urn("saml2")),
            ("audience", "one".to_owned()),
            ("audience", "two".to_owned()),
            ("scope", "a b".to_owned()),
            ("resource", "https://api.example/1".to_owned()),
            ("resource", "https://api.example/2".to_owned()),
            ("client_id", "cid".to_owned()),
        ];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn a_reply_has_to_say_what_was_issued() {
        for reply in [
            r#"{"access_token":"AT2","token_type":"Bearer"}"#,
            r#"{"access_token":"AT2","token_type":"Bearer","issued_token_type":""}"#,
            r#"{"access_token":"AT2","token_type":"Bearer","issued_token_type":7}"#,
            r#"{"access_token":"AT2","token_type":"Bearer","issued_token_type":null}"#,
        ] {
            let (token, _) = ask(&exchange(), reply);
            let Err(Error::BadReply(bad)) = &token else {
                panic!("{reply}: {token:?}");
            };
            assert_eq!(
                bad.problem(),
                ReplyProblem::Missing("issued_token_type"),
                "{reply}"
            );
        }
    }

    #[test]
    fn what_is_no_access_token_is_given_and_goes_into_no_header() {
        let reply = r#"{"access_token":"<saml/>","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:saml2"}"#;
        let token = ask(&exchange(), reply).0.unwrap();
        assert_eq!(token.token_type, TokenType::NotApplicable);
        assert_eq!(token.issued_token_type(), Some(TokenTypeIdentifier::Saml2));
        assert!(matches!(token.header(), Err(Error::InvalidInput(_))));
    }

    #[test]
    fn each_type_reads_back_from_its_name() {
        use TokenTypeIdentifier::{AccessToken, IdToken, Jwt, Other, RefreshToken, Saml1, Saml2};
        for one in [AccessToken, RefreshToken, IdToken, Saml1, Saml2, Jwt] {
            assert_eq!(TokenTypeIdentifier::from(one.as_str()), one);
            assert!(one.as_str().starts_with("urn:ietf:params:oauth:token-type:"));
        }
        let other = "http://example.com/tokens/native";
        assert_eq!(TokenTypeIdentifier::from(other), Other(other.to_owned()));
    }

    #[test]
    fn whatever_makes_a_difference_is_in_the_key() {
        let of = |subject: &str| {
            let token = Secret::new("ST1");
            TokenExchange::new(client(), subject, token, TokenTypeIdentifier::AccessToken, "a b").unwrap()
        };
        let jwt = || TokenTypeIdentifier::Jwt;
        let all = [
            exchange(),
            of("bob"),
            exchange().audience("one"),
            exchange().audience("two"),
            exchange().audience("one").audience("two"),
            exchange().audience(r#"one","two"#),
            exchange().resource("https://api.example/1"),
            exchange()
                .resource("https://api.example/1")
                .resource("https://api.example/2"),
            exchange().requested_token_type(jwt()),
            exchange().actor("robot", Secret::new("AC1"), jwt()),
            exchange().actor("other", Secret::new("AC1"), jwt()),
        ];
        let digests: Vec<String> = all.iter().map(digest).collect();
        for (at, one) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(one), "{at}");
        }
        // A new token of the same subject is no other key, and the order of the builder neither.
        let other = TokenExchange::new(client(), "ann", Secret::new("ST2"), jwt(), "b a").unwrap();
        assert_eq!(digest(&other), digest(&exchange()));
        let there = exchange().audience("one").requested_token_type(jwt());
        let back = exchange().requested_token_type(jwt()).audience("one");
        assert_eq!(digest(&there), digest(&back));
    }

    #[test]
    fn tokens_are_got_anew_each_time_the_subjects_before_the_actors() {
        let slow = |name: &'static str| {
            PresentedToken::new(move || {
                Step::begin(move |cx| {
                    Ok(Step::Done(Secret::new(format!(
                        "{name}{}",
                        cx.wall().unix_seconds()
                    ))))
                })
            })
        };
        let kind = || TokenTypeIdentifier::AccessToken;
        let source = TokenExchange::new(client(), "ann", slow("s"), kind(), Scopes::none()).unwrap();
        let source = source.actor("robot", slow("a"), kind());
        let (_, host) = ask(&source, ISSUED);
        let body = &host.bodies()[0];
        assert!(
            body.contains("subject_token=s1800000000&") && body.contains("actor_token=a1800000000&"),
            "{body}"
        );
        let fails = PresentedToken::new(|| Step::begin(|_| Err(Error::Cancelled)));
        let source = TokenExchange::new(client(), "ann", fails, kind(), Scopes::none()).unwrap();
        let (end, host) = both(Scripted::default, || source.token());
        assert!(matches!(end, Err(Error::Cancelled)) && host.bodies().is_empty());
    }

    #[test]
    fn t59_no_token_is_printed() {
        let source = exchange().actor("robot", Secret::new("AC1"), TokenTypeIdentifier::Jwt);
        let shown = format!("{source:?}");
        assert!(
            shown.contains("ann") && !shown.contains("ST1") && !shown.contains("AC1"),
            "{shown}"
        );
    }
}

mod saml_bearer {
    use super::*;

    const GRANTED: &str = r#"{"access_token":"AT2","token_type":"Bearer","expires_in":60}"#;

    fn source() -> SamlBearer {
        SamlBearer::new(client(), "ann", Secret::new("<a>?>\u{fc}</a>"), "a").unwrap()
    }

    #[test]
    fn the_assertion_is_encoded_without_padding_and_says_who_asks() {
        let (token, host) = ask(&source(), GRANTED);
        assert_eq!(token.unwrap().access_token.expose(), "AT2");
        assert_eq!(
            host.bodies(),
            [
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&assertion=PGE-Pz7DvDwvYT4&scope=a"
            ]
        );
    }

    #[test]
    fn a_client_with_a_secret_proves_itself_too() {
        let client = client().with_secret_post("s3cret");
        let source = SamlBearer::new(client, "ann", Secret::new("<a/>"), "a").unwrap();
        let (_, host) = ask(&source.resource("https://api.example/1"), GRANTED);
        let body = &host.bodies()[0];
        assert!(
            body.ends_with("&resource=https%3A%2F%2Fapi.example%2F1&client_id=cid&client_secret=s3cret"),
            "{body}"
        );
    }

    #[test]
    fn the_subject_is_in_the_key_and_the_assertion_is_not() {
        let of = |subject: &str, assertion: &str| {
            digest(&SamlBearer::new(client(), subject, Secret::new(assertion), "a").unwrap())
        };
        assert_eq!(of("ann", "<a/>"), of("ann", "<b/>"));
        assert_ne!(of("ann", "<a/>"), of("bob", "<a/>"));
        assert_ne!(
            digest(&source()),
            digest(&source().resource("https://api.example/1"))
        );
        assert!(!format!("{:?}", source()).contains("<a>"));
    }
}

#[cfg(feature = "resource-owner-password")]
mod resource_owner_password {
    use std::sync::Arc;

    use super::super::super::ResourceOwnerPassword;
    use super::super::checked::Says;
    use super::*;

    fn source(user: &str, scopes: &str) -> ResourceOwnerPassword {
        let client = client().with_id_token_check(Arc::new(Says));
        ResourceOwnerPassword::new(client, user, Secret::new("A3ddj3w"), scopes).unwrap()
    }

    #[test]
    fn the_password_is_sent_as_in_rfc_6749() {
        let (token, host) = ask(
            &source("johndoe", "a"),
            r#"{"access_token":"AT2","id_token":"never"}"#,
        );
        assert!(token.is_ok(), "{token:?}");
        assert_eq!(
            host.bodies(),
            ["grant_type=password&username=johndoe&password=A3ddj3w&scope=a&client_id=cid"]
        );
    }

    #[test]
    fn t45_with_openid_its_id_token_has_to_pass() {
        let with = |id_token: &str| {
            let reply = format!(r#"{{"access_token":"AT2","id_token":"{id_token}"}}"#);
            ask(&source("johndoe", "openid"), &reply).0
        };
        assert!(with("good").is_ok());
        assert!(matches!(with("bad"), Err(Error::TokenRefused(_))));
    }

    #[test]
    fn the_user_is_in_the_key_and_the_password_is_nowhere() {
        let one = source("johndoe", "a");
        assert_ne!(digest(&one), digest(&source("jane", "a")));
        assert_eq!(one.key().account(), "johndoe");
        assert!(!format!("{one:?}").contains("A3ddj3w"));
    }
}

//! ID tokens of a service account: what is asked for, and what is taken for one.

use grantflow_core::error::ReplyProblem;
use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Error, run};

use crate::world::{GRANTED, START, TOKEN_URI, World, key, verified};

const SERVICE: &str = "https://service-1234.run.app";

/// `{"alg":"RS256"}.{"exp":1700003600}.` and a signature that nobody looks at.
pub(crate) const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDM2MDB9.c2lnbmF0dXJl";

#[test]
fn a_service_account_gets_an_id_token_for_an_audience_and_presents_it() {
    let source = key().id_token(SERVICE).unwrap();
    let world = World::at(START).replies(200, &format!(r#"{{"id_token":"{ID_TOKEN}"}}"#), None);
    let token = run(source.token(), &world).unwrap();
    assert_eq!(token.access_token.expose(), ID_TOKEN);
    assert_eq!(
        token.expires_at.map(|end| end.unix_seconds()),
        Some(1_700_003_600)
    );
    let claims = verified(&world.sent()[0].1["assertion"], TOKEN_URI, START);
    let audience = claims.claim::<String>("target_audience").unwrap();
    assert_eq!(audience.as_deref(), Some(SERVICE));
    assert_eq!(claims.claim::<String>("scope").unwrap(), None);

    let origins = source.client().origins().iter().map(ToString::to_string);
    assert_eq!(origins.collect::<Vec<_>>(), [SERVICE]);
    // A service of somebody's is not told whom Google bills.
    let billed = key().with_quota_project("billed").unwrap();
    assert!(
        billed
            .id_token(SERVICE)
            .unwrap()
            .client()
            .api_headers()
            .is_empty()
    );
    assert_eq!(billed.with_audience("a").client().api_headers().len(), 1);
    let other = key().id_token("https://other.run.app").unwrap();
    assert_ne!(source.key().digest(), other.key().digest());
    assert_ne!(
        source.key().digest(),
        key().credentials("a").unwrap().key().digest()
    );
}

/// The token would go wherever the audience says: to an address that can be one alone.
#[test]
fn t51_an_audience_that_is_no_address_lets_the_token_go_nowhere() {
    for audience in [
        "1234.apps.googleusercontent.com",
        "http://service.example",
        "https://*.example",
        "",
    ] {
        let source = key().id_token(audience).unwrap();
        assert!(source.client().origins().is_empty(), "{audience}");
    }
    let source = key().id_token("https://service.example:8443/path?query").unwrap();
    assert_eq!(
        source.client().origins()[0].to_string(),
        "https://service.example:8443"
    );
}

#[test]
fn a_reply_without_an_id_token_is_none() {
    let problem = |reply: &str| {
        let world = World::at(START).replies(200, reply, None);
        match run(key().id_token(SERVICE).unwrap().token(), &world).unwrap_err() {
            Error::BadReply(bad) => bad.problem(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(problem(GRANTED), ReplyProblem::Missing("id_token"));
    assert_eq!(problem("{}"), ReplyProblem::Missing("id_token"));
    assert_eq!(problem(r#"{"id_token":7}"#), ReplyProblem::Missing("id_token"));
    assert_eq!(
        problem(r#"{"id_token":"<html>"}"#),
        ReplyProblem::Invalid("id_token")
    );
    assert!(matches!(problem("<html>"), ReplyProblem::NotJson { .. }));
    let refusal = World::at(START).replies(400, r#"{"error":"invalid_grant"}"#, None);
    let refused = run(key().id_token(SERVICE).unwrap().token(), &refusal).unwrap_err();
    assert!(matches!(refused, Error::Server(_)), "{refused}");
}

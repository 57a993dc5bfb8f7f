//! Introspection: what is believed of what a server says.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    CertificateThumbprint, Error, Introspection, IntrospectionRequest, Secret, Timestamp, TokenTypeHint,
};

use super::{JSON, at, client, pairs, problem, refused, reply};

fn request() -> IntrospectionRequest {
    IntrospectionRequest::new(
        &client(),
        &Secret::new("2YotnFZFEjr1zCsicMWpAA"),
        TokenTypeHint::AccessToken,
    )
}

fn parse(json: &str) -> Result<Introspection, Error> {
    at(|cx| request().parse(&reply(200, JSON, json), cx))
}

#[test]
fn the_question_names_the_token_and_its_kind() {
    let sent = pairs(at(|cx| request().to_http(cx)).unwrap().body().as_bytes());
    let expected = [
        ("token", "2YotnFZFEjr1zCsicMWpAA"),
        ("token_type_hint", "access_token"),
        ("client_id", "s6BhdRkqt3"),
    ];
    assert_eq!(
        sent,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn the_example_of_rfc_7662_reads_back() {
    let known = parse(
        r#"{"active":true,"client_id":"l238j323ds-23ij4","username":"jdoe","scope":"read write dolphin",
            "sub":"Z5O3upPC88QrAjx00dis","aud":"https://protected.example.net/resource","iss":"https://server.example.com/",
            "exp":1419356238,"iat":1419350238,"nbf":1419350237.9,"jti":"j","token_type":"Bearer","extension_field":"twenty-seven"}"#,
    )
    .unwrap();
    assert!(known.active);
    assert_eq!(known.client_id.as_deref(), Some("l238j323ds-23ij4"));
    assert_eq!(known.username.as_deref(), Some("jdoe"));
    assert_eq!(known.scopes.unwrap().to_string(), "read write dolphin");
    assert_eq!(known.subject.as_deref(), Some("Z5O3upPC88QrAjx00dis"));
    assert_eq!(known.audience, ["https://protected.example.net/resource"]);
    assert_eq!(known.issuer.as_deref(), Some("https://server.example.com/"));
    assert_eq!(
        known.expires_at,
        Some(Timestamp::from_unix_seconds(1_419_356_238))
    );
    assert_eq!(known.issued_at, Some(Timestamp::from_unix_seconds(1_419_350_238)));
    assert_eq!(
        known.not_before,
        Some(Timestamp::from_unix_seconds(1_419_350_237))
    );
    assert_eq!(known.token_id.as_deref(), Some("j"));
    assert_eq!(known.token_type.as_deref(), Some("Bearer"));
    assert_eq!(known.extras.names(), ["extension_field"]);
}

#[test]
fn of_a_token_that_is_not_active_nothing_is_known() {
    let known = parse(r#"{"active":false,"sub":"ann","exp":"never"}"#).unwrap();
    assert!(!known.active && known.subject.is_none() && known.extras.is_empty());
}

#[test]
fn active_is_one_of_the_two_words_of_json() {
    for json in ["{}", "[]", r#"{"active":null}"#, r#"{"Active":true}"#] {
        assert_eq!(problem(&parse(json)), ReplyProblem::Missing("active"), "{json}");
    }
    for value in [r#""true""#, r#""false""#, "1", "0", "[]", "{}"] {
        let result = parse(&format!(r#"{{"active":{value}}}"#));
        assert_eq!(problem(&result), ReplyProblem::Invalid("active"), "{value}");
    }
    assert_eq!(
        problem(&parse(r#"{"active":false,"active":true}"#)),
        ReplyProblem::Repeated
    );
}

#[test]
fn t32_members_of_the_wrong_type_are_named_in_the_error() {
    for (name, value) in [
        ("exp", "\"1419356238\""),
        ("exp", "1e400"),
        ("iat", "true"),
        ("nbf", "[]"),
        ("sub", "7"),
        ("aud", "7"),
        ("aud", "[7]"),
        ("client_id", "{}"),
        ("scope", "7"),
        ("token_type", "7"),
    ] {
        let result = parse(&format!(r#"{{"active":true,"{name}":{value}}}"#));
        assert_eq!(problem(&result), ReplyProblem::Invalid(name), "{name} {value}");
    }
    for value in ["-1e300", "1e300", "9223372036854775807", "0"] {
        assert!(
            parse(&format!(r#"{{"active":true,"exp":{value}}}"#)).is_ok(),
            "{value}"
        );
    }
    assert_eq!(
        parse(r#"{"active":true,"aud":["a","b"]}"#).unwrap().audience,
        ["a", "b"]
    );
}

#[test]
fn a_refusal_is_a_refusal() {
    let result = at(|cx| request().parse(&reply(401, JSON, r#"{"error":"invalid_client"}"#), cx));
    assert_eq!(refused(&result), "invalid_client");
}

/// RFC 8705 section 3.2, with its example.
#[test]
fn the_certificate_of_a_bound_token_is_told_and_nonsense_about_it_is_refused() {
    let bound = r#"{"active":true,"cnf":{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}"#;
    let introspection = parse(bound).unwrap();
    let expected = CertificateThumbprint::parse("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2");
    assert!(expected.is_some() && introspection.certificate == expected);
    assert!(introspection.extras.names().contains(&"cnf".to_owned()));
    for other in [
        r#"{"active":true}"#,
        r#"{"active":true,"cnf":null}"#,
        r#"{"active":true,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#,
    ] {
        assert_eq!(parse(other).unwrap().certificate, None);
    }
    for wrong in [
        r#""x""#,
        "[]",
        r#"{"x5t#S256":7}"#,
        r#"{"x5t#S256":"bwcK0esc"}"#,
        r#"{"x5t#S256":""}"#,
    ] {
        let json = format!(r#"{{"active":true,"cnf":{wrong}}}"#);
        assert_eq!(problem(&parse(&json)), ReplyProblem::Invalid("cnf"), "{wrong}");
    }
}

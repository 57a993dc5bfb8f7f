//! Tables of headers as servers send them, and as an attacker would.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::{Challenge, LONGEST, MOST};

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn all(value: &str) -> Vec<Challenge> {
    Challenge::all(&headers(&[value.as_bytes()]))
}

/// Challenges in one way of writing: `Scheme(token68) name=<value>`, separated by ` | `.
fn plain(challenges: &[Challenge]) -> String {
    let one = |challenge: &Challenge| {
        let mut text = challenge.scheme.clone();
        if let Some(token68) = challenge.token68() {
            text += &format!("({token68})");
        }
        for (name, value) in &challenge.parameters {
            text += &format!(" {name}=<{value}>");
        }
        text
    };
    challenges.iter().map(one).collect::<Vec<_>>().join(" | ")
}

#[test]
fn challenges_read_as_rfc_9110_writes_them() {
    for (header, read) in [
        ("", ""),
        ("Bearer", "Bearer"),
        (r#"Bearer realm="example""#, "Bearer realm=<example>"),
        // RFC 6750 section 3.1.
        (
            r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
            "Bearer realm=<example> error=<invalid_token> error_description=<The access token expired>",
        ),
        // RFC 9110 section 11.6.1.
        (
            r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
            r#"Basic realm=<simple> | Newauth realm=<apps> type=<1> title=<Login to "apps">"#,
        ),
        ("Negotiate, Basic realm=x", "Negotiate | Basic realm=<x>"),
        ("Negotiate YII+/a==, Bearer", "Negotiate(YII+/a==) | Bearer"),
        ("NTLM TlRM", "NTLM(TlRM)"),
        (
            "Digest qop=\"auth,auth-int\", algorithm=MD5",
            "Digest qop=<auth,auth-int> algorithm=<MD5>",
        ),
        ("DPoP algs=\"ES256 PS256\"", "DPoP algs=<ES256 PS256>"),
        (
            "Bearer realm = \"a\" ,  scope\t=\tb",
            "Bearer realm=<a> scope=<b>",
        ),
        ("Bearer realm=\"\\\\\\a\"", "Bearer realm=<\\a>"),
    ] {
        assert_eq!(plain(&all(header)), read, "{header}");
    }
}

#[test]
fn what_is_written_carelessly_and_means_one_thing_is_read() {
    for (header, read) in [
        (", ,Bearer a=1,,b=2, ,", "Bearer a=<1> b=<2>"),
        ("Bearer a=\"1\" b=\"2\"", "Bearer a=<1> b=<2>"),
        ("Bearer a=\"1\"b=2", "Bearer a=<1> b=<2>"),
        ("Bearer a=1 Basic realm=\"x\"", "Bearer a=<1> | Basic realm=<x>"),
        (
            "Bearer resource_metadata=https://r.example/.well-known/x?y=z, scope=a",
            "Bearer resource_metadata=<https://r.example/.well-known/x?y=z> scope=<a>",
        ),
        ("Bearer a=1, error=, scope=\"\"", "Bearer a=<1> error=<> scope=<>"),
        ("Bearer, realm=\"x\"", "Bearer realm=<x>"),
        ("realm=\"x\", Bearer scope=a", "Bearer scope=<a>"),
    ] {
        assert_eq!(plain(&all(header)), read, "{header}");
    }
    let latin = Challenge::all(&headers(&[b"Bearer error_description=\"caf\xe9\", scope=a"]));
    assert_eq!(latin[0].scopes().unwrap().to_string(), "a");
}

#[test]
fn t08_what_could_be_read_in_two_ways_is_left_out() {
    for (header, read) in [
        ("Bearer a=1, A=2", ""),
        ("Bearer scope=a, scope=a, Basic realm=x", "Basic realm=<x>"),
        ("Basic realm=x, Bearer scope=\"a", "Basic realm=<x>"),
        ("Bearer scope=\"a\\", ""),
        ("Basic realm=x, Bearer scope=\"a\" (\"", "Basic realm=<x>"),
        ("Basic realm=x, \u{1F600}", ""),
        ("Bearer =x", ""),
        ("\"Bearer\"", ""),
    ] {
        assert_eq!(plain(&all(header)), read, "{header}");
    }
}

#[test]
fn several_headers_are_one_list_and_a_bad_one_spoils_no_other() {
    let headers = headers(&[b"Basic realm=x", b"Bearer \"", b"Bearer scope=a", b"DPoP"]);
    assert_eq!(
        plain(&Challenge::all(&headers)),
        "Basic realm=<x> | Bearer scope=<a> | DPoP"
    );
}

#[test]
fn the_bearer_challenge_is_the_one_that_says_where_the_metadata_are() {
    let bearer = |value: &str| Challenge::bearer(&headers(&[value.as_bytes()]));
    assert_eq!(bearer("Basic realm=x"), None);
    assert_eq!(
        bearer("bearer scope=a, Bearer scope=b")
            .unwrap()
            .parameter("scope"),
        Some("a")
    );
    let named = bearer("Bearer scope=a, BEARER resource_metadata=\"https://r.example/m\"").unwrap();
    assert_eq!(named.resource_metadata(), Some("https://r.example/m"));
}

#[test]
fn the_parameters_have_types() {
    let all = all(concat!(
        "Bearer realm=r, scope=\"a b  a\", error=insufficient_scope, error_description=\"d\", ",
        "resource_metadata=\"https://r.example/m\", ACR_VALUES=\"gold silver\", max_age=\"300\", x=\"\""
    ));
    let challenge = &all[0];
    assert_eq!(challenge.realm(), Some("r"));
    assert_eq!(challenge.scopes().unwrap().to_string(), "a b");
    assert!(challenge.is_insufficient_scope() && challenge.is("BEARER") && !challenge.is("Bear"));
    assert_eq!(challenge.error_description(), Some("d"));
    assert_eq!(challenge.resource_metadata(), Some("https://r.example/m"));
    assert_eq!(challenge.acr_values(), Some("gold silver"));
    assert_eq!(challenge.max_age(), Some(Duration::from_secs(300)));
    assert_eq!(challenge.parameter("x"), None);
    for (max_age, seconds) in [
        ("0", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("99999999999999999999", Some(u64::MAX)),
    ] {
        let age = self::all(&format!("Bearer max_age={max_age}"))[0].max_age();
        assert_eq!(age.map(|age| age.as_secs()), seconds, "{max_age}");
    }
    assert_eq!(self::all("Bearer scope=\"a\\\"b\"")[0].scopes(), None);
    assert_eq!(self::all("Bearer scope=\" \"")[0].scopes(), None);
}

#[test]
fn t46_a_header_without_end_costs_little() {
    let long = format!("Bearer scope=\"{}\"", "a".repeat(LONGEST));
    assert!(all(&long).is_empty());
    assert_eq!(all(&"Bearer,".repeat(1000)).len(), MOST);
    let parameters: String = (0..=MOST).map(|n| format!("p{n}=1,")).collect();
    assert!(all(&format!("Bearer {parameters}")).is_empty());
}

#[test]
fn t59_what_may_be_a_credential_is_not_printed() {
    let printed = format!("{:?}", all("Negotiate canary7d3f=="));
    assert!(
        printed.contains("Negotiate") && !printed.contains("canary"),
        "{printed}"
    );
}

//! The written form of a pending authorization.

use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use std::sync::Arc;
use std::time::Duration;

use super::{at, client, parameter, request, start};
use crate::{
    CertificateBound, CertificateThumbprint, Cx, Error, PendingAuthorization, Proven, Quirks, ResponseMode,
    Secret, TokenConstraint, TokenType,
};

const GOLDEN: &str = include_str!("../../../tests/vectors/pending-v1.json");

fn refused(json: &str) -> String {
    match PendingAuthorization::from_json(json) {
        Err(error @ Error::InvalidInput(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The golden file with one member changed.
fn changed(member: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(GOLDEN).unwrap();
    json[member] = value;
    json.to_string()
}

#[test]
fn the_form_of_version_1_is_read_and_written_to_the_letter() {
    let pending = PendingAuthorization::from_json(GOLDEN).unwrap();
    assert_eq!(pending.expose_json().expose(), GOLDEN.trim_end());
    assert_eq!(pending.redirect_uri(), "https://app.example/callback");
    assert_eq!(pending.scopes().to_string(), "openid calendar");
}

#[test]
fn an_authorization_goes_on_in_another_process() {
    let client = client();
    let (_, pending) = start(request(&client).resource("https://api.example"));
    let state = pending.state.expose().to_owned();
    let json = pending.expose_json();
    let again = PendingAuthorization::from_json(json.expose()).unwrap();
    let code = at(1, |cx| again.accept(&format!("?code=c&state={state}"), cx)).unwrap();
    assert!(code.verifier().eq_ct(pending.verifier.secret()));
    assert!(code.nonce().is_none());
    assert_eq!(code.resources(), ["https://api.example"]);
    assert!(code.check_client(&client).is_ok());
}

#[test]
fn t07_what_was_promised_and_how_long_it_lives_outlast_the_process() {
    let callback = "?code=c&state=ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI";
    let accept = |seconds| {
        let pending = PendingAuthorization::from_json(GOLDEN).unwrap();
        let begun = pending.created_at().unix_seconds() - super::START;
        at(begun + seconds, |cx| pending.accept(callback, cx))
    };
    let why = |error: Error| error.to_string();
    assert_eq!(
        accept(0).map_err(why).unwrap_err(),
        "the redirect comes from another authorization server"
    );
    assert_eq!(
        accept(600).map_err(why).unwrap_err(),
        "the login was begun too long ago"
    );
}

#[test]
fn a_later_version_and_what_is_no_authorization_are_errors_that_print_no_value() {
    let newer = "invalid pending authorization: it was written by a later version";
    assert_eq!(refused(&changed("grantflow_pending", json!(4))), newer);
    assert_eq!(refused(r#"{"grantflow_pending":7,"sealed":"…"}"#), newer);

    let unreadable = "invalid pending authorization: it cannot be read";
    let twice = GOLDEN.replacen('{', r#"{"state":"a","#, 1);
    for json in ["", "{}", "null", "[]", "7", "{\"state\":", &GOLDEN[..99], &twice] {
        assert_eq!(refused(json), unreadable, "{json}");
    }
    for (member, value) in [
        ("grantflow_pending", json!(0)),
        ("grantflow_pending", json!("1")),
        ("state", json!("")),
        ("state", Value::Null),
        ("verifier", json!("short")),
        ("verifier", json!("dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk")),
        ("issuer", json!("http://as.example")),
        ("iss_promised", json!("yes")),
        ("client_id", json!(7)),
        ("token_endpoint", json!("http://evil.example/token")),
        ("redirect_uri", json!("/callback")),
        ("scopes", json!("openid")),
        ("scopes", json!(["a\"b"])),
        ("created_at", json!(7)),
        ("expires_at", json!("tomorrow")),
        ("expires_at", Value::Null),
    ] {
        assert_eq!(
            refused(&changed(member, value.clone())),
            unreadable,
            "{member}: {value}"
        );
    }
}

#[test]
fn a_certificate_goes_with_no_authorization_for_the_next_process_may_show_another() {
    let bound = CertificateBound::to(CertificateThumbprint::of(b"ours"));
    let client = client().with_token_constraint(Arc::new(bound));
    let json = start(request(&client)).1.expose_json();
    assert!(!json.expose().contains("token_key"));
}

#[test]
fn a_program_of_version_1_refuses_what_it_would_check_less_of() {
    let (plain, posting) = (
        client(),
        client().with_quirks(Quirks {
            form_post: true,
            ..Quirks::default()
        }),
    );
    let renaming = client().with_quirks(Quirks {
        code_parameter: Some("auth_code".into()),
        ..Quirks::default()
    });
    let bound = client().with_token_constraint(Arc::new(Named));
    let version = |request| {
        let json = start(request).1.expose_json();
        let mut wire: Value = serde_json::from_str(json.expose()).unwrap();
        let written = wire["grantflow_pending"].take();
        // Read by either number: earlier programs wrote these members under the first.
        for number in [1, 2] {
            wire["grantflow_pending"] = json!(number);
            let again = PendingAuthorization::from_json(&wire.to_string()).unwrap();
            assert_eq!(again.expose_json().expose(), json.expose());
        }
        written
    };
    assert_eq!(version(request(&plain).resource("https://api.example")), 1);
    assert_eq!(version(request(&plain).scopes("openid").unwrap()), 1);
    assert_eq!(version(request(&plain).acr_values("mfa")), 2);
    assert_eq!(version(request(&plain).max_age(Duration::ZERO)), 2);
    assert_eq!(version(request(&plain).response_mode(ResponseMode::QueryJwt)), 2);
    assert_eq!(version(request(&posting)), 2);
    assert_eq!(version(request(&renaming)), 2);
    assert_eq!(version(request(&bound)), 2);
}

/// Names a key, and has none.
#[derive(Debug)]
struct Named;

impl TokenConstraint for Named {
    fn prove(&self, _: &Proven<'_>, _: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error> {
        Ok(None)
    }

    fn heard(&self, _: &Proven<'_>, _: StatusCode, _: &HeaderMap, _: Option<&str>) -> bool {
        false
    }

    fn thumbprint(&self) -> Option<&str> {
        Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
    }

    fn takes(&self, _: TokenType) -> bool {
        true
    }

    fn stored(&self) -> Option<Secret> {
        None
    }

    fn with_stored(&self, _: &Secret) -> Result<Arc<dyn TokenConstraint>, Error> {
        Ok(Arc::new(Self))
    }
}

#[test]
fn members_of_other_names_are_ignored() {
    assert!(PendingAuthorization::from_json(&changed("note", json!({"a": [1]}))).is_ok());
}

#[test]
fn how_the_user_has_to_log_in_outlasts_the_process() {
    let client = client();
    let begun = request(&client)
        .max_age(Duration::from_secs(300))
        .acr_values(" mfa  pwd ");
    let (url, pending) = start(begun);
    assert_eq!(parameter(&url, "max_age").as_deref(), Some("300"));
    assert_eq!(parameter(&url, "acr_values").as_deref(), Some("mfa pwd"));
    let state = pending.state.expose().to_owned();
    let again = PendingAuthorization::from_json(pending.expose_json().expose()).unwrap();
    let code = at(100, |cx| again.accept(&format!("?code=c&state={state}"), cx)).unwrap();
    assert_eq!(code.acr_values(), ["mfa", "pwd"]);
    // So long before the beginning, not before the end: the login itself takes its time.
    let since = pending.created_at().minus(Duration::from_secs(300));
    assert_eq!(code.authenticated_since(), Some(since));
}

#[test]
fn an_age_is_checked_whoever_set_it_and_a_way_to_log_in_only_where_it_was_demanded() {
    let preset = client()
        .with_parameter("max_age", "60")
        .with_parameter("acr_values", "mfa");
    let age = |request| start(request).1.max_age.map(|age| age.as_secs());
    assert_eq!(age(request(&preset)), Some(60));
    assert_eq!(age(request(&preset).max_age(Duration::ZERO)), Some(0));
    assert_eq!(age(request(&preset).parameter("max_age", "").unwrap()), None);
    assert_eq!(age(request(&client())), None);
    assert!(start(request(&preset)).1.acr_values.is_empty(), "a wish");
    let demanded = request(&preset).acr_values("mfa");
    assert_eq!(start(demanded.clone()).1.acr_values, ["mfa"]);
    let wished = demanded.parameter("acr_values", "mfa").unwrap();
    assert!(start(wished).1.acr_values.is_empty());
}

//! Addresses of logins and their redirects (lines 35 and 37 to 50), as the provider has them.

use grantflow_core::{CallbackError, Endpoint, Error, PendingAuthorization, Scopes, TokenRequest};

use super::{begun, redirected, value, with};
use crate::{JSON, at, client, pairs, refresh, reply};

fn renamed(standard: &str, theirs: &str) -> grantflow_core::Client {
    with(|quirks| {
        quirks
            .renamed_parameters
            .insert(standard.to_owned(), theirs.to_owned());
    })
}

#[test]
fn q35_a_code_that_was_encoded_twice_is_decoded_once_more_where_the_quirk_is_named() {
    let sent = |client: &grantflow_core::Client, code: &str| {
        let code = redirected(client, &format!("code={code}")).unwrap();
        let request = at(|cx| TokenRequest::authorization_code(client, code).to_http(cx)).unwrap();
        value(&pairs(request.body().as_bytes()), "code")
            .unwrap()
            .to_owned()
    };
    let square = with(|quirks| quirks.code_is_encoded_twice = true);
    for (raw, once, twice) in [
        ("sq0cgp-%252Fa%253D", "sq0cgp-%2Fa%3D", "sq0cgp-/a="),
        ("4%2F0Ab_c-D", "4/0Ab_c-D", "4/0Ab_c-D"),
        ("a%2Bb%26c%3Dd", "a+b&c=d", "a+b&c=d"),
        ("100%25", "100%", "100%"),
    ] {
        assert_eq!(sent(&client(), raw), once);
        assert_eq!(sent(&square, raw), twice);
    }
}

#[test]
fn q37_scopes_are_joined_by_the_providers_separator_and_a_plus_is_how_a_space_is_written() {
    let strava = with(|quirks| quirks.comma_scopes = true);
    assert_eq!(
        value(&begun(&strava, "read activity:read").0, "scope"),
        Some("read,activity:read")
    );
    // Unsplash, Attio: `public+read_user` in the address, which is the form encoding of a space.
    let client = client();
    let request =
        grantflow_core::AuthorizationRequest::new(&client, "http://127.0.0.1/cb").scopes("public read_user");
    let (url, _) = at(|cx| request.unwrap().start(cx)).unwrap();
    assert!(url.as_str().contains("&scope=public+read_user&"));
}

#[test]
fn q38_the_scope_parameter_has_the_providers_name() {
    let slack = renamed("scope", "user_scope");
    let (url, _) = begun(&slack, "a b");
    assert_eq!(
        (value(&url, "user_scope"), value(&url, "scope")),
        (Some("a b"), None)
    );
    let request = refresh(&slack).scopes(Scopes::parse("a").unwrap());
    let request = at(|cx| request.to_http(cx)).unwrap();
    assert_eq!(value(&pairs(request.body().as_bytes()), "user_scope"), Some("a"));
}

/// Another value than `code`, such as `Assertion`, would be another flow: none is sent.
#[test]
fn q39_the_response_type_is_absent_or_has_another_name_and_never_another_value() {
    let monday = with(|quirks| quirks.no_response_type = true);
    assert_eq!(value(&begun(&monday, "").0, "response_type"), None);
    let walmart = renamed("response_type", "responseType");
    let (url, _) = begun(&walmart, "");
    assert_eq!(
        (value(&url, "responseType"), value(&url, "response_type")),
        (Some("code"), None)
    );
    let other = client().with_parameter("response_type", "Assertion");
    let request = grantflow_core::AuthorizationRequest::new(&other, "http://127.0.0.1/cb");
    assert!(matches!(at(|cx| request.start(cx)), Err(Error::InvalidInput(_))));
}

/// RFC 6749 section 3.1: an authorization endpoint "MUST NOT include a fragment component"; what stands behind one reaches no server.
#[test]
fn q41_an_endpoint_with_a_fragment_is_refused_and_one_with_a_query_keeps_it() {
    assert!(Endpoint::new("https://app.example/#/oauth/authorize").is_err());
    let with_query = Endpoint::new("https://server.example.com/authorize?tenant=1").unwrap();
    let (url, _) = begun(&client().with_authorization_endpoint(with_query), "");
    assert_eq!(value(&url, "tenant"), Some("1"));
}

#[test]
fn q43_the_code_has_the_providers_name_also_where_the_pause_outlives_the_process() {
    let amazon = with(|quirks| quirks.code_parameter = Some("spapi_oauth_code".to_owned()));
    let code = redirected(&amazon, "spapi_oauth_code=c&selling_partner_id=x").unwrap();
    assert_eq!(code.code().expose(), "c");
    for other in ["code=c", "spapi_oauth_code="] {
        assert!(matches!(
            redirected(&amazon, other),
            Err(Error::Callback(CallbackError::NoCode))
        ));
    }
    assert!(matches!(
        redirected(&amazon, "spapi_oauth_code=c&error=x"),
        Err(Error::Callback(CallbackError::CodeAndError))
    ));
    let (sent, pending) = begun(&amazon, "");
    let stored = PendingAuthorization::from_json(pending.expose_json().expose()).unwrap();
    let state = value(&sent, "state").unwrap();
    let code = at(|cx| stored.accept(&format!("/cb?spapi_oauth_code=c&state={state}"), cx)).unwrap();
    assert_eq!(code.code().expose(), "c");
}

#[test]
fn q44_what_the_redirect_carries_is_at_hand_and_kept_with_the_token_where_the_quirk_names_it() {
    let intuit =
        with(|quirks| quirks.kept_callback_parameters = vec!["realmId".to_owned(), "absent".to_owned()]);
    let json = r#"{"access_token":"a","token_type":"bearer"}"#;
    let read = |client: &grantflow_core::Client, json: &str| {
        let code = redirected(client, "code=c&realmId=123&shop=x").unwrap();
        assert_eq!(code.parameter("realmId"), Some("123"));
        assert_eq!(code.parameter("shop"), Some("x"));
        assert_eq!((code.parameter("state"), code.parameter("code")), (None, None));
        at(|cx| TokenRequest::authorization_code(client, code).parse(&reply(200, JSON, json), cx)).unwrap()
    };
    let token = read(&intuit, json);
    assert_eq!(token.extras.names(), ["realmId"]);
    assert_eq!(token.extras.get::<String>("realmId").unwrap(), "123");
    assert!(read(&client(), json).extras.is_empty());
    // What the server says is worth more than what a browser brought.
    let both = read(&intuit, r#"{"access_token":"a","realmId":"9"}"#);
    assert_eq!(both.extras.get::<String>("realmId").unwrap(), "9");
}

#[test]
fn q45_a_redirect_that_is_a_posted_form_is_asked_for_and_read() {
    let apple = with(|quirks| {
        quirks.form_post = true;
        quirks.kept_callback_parameters = vec!["user".to_owned()];
    });
    let (sent, pending) = begun(&apple, "name email");
    assert_eq!(value(&sent, "response_mode"), Some("form_post"));
    let state = value(&sent, "state").unwrap();
    let form = format!("state={state}&code=c&user=%7B%22email%22%3A%22ann%40example.com%22%7D");
    let code = at(|cx| pending.accept(&form, cx)).unwrap();
    assert_eq!(code.parameter("user"), Some(r#"{"email":"ann@example.com"}"#));
    assert_eq!(value(&begun(&client(), "").0, "response_mode"), None);
}

#[test]
fn q46_a_state_that_came_back_otherwise_is_refused() {
    let (sent, _) = begun(&client(), "");
    let state = value(&sent, "state").unwrap().to_owned();
    // Nothing that a server might mangle is in it.
    assert!(
        state
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    for (mangled, why) in [
        (String::new(), CallbackError::State),
        (format!("&state={}", &state[..42]), CallbackError::State),
        (format!("&state={state}+"), CallbackError::State),
        (
            format!("&state={}", state.to_lowercase() + "x"),
            CallbackError::State,
        ),
        (format!("&state={state}&state={state}"), CallbackError::Repeated),
    ] {
        let (_, pending) = begun(&client(), "");
        let result = at(|cx| pending.accept(&format!("/cb?code=c{mangled}"), cx));
        assert!(
            matches!(result, Err(Error::Callback(is)) if is == why),
            "{mangled}"
        );
    }
}

/// Zoho's `accounts-server`, Bullhorn's `restUrl`: a redirect that names the server would send code and secret to whoever wrote it.
#[test]
fn q34_a_redirect_names_no_server() {
    let code = redirected(
        &client(),
        "code=c&accounts-server=https%3A%2F%2Fevil.example&location=eu",
    )
    .unwrap();
    let request = TokenRequest::authorization_code(&client(), code);
    let request = at(|cx| request.to_http(cx)).unwrap();
    assert_eq!(request.uri(), "https://server.example.com/token");
}

//! Response types: an ID token that was asked for beside the code is demanded, wherever the redirect is taken.

use serde_json::{Value, json};

use super::{at, client, parameter, request, start};
use crate::{
    AuthorizationRequest, CallbackError, Error, PendingAuthorization, Quirks, ResponseMode, ResponseType,
    UnprovenCode,
};

fn hybrid(request: AuthorizationRequest<'_>) -> AuthorizationRequest<'_> {
    request.response_type(ResponseType::CodeIdToken)
}

/// A pending authorization that demands an ID token, through its stored form, and its state.
fn pending() -> (PendingAuthorization, String) {
    let client = client();
    let (url, pending) = start(hybrid(request(&client).scopes("openid").unwrap()));
    for (name, value) in [
        ("response_type", "code id_token"),
        ("response_mode", "form_post"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&url, name).as_deref(), Some(value));
    }
    assert!(parameter(&url, "nonce").is_some());
    let pending = PendingAuthorization::from_json(pending.expose_json().expose()).unwrap();
    assert_eq!(pending.response_type(), ResponseType::CodeIdToken);
    let state = pending.state.expose().to_owned();
    (pending, state)
}

fn accept(body: impl Fn(&str) -> String) -> Result<UnprovenCode, Error> {
    let (pending, state) = pending();
    at(1, |cx| pending.accept_with_id_token(&body(&state), cx))
}

fn why<T: std::fmt::Debug>(result: Result<T, Error>) -> CallbackError {
    match result {
        Err(Error::Callback(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn body(state: &str) -> String {
    format!("code=c&id_token=a.b.c&state={state}")
}

#[test]
fn an_id_token_comes_beside_the_code_and_is_not_believed_here() {
    let code = accept(body).unwrap();
    assert_eq!(code.id_token().expose(), "a.b.c");
    assert_eq!(code.state().expose(), pending().1);
    assert_eq!((code.code().code().expose(), code.code().user()), ("c", None));
    assert_eq!(code.code().parameter("id_token"), None, "it proves nothing");
    let code = code.proven("https://as.example", "ann");
    assert_eq!(code.user(), Some(("https://as.example", "ann")));
    assert!(!format!("{code:?}").contains("ann"));
}

#[test]
fn t09_where_an_id_token_was_asked_for_no_code_is_taken_without() {
    for without in [
        "code=c",
        "code=c&id_token",
        "code=c&id_token=",
        "code=c&access_token=a",
    ] {
        let redirect = |state: &str| format!("{without}&state={state}");
        assert_eq!(why(accept(redirect)), CallbackError::NoIdToken, "{without}");
    }
    let (waiting, state) = pending();
    let plain = at(1, |cx| waiting.accept(&body(&state), cx));
    assert_eq!(why(plain), CallbackError::Mode, "not by the usual door");
    let (waiting, state) = pending();
    let verified = at(1, |cx| waiting.accept_verified(&body(&state), cx));
    assert_eq!(why(verified), CallbackError::Mode);
    let (waiting, state) = pending();
    let signed = at(1, |cx| waiting.signed_response(&format!("response={state}"), cx));
    assert_eq!(why(signed), CallbackError::Mode);
}

#[test]
fn t10_an_answer_with_an_id_token_is_not_taken_from_an_address() {
    for address in [
        "?",
        "/cb?",
        "https://app.example/cb?",
        "https://app.example/cb#",
        "#",
    ] {
        let redirect = |state: &str| format!("{address}{}", body(state));
        assert_eq!(why(accept(redirect)), CallbackError::Mode, "{address}");
        let (pending, state) = pending();
        assert!(!pending.matches(&redirect(&state)) && pending.matches(&body(&state)));
    }
}

#[test]
fn an_answer_with_an_id_token_is_judged_as_any_redirect_first() {
    let refused = |said: &dyn Fn(&str) -> String| why(accept(said));
    assert_eq!(refused(&|_| body("other")), CallbackError::State);
    assert_eq!(
        refused(&|state| format!("{}&iss=https://evil.example", body(state))),
        CallbackError::Issuer
    );
    assert_eq!(
        refused(&|state| format!("{}&id_token=x", body(state))),
        CallbackError::Repeated
    );
    assert_eq!(
        refused(&|state| format!("id_token=a.b.c&state={state}")),
        CallbackError::NoCode
    );
    let denied = accept(|state| format!("error=access_denied&state={state}"));
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    let (waiting, state) = pending();
    let late = at(600, |cx| waiting.accept_with_id_token(&body(&state), cx));
    assert_eq!(why(late), CallbackError::Expired);
}

/// Servers leave `iss` out where an ID token names it; a refusal has none.
#[test]
fn t07_an_issuer_that_was_promised_is_named_by_the_redirect_or_by_the_id_token() {
    let accept = |body: &dyn Fn(&str) -> String, response_type| {
        let client = client().with_iss_promised(true);
        let request = request(&client).scopes("openid").unwrap();
        let mode = ResponseMode::FormPost;
        let (_, pending) = start(request.response_mode(mode).response_type(response_type));
        let body = body(pending.state.expose());
        at(1, |cx| match response_type {
            ResponseType::Code => pending.accept(&body, cx).map(|_| ()),
            ResponseType::CodeIdToken => pending.accept_with_id_token(&body, cx).map(|_| ()),
        })
    };
    let hybrid = ResponseType::CodeIdToken;
    assert!(accept(&body, hybrid).is_ok());
    assert!(accept(&|state| format!("{}&iss=https://as.example", body(state)), hybrid).is_ok());
    let denied = |state: &str| format!("error=access_denied&id_token=a.b.c&state={state}");
    for (body, response_type) in [
        (&denied as &dyn Fn(&str) -> String, hybrid),
        (&|state| format!("code=c&state={state}"), hybrid),
        (
            &|state| format!("{}&iss=https://evil.example", body(state)),
            hybrid,
        ),
        (&body, ResponseType::Code),
    ] {
        assert_eq!(why(accept(body, response_type)), CallbackError::Issuer);
    }
}

#[test]
fn a_code_alone_has_no_id_token_to_prove() {
    let client = client();
    let (_, pending) = start(request(&client).scopes("openid").unwrap());
    let state = pending.state.expose().to_owned();
    let refused = at(1, |cx| pending.accept_with_id_token(&body(&state), cx));
    assert_eq!(why(refused), CallbackError::Mode);
}

#[test]
fn an_id_token_is_not_asked_for_without_a_nonce_in_an_address_or_signed_twice() {
    let client = client();
    let openid = request(&client).scopes("openid").unwrap();
    let refused = |request| match at(0, |cx| hybrid(request).start(cx)) {
        Err(Error::InvalidInput(problem)) => problem.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(request(&client)).contains("openid"));
    for mode in [ResponseMode::QueryJwt, ResponseMode::FormPostJwt] {
        assert!(refused(openid.clone().response_mode(mode)).contains("form_post alone"));
    }
    let silent = client.clone().with_quirks(Quirks {
        no_response_type: true,
        ..Quirks::default()
    });
    assert!(refused(request(&silent).scopes("openid").unwrap()).contains("this server"));
    for mode in [ResponseMode::Query, ResponseMode::FormPost] {
        let (_, pending) = start(hybrid(openid.clone().response_mode(mode)));
        assert_eq!(
            pending.response_mode(),
            ResponseMode::FormPost,
            "never in an address"
        );
    }
    assert!(request(&client).parameter("response_type", "code token").is_err());
}

/// A program that knew no such member would take the code alone.
#[test]
fn t09_an_older_program_refuses_an_authorization_that_demands_an_id_token() {
    let (pending, _) = pending();
    let json: Value = serde_json::from_str(pending.expose_json().expose()).unwrap();
    assert_eq!(json["grantflow_pending"], 3);
    assert_eq!(json["response_type"], "code id_token");
    let read = |member: &str, value: Value| {
        let mut json = json.clone();
        json[member] = value;
        PendingAuthorization::from_json(&json.to_string())
    };
    for (member, value) in [
        ("response_type", json!("code token")),
        ("response_type", json!("id_token")),
        ("response_type", json!("code token id_token")),
        ("response_mode", json!("query")),
        ("response_mode", json!("form_post.jwt")),
        ("response_mode", Value::Null),
        ("nonce", Value::Null),
        ("grantflow_pending", json!(4)),
    ] {
        let refused = read(member, value.clone());
        assert!(refused.is_err(), "{member}: {value}");
    }
    for number in [1, 2] {
        let again = read("grantflow_pending", json!(number)).unwrap();
        assert!(again.response_type().has_id_token(), "demanded under any number");
    }
}

//! Response modes: what was to come in a body or signed is taken in no other way.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{at, client, parameter, request, start};
use crate::flow::scripted::Scripted;
use crate::{
    AuthorizationCode, CallbackError, Client, Error, PendingAuthorization, ResponseCheck, ResponseMode, Step,
    run,
};

const ALL: [ResponseMode; 4] = [
    ResponseMode::Query,
    ResponseMode::FormPost,
    ResponseMode::QueryJwt,
    ResponseMode::FormPostJwt,
];

/// A pending authorization in this mode, through its stored form, and its state.
fn pending(mode: ResponseMode) -> (PendingAuthorization, String) {
    let client = client();
    let (url, pending) = start(request(&client).response_mode(mode));
    let sent = parameter(&url, "response_mode");
    let expected = (mode != ResponseMode::Query).then(|| mode.as_str().to_owned());
    assert_eq!(sent, expected, "the usual mode is not asked for by name");
    let stored = pending.expose_json();
    let pending = PendingAuthorization::from_json(stored.expose()).unwrap();
    assert_eq!(pending.response_mode(), mode);
    let state = pending.state.expose().to_owned();
    (pending, state)
}

/// A token with this state that nobody signed.
fn token(state: &str) -> String {
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({ "state": state, "code": "c" });
    format!("{}.{}.", part(json!({ "alg": "none" })), part(claims))
}

fn accept(mode: ResponseMode, redirect: impl Fn(&str) -> String) -> Result<AuthorizationCode, Error> {
    let (pending, state) = pending(mode);
    at(1, |cx| pending.accept(&redirect(&state), cx))
}

fn why<T: std::fmt::Debug>(result: Result<T, Error>) -> CallbackError {
    match result {
        Err(Error::Callback(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn t10_what_was_to_come_in_a_body_is_not_taken_from_an_address() {
    let mode = ResponseMode::FormPost;
    assert!(accept(mode, |state| format!("code=c&state={state}")).is_ok());
    for address in ["?", "/cb?", "https://app.example/cb?", "https://app.example/cb#"] {
        let redirect = |state: &str| format!("{address}code=c&state={state}");
        assert_eq!(why(accept(mode, redirect)), CallbackError::Mode, "{address}");
        let (pending, state) = pending(mode);
        assert!(!pending.matches(&redirect(&state)) && pending.matches(&format!("code=c&state={state}")));
    }
    assert_eq!(
        why(accept(mode, |_| "code=c&state=other".to_owned())),
        CallbackError::State
    );
    // The other way round: a receiver that was sent a GET has a query alone.
    for redirect in ["/cb?", ""] {
        assert!(
            accept(ResponseMode::Query, |state| format!(
                "{redirect}code=c&state={state}"
            ))
            .is_ok()
        );
    }
}

#[test]
fn t09_what_was_to_be_signed_is_not_taken_unsigned() {
    for mode in [ResponseMode::QueryJwt, ResponseMode::FormPostJwt] {
        let plain = |state: &str| format!("code=c&state={state}");
        let signed = |state: &str| format!("response={}", token(state));
        assert_eq!(why(accept(mode, plain)), CallbackError::Mode);
        assert_eq!(why(accept(mode, signed)), CallbackError::Mode, "not by this door");
        let (waiting, state) = pending(mode);
        assert!(!waiting.matches(&plain(&state)) && waiting.matches(&signed(&state)));
        assert!(!waiting.matches(&signed("other")));
        let response = |redirect: &str| at(1, |cx| waiting.signed_response(redirect, cx));
        assert_eq!(response(&signed(&state)).unwrap().expose(), token(&state));
        assert_eq!(why(response(&plain(&state))), CallbackError::Mode);
        assert_eq!(why(response(&signed("other"))), CallbackError::State);
        for nonsense in [
            "response=a",
            "response=a.b.c",
            "response=a.e30.c",
            "response=",
            "response",
        ] {
            assert!(
                response(nonsense).is_err() && !waiting.matches(nonsense),
                "{nonsense}"
            );
        }
        let twice = format!("{}&response=x", signed(&state));
        assert_eq!(why(response(&twice)), CallbackError::Repeated);
        let in_an_address = response(&format!("/cb?{}", signed(&state)));
        assert_eq!(in_an_address.is_ok(), mode == ResponseMode::QueryJwt);
        let late = at(600, |cx| waiting.signed_response(&signed(&state), cx));
        assert_eq!(why(late), CallbackError::Expired);
    }
}

#[test]
fn t09_what_a_verified_answer_says_is_judged_as_any_redirect() {
    let accept = |mode, said: &dyn Fn(&str) -> String| {
        let (pending, state) = pending(mode);
        at(1, |cx| pending.accept_verified(&said(&state), cx))
    };
    let mode = ResponseMode::QueryJwt;
    let said = |state: &str| format!("code=c&state={state}&iss=https://as.example");
    assert_eq!(accept(mode, &said).unwrap().code().expose(), "c");
    let refused = |said: &dyn Fn(&str) -> String| why(accept(mode, said));
    assert_eq!(
        refused(&|_| "code=c&state=other".to_owned()),
        CallbackError::State
    );
    assert_eq!(refused(&|_| "code=c".to_owned()), CallbackError::State);
    assert_eq!(
        refused(&|state| format!("code=c&state={state}&iss=https://evil.example")),
        CallbackError::Issuer
    );
    assert_eq!(refused(&|state| format!("state={state}")), CallbackError::NoCode);
    let denied = accept(mode, &|state| format!("error=access_denied&state={state}"));
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    for mode in ALL.into_iter().filter(|mode| !mode.is_signed()) {
        assert_eq!(why(accept(mode, &said)), CallbackError::Mode, "{mode:?}");
    }
}

/// Believes whatever it is given.
#[derive(Debug)]
struct Gullible;

impl ResponseCheck for Gullible {
    fn accept(&self, pending: PendingAuthorization, callback: &str) -> Step<AuthorizationCode> {
        let callback = callback.to_owned();
        Step::begin(move |cx| {
            pending.signed_response(&callback, cx)?;
            let said = format!("code=checked&state={}", pending.state.expose());
            Ok(Step::Done(pending.accept_verified(&said, cx)?))
        })
    }
}

#[test]
fn t09_a_redirect_is_taken_by_the_check_of_the_client_if_it_was_to_be_signed_and_only_then() {
    let accept = |client: &Client, mode| {
        let (pending, state) = pending(mode);
        let callback = match mode.is_signed() {
            true => format!("response={}", token(&state)),
            false => format!("code=plain&state={state}"),
        };
        run(pending.accept_for(client, &callback), &Scripted::default())
    };
    let (plain, checking) = (
        client(),
        client().with_response_check(std::sync::Arc::new(Gullible)),
    );
    for mode in ALL {
        let code = accept(&checking, mode).unwrap();
        let expected = if mode.is_signed() { "checked" } else { "plain" };
        assert_eq!(code.code().expose(), expected, "{mode:?}");
        let unchecked = accept(&plain, mode);
        match mode.is_signed() {
            true => assert!(matches!(unchecked, Err(Error::InvalidInput(_))), "{unchecked:?}"),
            false => assert!(unchecked.is_ok(), "{unchecked:?}"),
        }
        assert_eq!(plain.check_response_mode(mode).is_err(), mode.is_signed());
        assert!(checking.check_response_mode(mode).is_ok());
    }
}

#[test]
fn a_request_asks_for_the_mode_of_its_client_unless_it_says_another() {
    for mode in ALL {
        let client = client().with_response_mode(mode);
        assert_eq!(start(request(&client)).1.response_mode(), mode);
        let other = request(&client).response_mode(ResponseMode::Query);
        assert_eq!(start(other).1.response_mode(), ResponseMode::Query);
    }
}

#[test]
fn a_mode_belongs_to_the_flow_and_an_unknown_one_is_not_read() {
    let client = client();
    assert!(request(&client).parameter("response_mode", "fragment").is_err());
    let (pending, _) = pending(ResponseMode::FormPost);
    let json = pending.expose_json().expose().to_owned();
    assert!(json.contains(r#""response_mode":"form_post""#));
    assert!(PendingAuthorization::from_json(&json.replace("form_post", "fragment")).is_err());
}

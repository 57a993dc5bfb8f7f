//! Mix-up (RFC 9700 section 4.4.1): a user who begins a login at the hostile server and is sent on to the honest one, whose code comes
//! back.

use grantflow_core::{CallbackError, Client, Error, PendingAuthorization, TokenRequest};
use grantflow_suites::login;

use crate::exchanges::redirect;
use crate::stage::{CODE, REDIRECT, Stage};
use crate::{Case, case, each_leaks, none_leaks};

/// The hostile server's client of a program, promised `iss` or not.
fn begun(stage: &mut Stage, promised: bool) -> (Client, String, PendingAuthorization) {
    stage.serve();
    let client = stage.evil_client().with_iss_promised(promised);
    let begun = stage.run(login::start(&client, REDIRECT, "read"));
    let (url, pending) = begun.expect("the address is made without asking anybody");
    (client, url, pending)
}

/// What the honest server can say of itself, and a hostile one between can make of it.
fn names(stage: &Stage) -> [(&'static str, String); NAMES] {
    let (honest, evil) = (stage.honest.origin(), stage.evil.origin());
    [
        (
            "the honest server",
            format!("&iss={}", honest.replace(':', "%3A")),
        ),
        ("the honest server, plain", format!("&iss={honest}")),
        ("both", format!("&iss={honest}&iss={evil}")),
        ("both, the other way round", format!("&iss={evil}&iss={honest}")),
        ("a path", format!("&iss={evil}/")),
        (
            "another scheme",
            format!("&iss={}", evil.replace("http:", "HTTP:")),
        ),
        ("percent twice", format!("&iss={}", evil.replace(':', "%253A"))),
        ("a host alone", format!("&iss={}", evil.replace("http://", ""))),
    ]
}

const NAMES: usize = 8;

#[test]
fn t07_the_redirect_of_another_server_is_no_answer_whatever_it_calls_itself() {
    let mut cases: Vec<Case> = Vec::new();
    for promised in [true, false] {
        for at in 0..NAMES {
            for is_error in [false, true] {
                let name = format!("name {at}, promised: {promised}, error: {is_error}");
                cases.push(case(name, move |stage| {
                    let (client, url, pending) = begun(stage, promised);
                    let (who, iss) = names(stage)[at].clone();
                    let mut answer = redirect(&url, &iss);
                    if is_error {
                        answer = answer.replace("code=", "error=access_denied&error_description=");
                    }
                    let ended = stage.run(login::finish(&client, pending, &answer));
                    let refused = matches!(
                        ended,
                        Err(Error::Callback(CallbackError::Issuer | CallbackError::Repeated))
                    );
                    assert!(refused, "{who}: {ended:?}");
                    assert_eq!(stage.evil.requests(), Vec::<String>::new());
                }));
            }
        }
    }
    // RFC 6749 section 3.1: a parameter without a value is none.
    for (is_error, iss) in [(false, ""), (true, ""), (false, "&iss="), (true, "&iss=")] {
        cases.push(case(
            format!("no iss where it was promised, error: {is_error}, {iss}"),
            move |stage| {
                let (client, url, pending) = begun(stage, true);
                let mut answer = redirect(&url, iss);
                if is_error {
                    answer = answer.replace("code=", "error=access_denied&error_description=");
                }
                let ended = stage.run(login::finish(&client, pending, &answer));
                assert!(
                    matches!(ended, Err(Error::Callback(CallbackError::Issuer))),
                    "{ended:?}"
                );
            },
        ));
    }
    none_leaks("mix-up", &cases);
}

/// RFC 9700 section 4.4.2: "use the issuer identifier" of the request that is answered.
#[test]
fn t07_a_code_is_traded_at_the_server_that_it_was_asked_of_and_by_its_client() {
    type Change = fn(&Stage, Client) -> Client;
    let changed: [(&str, Change); 3] = [
        ("the hostile server's client", |stage, _| stage.evil_client()),
        ("a token endpoint at the hostile server", |stage, client| {
            let issuer = client.issuer().cloned().expect("it has a name");
            Client::new("c", stage.at_evil("/token")).with_issuer(issuer)
        }),
        ("the hostile server's name", |stage, client| {
            client.with_issuer(crate::stage::issuer(&stage.evil))
        }),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (name, change) in changed {
        cases.push(case(name, move |stage| {
            stage.serve();
            let client = stage.client();
            let begun = stage.run(login::start(&client, REDIRECT, "read"));
            let (url, pending) = begun.expect("an address");
            stage.waits(&pending);
            let code = stage.run(grantflow_core::Step::begin(move |cx| {
                Ok(grantflow_core::Step::Done(
                    pending.accept(&redirect(&url, ""), cx)?,
                ))
            }));
            let other = change(stage, client);
            let request = TokenRequest::authorization_code(&other, code.expect("the honest server's own"));
            let ended = stage.run(request.flow());
            assert!(matches!(ended, Err(Error::InvalidInput(_))), "{name}: {ended:?}");
        }));
    }
    none_leaks("a code by another client", &cases);
}

/// What is left where a server neither sends `iss` nor is promised to: SECURITY.md says so under what is out of scope.
#[test]
fn t07_only_iss_tells_whose_answer_it_is() {
    let cases = [case("a server that does not name itself", |stage| {
        let (client, url, pending) = begun(stage, false);
        stage
            .run(login::finish(&client, pending, &redirect(&url, "")))
            .expect("nothing tells whose code it is");
        assert!(stage.evil.requests().iter().any(|request| request.contains(CODE)));
    })];
    each_leaks("without iss", &cases);
}

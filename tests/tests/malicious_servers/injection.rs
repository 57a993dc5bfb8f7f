//! Codes and answers that somebody else brings (RFC 9700 section 4.5), at a server that looks at PKCE and gives ID tokens.

use grantflow_core::{CallbackError, Client, Error, PendingAuthorization, Step, Token};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerifier, exchange};
use grantflow_suites::login;
use grantflow_testserver::{Config, Endpoint, Fault, IdTokenFlaw, TestServer};

use crate::stage::{REDIRECT, Stage};
use crate::{Case, case, none_leaks};

const APP: &str = "native-app";

/// A login by the user, and one by the attacker: what the browser brings back in either.
struct Logins {
    server: TestServer,
    client: Client,
    verifier: IdTokenVerifier,
    pending: PendingAuthorization,
    own: String,
    attackers: String,
}

fn logins(stage: &mut Stage) -> Logins {
    stage.serve();
    let server = Config::new().start().expect("a server starts on loopback");
    let discovery = login::discover(server.issuer(), APP).expect("a name");
    let client = stage.run(discovery).expect("it tells");
    let metadata = grantflow_core::flow::discover(client.issuer().expect("it has a name"));
    let metadata = stage.run(metadata).expect("it tells");
    let verifier = IdTokenVerifier::of_server([Algorithm::Rs256], &metadata, APP).expect("it has keys");
    let (attackers, _) = begin(stage, &server, &client);
    let (own, pending) = begin(stage, &server, &client);
    stage.waits(&pending);
    Logins {
        server,
        client,
        verifier,
        pending,
        own,
        attackers,
    }
}

/// The login's end, with its ID token proven.
fn end(stage: &Stage, logins: Logins, answer: String) -> Result<Token, Error> {
    let Logins {
        client,
        verifier,
        pending,
        server,
        ..
    } = logins;
    let step = Step::begin(move |cx| Ok(exchange(&client, pending.accept(&answer, cx)?, &verifier)));
    let ended = stage.run(step);
    drop(server);
    ended.map(|(token, _)| token)
}

fn begin(stage: &Stage, server: &TestServer, client: &Client) -> (String, PendingAuthorization) {
    let (url, pending) = stage
        .run(login::start(client, REDIRECT, "openid"))
        .expect("an address");
    (server.approve(&url).expect("a consent"), pending)
}

fn parameter<'a>(redirect: &'a str, name: &str) -> &'a str {
    let start = redirect.find(&format!("{name}=")).expect("it is there") + name.len() + 1;
    redirect[start..].split('&').next().unwrap_or_default()
}

#[test]
fn t01_t09_an_answer_or_a_code_of_another_login_gives_no_token() {
    type Bring = fn(&Logins) -> String;
    type Ends = fn(&Result<Token, Error>) -> bool;
    let is_state: Ends = |ended| matches!(ended, Err(Error::Callback(CallbackError::State)));
    let injected: [(&str, Bring, Ends); 6] = [
        (
            "the attacker's answer",
            |logins| logins.attackers.clone(),
            is_state,
        ),
        (
            "the code with no state",
            |logins| remove_state(&logins.own),
            is_state,
        ),
        (
            "the code with an empty state",
            |logins| logins.own.replace(parameter(&logins.own, "state"), ""),
            is_state,
        ),
        (
            "two states",
            |logins| format!("{}&state={}", logins.attackers, parameter(&logins.own, "state")),
            |ended| matches!(ended, Err(Error::Callback(CallbackError::Repeated))),
        ),
        (
            "two codes",
            |logins| format!("{}&code={}", logins.own, parameter(&logins.attackers, "code")),
            |ended| matches!(ended, Err(Error::Callback(CallbackError::Repeated))),
        ),
        (
            "the attacker's code with the user's state",
            |logins| {
                let (own, attackers) = (
                    parameter(&logins.own, "code"),
                    parameter(&logins.attackers, "code"),
                );
                logins.own.replace(own, attackers)
            },
            // The server compares the verifier: PKCE.
            |ended| matches!(ended, Err(Error::Server(refusal)) if refusal.code().as_str() == "invalid_grant"),
        ),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (name, bring, ends) in injected {
        cases.push(case(name, move |stage| {
            let logins = logins(stage);
            let answer = bring(&logins);
            let ended = end(stage, logins, answer);
            assert!(ends(&ended), "{name}: {ended:?}");
        }));
    }
    for flaw in [IdTokenFlaw::WrongNonce, IdTokenFlaw::NoNonce] {
        // A server that looks at no verifier gives a token for the attacker's code: its ID token has the attacker's nonce.
        cases.push(case(format!("a nonce: {flaw}"), move |stage| {
            let logins = logins(stage);
            logins.server.push_fault(Endpoint::Token, Fault::IdToken(flaw));
            let own = logins.own.clone();
            let ended = end(stage, logins, own);
            assert!(matches!(ended, Err(Error::TokenRefused(_))), "{flaw}: {ended:?}");
        }));
    }
    cases.push(case("the user's own", |stage| {
        let logins = logins(stage);
        let own = logins.own.clone();
        let ended = end(stage, logins, own);
        assert!(ended.is_ok(), "{ended:?}");
    }));
    none_leaks("injection", &cases);
}

fn remove_state(redirect: &str) -> String {
    redirect.replace(&format!("state={}", parameter(redirect, "state")), "x=y")
}

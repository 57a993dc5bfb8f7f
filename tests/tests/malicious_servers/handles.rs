//! The handles that put a token on requests: it goes to the origins of its record, by each of them and in each form (RFC 6750 section
//! 5.3, RFC 9449 section 7.1).

use std::sync::Arc;

use grantflow_core::{Client, Quirks, Token, TokenType, blocking};
use grantflow_jwt::Algorithm;
use grantflow_oidc::Dpop;
use grantflow_suites::app::get;

use crate::exchanges::{Ended, all};
use crate::stage::{Stage, Way};
use crate::{Case, case, none_leaks};

/// How the token is written on a request.
#[derive(Clone, Copy, Debug)]
enum Form {
    Bearer,
    Dpop,
    /// A header that no HTTP client knows for a secret.
    Header,
}

const FORMS: [Form; 3] = [Form::Bearer, Form::Dpop, Form::Header];

fn token_and_client(stage: &Stage, form: Form) -> (Token, Client) {
    let (mut token, client) = (stage.token(), stage.client());
    match form {
        Form::Bearer => (token, client),
        Form::Dpop => {
            token.token_type = TokenType::Dpop;
            let dpop = Dpop::generate(Algorithm::Es256).expect("a key is made");
            (token, client.with_token_constraint(Arc::new(dpop)))
        }
        Form::Header => {
            let mut quirks = Quirks::default();
            quirks.token_header = Some("x-shop-access-token".to_owned());
            (token, client.with_quirks(quirks))
        }
    }
}

/// A request by the handle of the core.
fn by_core(stage: &Stage, form: Form, address: &str) -> Ended {
    let (token, client) = token_and_client(stage, form);
    let origins = client.origins().to_vec();
    match &stage.way {
        Way::Ureq(transport) => {
            let handle = blocking::Credentials::from_access_token(token, transport.clone());
            let handle = handle.with_client(client).allow_origins(origins);
            handle.authorized(get(address))?;
        }
        Way::Reqwest(transport, runtime) => {
            let handle = grantflow_core::Credentials::from_access_token(token, transport.clone());
            let handle = handle.with_client(client).allow_origins(origins);
            runtime.block_on(handle.authorized(get(address)))?;
        }
    }
    Ok(())
}

/// A request by an HTTP client of the program, with the handle in it.
fn by_client(stage: &Stage, form: Form, address: &str) -> Ended {
    let (token, client) = token_and_client(stage, form);
    let origins = client.origins().to_vec();
    match &stage.way {
        Way::Ureq(transport) => {
            use grantflow_ureq::Authorize as _;
            let handle = blocking::Credentials::from_access_token(token, transport.clone());
            let handle = handle.with_client(client).allow_origins(origins);
            let agent = handle.authorize(&ureq::Agent::new_with_defaults())?;
            agent.get(address).call()?;
        }
        Way::Reqwest(transport, runtime) => {
            use grantflow_reqwest::Authorize as _;
            let handle = grantflow_core::Credentials::from_access_token(token, transport.clone());
            let handle = handle.with_client(client).allow_origins(origins);
            let client = reqwest_middleware::ClientBuilder::new(grantflow_reqwest::client()?)
                .with(handle.middleware())
                .build();
            runtime.block_on(client.get(address).send())?;
        }
    }
    Ok(())
}

type By = fn(&Stage, Form, &str) -> Ended;

const OF_THE_PROGRAM: &str = "a client with the handle";
const HANDLES: [(&str, By); 2] = [("the core's handle", by_core), (OF_THE_PROGRAM, by_client)];

/// Addresses of the hostile server that have something of the honest one's in them.
fn elsewhere(stage: &Stage) -> [String; 6] {
    let (honest, evil) = (stage.honest.origin(), stage.evil.origin());
    let port = evil.rsplit(':').next().unwrap_or_default();
    let host = honest.replace("http://", "");
    [
        format!("{evil}/api"),
        format!("{evil}/api?next={honest}/api"),
        format!("http://localhost:{port}/api"),
        format!("http://127.1:{port}/api"),
        format!("http://{host}@127.0.0.1:{port}/api"),
        format!("{evil}/{host}/api"),
    ]
}

#[test]
fn t51_no_handle_puts_a_token_in_any_form_on_a_request_to_another_origin() {
    let mut cases: Vec<Case> = Vec::new();
    for (handle, by) in HANDLES {
        for form in FORMS {
            cases.push(case(format!("{handle}, {form:?}"), move |stage| {
                stage.serve();
                for address in elsewhere(stage) {
                    // Refused before it is sent, or sent without a token.
                    let _ended = by(stage, form, &address);
                }
                let own = format!("{}/api", stage.honest.origin());
                by(stage, form, &own).expect("its own origin gets it");
                assert!(
                    stage.seen_at_home().contains("access token"),
                    "{handle}, {form:?}"
                );
            }));
        }
    }
    none_leaks("other origins", &cases);
}

/// SECURITY.md: a client of the program takes a proof along, which proves one request and is worth nothing without the token.
#[test]
fn t51_t28_no_token_in_any_form_is_carried_over_a_redirect() {
    let mut cases: Vec<Case> = Vec::new();
    for (handle, by) in HANDLES {
        for form in FORMS {
            for status in [301, 302, 303, 307, 308] {
                cases.push(case(format!("{handle}, {form:?}, {status}"), move |stage| {
                    stage.serve_redirecting(status, false);
                    stage.proofs_follow = handle == OF_THE_PROGRAM;
                    // A client of the program may follow it, without the token.
                    let _ended = by(stage, form, &format!("{}/api", stage.honest.origin()));
                    assert!(!stage.honest.requests().is_empty() || matches!(form, Form::Header));
                }));
            }
        }
    }
    none_leaks("redirected handles", &cases);
}

/// RFC 9700 section 4.3.2: an address ends up in logs, histories and `Referer`.
#[test]
fn t52_no_request_has_a_secret_in_its_address() {
    let (mut requests, mut secrets) = (0, 0);
    for way in Way::both() {
        let mut stage = Stage::new(way);
        stage.serve();
        all(&mut stage);
        for (handle, by) in HANDLES {
            for form in FORMS {
                let own = format!("{}/api", stage.honest.origin());
                by(&stage, form, &own).unwrap_or_else(|error| panic!("{handle}, {form:?}: {error}"));
            }
        }
        for request in stage.honest.requests() {
            let line = request.lines().next().unwrap_or_default().to_owned();
            assert_eq!(stage.secrets_in(&line), Vec::<String>::new(), "{line}");
            requests += 1;
        }
        secrets = stage.names().count();
    }
    println!("{requests} requests with {secrets} kinds of secrets: 0 in an address");
    assert!(requests >= 48, "{requests}");
}

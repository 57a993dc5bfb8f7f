//! Backchannel authentication (OpenID Connect CIBA) against a certified provider, blocking and async: the server asks the user, and the
//! application polls; the ID token is verified as at any login.

use std::sync::{Arc, Mutex};

use grantflow_core::{
    BackchannelAuthenticationRequest, Client, Endpoint, Error, NotAuthorized, Scopes, Step, Token,
    TokenRequest, UserHint,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{IdTokenVerification, IdTokenVerifier, KeyCache, KeyRequest};
use grantflow_suites::app::{App, AsyncApp};
use grantflow_suites::driven::Over::{Reqwest, Ureq};
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{BACKCHANNEL, BASIC, ID_TOKEN, drives};
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider};

/// The client with its secret, which believes no ID token unseen.
fn client(client: Client) -> Client {
    let issuer = client.issuer().expect("it was discovered").as_str().to_owned();
    let jwks = Endpoint::allow_http_for_loopback(format!("{issuer}/jwks")).expect("an address");
    let verification = IdTokenVerification::of_client([Algorithm::Es256], &client).expect("an issuer");
    let verifier = IdTokenVerifier::new(verification, KeyCache::new(KeyRequest::jwks(jwks)));
    client
        .with_secret_basic(CONFIDENTIAL_SECRET)
        .with_id_token_check(Arc::new(verifier))
}

fn ask(client: &Client, hint: UserHint) -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::new(client, hint)
        .scopes(Scopes::parse("openid email").expect("scopes"))
        .binding_message("W4SCT")
}

fn ann() -> UserHint {
    UserHint::LoginHint("ann".to_owned())
}

fn login(client: &Client, hint: UserHint) -> Step<Token> {
    ask(client, hint).flow().and_then(|grant, _| Ok(grant.poll()))
}

type Answered = Arc<Mutex<Vec<(String, String)>>>;

/// The user answers during the third wait.
fn answers(provider: &Arc<Mutex<Provider>>, allows: bool) -> (impl FnMut(u32) + Send + 'static, Answered) {
    let (provider, answered) = (Arc::clone(provider), Answered::default());
    let shared = Arc::clone(&answered);
    let act = move |wait| {
        if wait == 3 {
            let answer = provider.lock().expect("nobody panics with it").answer(allows);
            shared.lock().expect("nobody panics with it").push(answer);
        }
    };
    (act, answered)
}

fn start() -> Option<(String, Arc<Mutex<Provider>>)> {
    let provider = Provider::start_default()?;
    Some((provider.issuer().to_owned(), Arc::new(Mutex::new(provider))))
}

#[test]
fn a_user_who_is_asked_allows_and_is_known_again_by_their_id_token() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[BACKCHANNEL, BASIC, ID_TOKEN]);
    let Some((issuer, provider)) = start() else {
        return Ok(());
    };
    let app = App::discover(&issuer, "confidential", client)?;
    let (act, answered) = answers(&provider, true);
    app.clock.hurry(act);
    let token = app.run(login(app.client(), ann()))?;
    let told = answered.lock().expect("nobody panics with it").clone();
    assert_eq!(told, [("ann".to_owned(), "W4SCT".to_owned())]);
    let id_token = token.id_token.expect("it has passed the check");

    // The next time the ID token says who is meant.
    let (act, answered) = answers(&provider, true);
    app.clock.hurry(act);
    app.run(login(app.client(), UserHint::IdToken(id_token)))?;
    assert_eq!(answered.lock().expect("nobody panics with it")[0].0, "ann");
    Ok(())
}

#[test]
fn a_user_who_denies_who_is_unknown_or_who_never_answers_gives_no_token() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[BACKCHANNEL]);
    let Some((issuer, provider)) = start() else {
        return Ok(());
    };
    let app = App::discover(&issuer, "confidential", client)?;
    let (act, _) = answers(&provider, false);
    app.clock.hurry(act);
    let denied = app.run(login(app.client(), ann()));
    assert!(matches!(&denied, Err(Error::Denied(_))), "{denied:?}");

    let unknown = app.run(login(app.client(), UserHint::LoginHint("nobody".to_owned())));
    assert!(
        matches!(&unknown, Err(Error::Server(refusal)) if refusal.code().as_str() == "unknown_user_id"),
        "{unknown:?}"
    );

    app.clock.hurry(|_| {});
    let late = app.run(login(app.client(), ann()));
    assert!(
        matches!(&late, Err(Error::NotAuthorized(NotAuthorized::NotInTime))),
        "{late:?}"
    );
    let forged = app.run(TokenRequest::backchannel(app.client(), "forged".into()).flow());
    assert!(forged.is_err_and(|error| error.needs_user()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_program_asks_a_user_too() -> Result<(), Error> {
    drives(OidcProvider, Reqwest, &[BACKCHANNEL, BASIC, ID_TOKEN]);
    let Some((issuer, provider)) = start() else {
        return Ok(());
    };
    let app = AsyncApp::discover(&issuer, "confidential", client).await?;
    for allows in [true, false] {
        let (act, answered) = answers(&provider, allows);
        app.clock.hurry(act);
        let end = app.run(login(app.client(), ann())).await;
        assert_eq!(answered.lock().expect("nobody panics with it").len(), 1);
        assert_eq!(end.is_ok(), allows, "{end:?}");
        assert!(allows || matches!(end, Err(Error::Denied(_))));
    }
    Ok(())
}

//! From a 401 to a login against a certified provider: a client that registers itself, tokens for one resource, and what is
//! registered looked after.

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Challenge, ClientIdentity, ClientMetadata, DeregistrationRequest, Endpoint, Error, ProtectedResource,
    Record, Registration, RegistrationRequest, Request, ResourceLogin, Step,
};
use grantflow_suites::app::{LATER, NOWHERE, get, member};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{
    CODE, METADATA, REFRESH, REGISTRATION, RESOURCE, RESOURCE_METADATA, drives_over_both,
};
use grantflow_suites::either::Either;
use grantflow_suites::provider::Provider;
use grantflow_suites::resource::Resource;
use serde_json::json;

/// A program that knows the address of a resource and nothing else.
struct Program {
    address: String,
    app: Either,
    _provider: Provider,
}

impl Program {
    /// One on each transport, with a resource and a provider of its own; none where that is not installed.
    #[track_caller]
    fn on_each() -> Result<Vec<Self>, Error> {
        let programs = Either::both_without_client()?.map(Self::on);
        Ok(programs.into_iter().flatten().collect())
    }

    #[track_caller]
    fn on(app: Either) -> Option<Self> {
        let resource = Resource::bind();
        let options = json!({ "resources": [resource.address()], "registration": true });
        let provider = Provider::start(&options)?;
        let address = resource.address().to_owned();
        resource.serve(provider.issuer());
        Some(Self {
            address,
            app,
            _provider: provider,
        })
    }

    fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        self.app.run(step)
    }

    /// What the resource says to a request without a token, and what comes of it.
    fn discover(&self) -> Result<ResourceLogin, Error> {
        let refused = self.app.send(get(&self.address))?;
        assert_eq!(refused.status(), 401);
        let challenge = Challenge::bearer(refused.headers());
        let resource = ProtectedResource::new(Endpoint::allow_http_for_loopback(&*self.address)?);
        let access = self.run(resource.discover(challenge.as_ref()))?;
        let metadata = ClientMetadata::new("Notes", [NOWHERE]).native();
        // The provider signs ID tokens by no other algorithm.
        let metadata = metadata.with_text("id_token_signed_response_alg", "ES256");
        self.run(access.client(&ClientIdentity::new().with_registration(metadata)))
    }

    fn log_in(&self, login: &ResourceLogin) -> Result<Record, Error> {
        let asked = login.clone();
        let (url, pending) = self.run(Step::begin(move |cx| {
            Ok(Step::Done(asked.request(NOWHERE)?.start(cx)?))
        }))?;
        let redirect = Browser::of("ann").authorize(url.as_str());
        let code = self.run(Step::begin(move |cx| {
            Ok(Step::Done(pending.accept(&redirect, cx)?))
        }))?;
        self.run(login.keep(code))
    }
}

fn post(address: &str) -> Request {
    let mut request = get(address);
    *request.method_mut() = http::Method::POST;
    request
}

#[test]
fn a_resource_that_nobody_knew_before_is_called_and_its_tokens_are_for_it_alone() -> Result<(), Error> {
    drives_over_both(
        OidcProvider,
        &[RESOURCE_METADATA, METADATA, REGISTRATION, CODE, RESOURCE, REFRESH],
    );
    for program in Program::on_each()? {
        let login = program.discover()?;
        assert_eq!(login.scopes().to_string(), "read offline_access");
        let record = program.log_in(&login)?;
        assert!(record.token().refresh_token.is_some());
        let reply = program.app.authorized(record.key(), get(&program.address))?;
        assert_eq!(
            (reply.status().as_u16(), member(&reply, "aud")),
            (200, json!(program.address))
        );
        assert_eq!(member(&reply, "client_id"), login.client().id());

        // The next token is for the resource too: this provider makes such only where the refresh names it.
        program.app.clock().advance(LATER);
        let reply = program.app.authorized(record.key(), get(&program.address))?;
        assert_eq!(
            (reply.status().as_u16(), member(&reply, "aud")),
            (200, json!(program.address))
        );
        assert!(matches!(
            program
                .app
                .authorized(record.key(), get("http://127.0.0.1:1/mcp")),
            Err(Error::OriginNotAllowed(_))
        ));
    }
    Ok(())
}

#[test]
fn a_refusal_of_too_little_is_answered_with_a_login_for_more() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[RESOURCE_METADATA, CODE]);
    for program in Program::on_each()? {
        let login = program.discover()?;
        let record = program.log_in(&login)?;
        let refused = program.app.authorized(record.key(), post(&program.address))?;
        assert_eq!(refused.status(), 403);
        let challenge = Challenge::bearer(refused.headers()).ok_or(Error::Cancelled)?;
        let more = login.step_up(&record, &challenge)?;
        let record = program.log_in(&more)?;
        assert_eq!(
            program
                .app
                .authorized(record.key(), post(&program.address))?
                .status(),
            200
        );
        assert_eq!(
            program
                .app
                .authorized(record.key(), get(&program.address))?
                .status(),
            200
        );
        assert!(login.step_up(&record, &challenge).is_err(), "it has all of it");
    }
    Ok(())
}

#[test]
fn what_was_registered_is_read_changed_and_ended() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[REGISTRATION]);
    for program in Program::on_each()? {
        let login = program.discover()?;
        let first = login.registration().ok_or(Error::Cancelled)?;
        let kept = Registration::from_json(first.expose_json().expose())?;

        let read = program.run(RegistrationRequest::read(&kept)?.flow())?;
        assert_eq!(read.client_id(), first.client_id());
        let token =
            |registration: &Registration| registration.access_token().cloned().ok_or(Error::Cancelled);

        let metadata = ClientMetadata::new("Notes 2", [NOWHERE])
            .native()
            .with_authentication_method("none");
        let metadata = metadata.with_text("id_token_signed_response_alg", "ES256");
        let changed = program.run(RegistrationRequest::update(&read, metadata)?.flow())?;
        assert!(
            !token(&changed)?.eq_ct(&token(first)?),
            "this provider gives out a new token with a change"
        );
        let old = program.run(RegistrationRequest::read(first)?.flow());
        assert!(
            matches!(old, Err(Error::Server(refusal)) if refusal.code() == &ErrorCode::from("invalid_token"))
        );

        let record = program.log_in(&login)?;
        program.run(DeregistrationRequest::new(&changed)?.flow())?;
        program.app.clock().advance(LATER);
        let Err(Error::Server(refusal)) = program.app.access_token(record.key()) else {
            panic!("a client that is gone gets no token")
        };
        assert_eq!(refusal.code().as_str(), "invalid_client");
    }
    Ok(())
}

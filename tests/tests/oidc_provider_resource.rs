//! From a 401 to a login against a certified provider: a client that registers itself, tokens for one resource, and what is
//! registered looked after.

use grantflow_core::blocking::Credentials;
use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Challenge, ClientIdentity, ClientMetadata, DeregistrationRequest, Endpoint, Error, ProtectedResource,
    Record, Registration, RegistrationRequest, Request, ResourceLogin, Step, TransportHost, run,
};
use grantflow_store::MemoryStore;
use grantflow_suites::app::{LATER, NOWHERE, get, member};
use grantflow_suites::browser::Browser;
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::driven::Over::Ureq;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{CODE, METADATA, REFRESH, REGISTRATION, RESOURCE, RESOURCE_METADATA, drives};
use grantflow_suites::provider::Provider;
use grantflow_suites::resource::Resource;
use grantflow_ureq::UreqTransport;
use serde_json::json;

/// A program that knows the address of a resource and nothing else.
struct Program {
    address: String,
    transport: OnClock<UreqTransport>,
    clock: Clock,
    store: MemoryStore,
    provider: Provider,
}

impl Program {
    fn new() -> Result<Option<Self>, Error> {
        let resource = Resource::bind();
        let options = json!({ "resources": [resource.address()], "registration": true });
        let Some(provider) = Provider::start(&options) else {
            return Ok(None);
        };
        let clock = Clock::default();
        let program = Self {
            address: resource.address().to_owned(),
            transport: clock.on(UreqTransport::new()?),
            clock,
            store: MemoryStore::new(),
            provider,
        };
        resource.serve(program.provider.issuer());
        Ok(Some(program))
    }

    fn run<T>(&self, step: Step<T>) -> Result<T, Error> {
        run(step, &TransportHost::new(&self.transport).with_store(&self.store))
    }

    /// What the resource says to a request without a token, and what comes of it.
    fn discover(&self) -> Result<ResourceLogin, Error> {
        use grantflow_core::Transport as _;
        let refused = self.transport.send(get(&self.address))?;
        assert_eq!(refused.status(), 401);
        let challenge = Challenge::bearer(refused.headers());
        let resource = ProtectedResource::new(Endpoint::allow_http_for_loopback(&*self.address)?);
        let access = self.run(resource.discover(challenge.as_ref()))?;
        let metadata = ClientMetadata::new("Notes", [NOWHERE]).native();
        // The provider signs ID tokens by no other algorithm.
        let metadata = metadata.with_text("id_token_signed_response_alg", "ES256");
        self.run(access.client(&ClientIdentity::new().with_registration(metadata)))
    }

    fn log_in(&self, login: &ResourceLogin) -> Result<(Record, Credentials), Error> {
        let asked = login.clone();
        let (url, pending) = self.run(Step::begin(move |cx| {
            Ok(Step::Done(asked.request(NOWHERE)?.start(cx)?))
        }))?;
        let redirect = Browser::of("ann").authorize(url.as_str());
        let code = self.run(Step::begin(move |cx| {
            Ok(Step::Done(pending.accept(&redirect, cx)?))
        }))?;
        let record = self.run(login.keep(code))?;
        let credentials = Credentials::new(record.key().clone(), self.store.clone(), self.transport.clone());
        Ok((record, credentials))
    }
}

fn post(address: &str) -> Request {
    let mut request = get(address);
    *request.method_mut() = http::Method::POST;
    request
}

#[test]
fn a_resource_that_nobody_knew_before_is_called_and_its_tokens_are_for_it_alone() -> Result<(), Error> {
    drives(
        OidcProvider,
        Ureq,
        &[RESOURCE_METADATA, METADATA, REGISTRATION, CODE, RESOURCE, REFRESH],
    );
    let Some(program) = Program::new()? else {
        return Ok(());
    };
    let login = program.discover()?;
    assert_eq!(login.scopes().to_string(), "read offline_access");
    let (record, credentials) = program.log_in(&login)?;
    assert!(record.token().refresh_token.is_some());
    let reply = credentials.authorized(get(&program.address))?;
    assert_eq!(
        (reply.status().as_u16(), member(&reply, "aud")),
        (200, json!(program.address))
    );
    assert_eq!(member(&reply, "client_id"), login.client().id());

    // The next token is for the resource too: this provider makes such only where the refresh names it.
    program.clock.advance(LATER);
    let reply = credentials.authorized(get(&program.address))?;
    assert_eq!(
        (reply.status().as_u16(), member(&reply, "aud")),
        (200, json!(program.address))
    );
    assert!(matches!(
        credentials.authorized(get("http://127.0.0.1:1/mcp")),
        Err(Error::OriginNotAllowed(_))
    ));
    Ok(())
}

#[test]
fn a_refusal_of_too_little_is_answered_with_a_login_for_more() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[RESOURCE_METADATA, CODE]);
    let Some(program) = Program::new()? else {
        return Ok(());
    };
    let login = program.discover()?;
    let (record, credentials) = program.log_in(&login)?;
    let refused = credentials.authorized(post(&program.address))?;
    assert_eq!(refused.status(), 403);
    let challenge = Challenge::bearer(refused.headers()).ok_or(Error::Cancelled)?;
    let more = login.step_up(&record, &challenge)?;
    let (record, credentials) = program.log_in(&more)?;
    assert_eq!(credentials.authorized(post(&program.address))?.status(), 200);
    assert_eq!(credentials.authorized(get(&program.address))?.status(), 200);
    assert!(login.step_up(&record, &challenge).is_err(), "it has all of it");
    Ok(())
}

#[test]
fn what_was_registered_is_read_changed_and_ended() -> Result<(), Error> {
    drives(OidcProvider, Ureq, &[REGISTRATION]);
    let Some(program) = Program::new()? else {
        return Ok(());
    };
    let login = program.discover()?;
    let first = login.registration().ok_or(Error::Cancelled)?;
    let kept = Registration::from_json(first.expose_json().expose())?;

    let read = program.run(RegistrationRequest::read(&kept)?.flow())?;
    assert_eq!(read.client_id(), first.client_id());
    let token = |registration: &Registration| registration.access_token().cloned().ok_or(Error::Cancelled);

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

    let (_, credentials) = program.log_in(&login)?;
    program.run(DeregistrationRequest::new(&changed)?.flow())?;
    program.clock.advance(LATER);
    let Err(Error::Server(refusal)) = credentials.access_token() else {
        panic!("a client that is gone gets no token")
    };
    assert_eq!(refusal.code().as_str(), "invalid_client");
    Ok(())
}

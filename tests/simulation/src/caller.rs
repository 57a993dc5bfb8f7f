//! What an application does with its handles, chosen by chance; and what it asks when all is over.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use grantflow_core::{
    AsyncTransportHost, Body, Change, Client, Credentials, Endpoint, Error, IntrospectionRequest, Issuer,
    Key, Origin, Provenance, Record, Request, Scopes, Timestamp, Token, TokenType, TokenTypeHint, drive,
    flow,
};

use crate::chronicle::Call;
use crate::host::SimHost;
use crate::ledger::Begun;
use crate::network::{API, AUTHORIZE, BACKCHANNEL, DEVICE, INTROSPECT, ISSUER, PUSH, REVOKE, TOKEN};
use crate::plant::{Plant, PlantedStore};
use crate::proof;
use crate::scenario::{Fault, Scenario};
use crate::server::{Grant, access_of};
use crate::world::{Cause, SECOND};

/// How long a program waits at its end.
const FAREWELL: Duration = Duration::from_secs(100);

/// A handle, and its number in the ledger.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) credentials: Credentials,
    pub(crate) number: usize,
    pub(crate) slot: usize,
}

/// A task of an application.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) host: SimHost,
    pub(crate) store: PlantedStore,
    pub(crate) plant: Option<Plant>,
    pub(crate) handles: Vec<Handle>,
}

impl Caller {
    /// Makes all calls that are left to this task.
    pub(crate) async fn run(self, task: usize) {
        let pace = self.host.world.state().scenario.pace;
        if task == 0 {
            self.resume_devices().await;
            self.resume_browsers().await;
        }
        while self.take_call(task) {
            self.host.idle(pace).await;
            let (handle, call) = self.choose();
            self.call(&handle, call).await;
        }
        self.finish().await;
    }

    /// The last task of a program lets everything settle before the program ends.
    async fn finish(&self) {
        let (last, exits) = {
            let mut state = self.host.world.state();
            let exits = state.has(Fault::Exit);
            let process = &mut state.processes[self.host.who.process];
            process.callers -= 1;
            let last = process.callers == 0;
            (
                last,
                exits && last && !std::mem::replace(&mut process.exited, true),
            )
        };
        if !last || !exits {
            return;
        }
        for handle in &self.handles {
            if !handle.credentials.settle(FAREWELL).await {
                return;
            }
        }
        self.host.live().await;
        let mut state = self.host.world.state();
        state.note(self.host.who, crate::chronicle::What::Exits);
        state.end_process(self.host.who, Cause::Exit);
    }

    fn take_call(&self, task: usize) -> bool {
        let mut state = self.host.world.state();
        let left = &mut state.processes[self.host.who.process].calls_left[task];
        let some = *left > 0;
        *left = left.saturating_sub(1);
        some
    }

    fn choose(&self) -> (Handle, Call) {
        let mut state = self.host.world.state();
        let at = state.dice.below(self.handles.len() as u64) as usize;
        let call = match state.dice.below(100) {
            0..15 | 23..45 => Call::Header,
            45..60 => Call::AccessToken,
            60..82 => Call::Authorized,
            82..90 => Call::Refresh,
            90..94 => Call::Settle,
            94..97 => Call::Record,
            97 if state.has(Fault::Revoke) => Call::Revoke,
            98 if state.has(Fault::Delete) => Call::Delete,
            99 if state.has(Fault::Login) => Call::Login,
            15 | 16 if state.has(Fault::DeviceLogin) => Call::Device,
            17 | 18 if state.has(Fault::DeviceLogin) => Call::Backchannel,
            19..22 if state.has(Fault::BrowserLogin) => Call::Browser,
            22 => Call::Introspect,
            _ => Call::Header,
        };
        let slot = self.handles[at].slot;
        let by_user = matches!(
            call,
            Call::Login | Call::Device | Call::Backchannel | Call::Browser
        );
        let call = match call {
            // Nobody logs in there, and a revocation would end it for good.
            _ if state.source_of(slot).is_some() && (by_user || call == Call::Revoke) => Call::Header,
            // There the API says who can log somebody in.
            _ if state.is_of_resource(slot) && (by_user || state.depot.slots[slot].record.is_none()) => {
                Call::Resource
            }
            _ => call,
        };
        (self.handles[at].clone(), call)
    }

    async fn call(&self, handle: &Handle, call: Call) {
        let begun = self.host.world.state().begin(handle.number, call);
        let ended = match call {
            Call::Header => {
                let header = self.cancellable(begun, handle.credentials.header()).await;
                header.map(|header| header.map(|value| (of_header(&value), false)))
            }
            Call::AccessToken => self
                .cancellable(begun, handle.credentials.access_token())
                .await
                .map(given),
            Call::Refresh => self
                .cancellable(begun, handle.credentials.refresh())
                .await
                .map(given),
            Call::Authorized => {
                let sent = self.cancellable(begun, handle.credentials.authorized(api_request()));
                sent.await.map(|reply| reply.map(|_| (None, false)))
            }
            Call::Settle => {
                let time = Duration::from_secs(self.host.world.state().dice.between(1, 100));
                let settled = self.cancellable(begun, handle.credentials.settle(time)).await;
                settled.map(|all| {
                    if all {
                        self.host.world.state().check_settled(begun);
                    }
                    Ok((None, false))
                })
            }
            Call::Record => {
                let record = self.cancellable(begun, handle.credentials.record()).await;
                record.map(|record| record.map(|_| (None, false)))
            }
            Call::Revoke => {
                let revoked = self.cancellable(begun, handle.credentials.revoke()).await;
                revoked.map(|done| done.map(|()| (None, false)))
            }
            Call::Delete => {
                let deleted = self.cancellable(begun, self.delete(handle.slot)).await;
                deleted.map(|done| done.map(|()| (None, false)))
            }
            // A program does not drop what it was given once.
            Call::Device => Some(self.device_login(handle.slot).await.map(|()| (None, false))),
            Call::Backchannel => Some(self.backchannel_login(handle.slot).await.map(|()| (None, false))),
            Call::Browser => Some(self.browser_login(handle.slot).await.map(|()| (None, false))),
            Call::Resource => Some(self.resource_login(handle.slot).await.map(|()| (None, false))),
            Call::Introspect => {
                let asked = self.cancellable(begun, self.introspect(handle)).await;
                asked.map(|done| done.map(|()| (None, false)))
            }
            Call::Login => {
                let login = self.cancellable(begun, self.login(handle.slot)).await;
                login.map(|done| done.map(|()| (None, false)))
            }
        };
        self.host.live().await;
        let mut state = self.host.world.state();
        match ended {
            None => state.cancelled(begun),
            Some(Ok((grant, unsaved))) => state.gave(begun, grant, unsaved),
            Some(Err(error)) => drop(state.failed(begun, &error)),
        }
    }

    /// Polls the call until it is done or its caller drops it, at any poll.
    async fn cancellable<T>(&self, _begun: Begun, call: impl Future<Output = T> + Send) -> Option<T> {
        let mut call: Option<Pin<Box<dyn Future<Output = T> + Send + '_>>> = Some(Box::pin(call));
        poll_fn(|cx| {
            let cancel = {
                let mut state = self.host.world.state();
                let cancels = state.scenario.cancels;
                let cancel =
                    state.has(Fault::Cancel) && state.is_alive(self.host.who) && state.dice.chance(cancels);
                state.dropping = cancel.then_some(Cause::Cancel);
                cancel
            };
            if cancel {
                drop(call.take());
                self.host.world.state().dropping = None;
                return Poll::Ready(None);
            }
            match call.as_mut() {
                Some(call) => call.as_mut().poll(cx).map(Some),
                None => Poll::Ready(None),
            }
        })
        .await
    }

    /// Another program deletes the record.
    async fn delete(&self, slot: usize) -> Result<(), Error> {
        use grantflow_core::AsyncStore as _;
        let key = self.key(slot);
        let mut locked = self.store.lock(key, flow::LOCK_PATIENCE).await?;
        let deleted = locked.save(Change::Delete).await;
        locked.unlock().await;
        Ok(deleted?)
    }

    /// Asks the server about the stored token.
    async fn introspect(&self, handle: &Handle) -> Result<(), Error> {
        let record = handle.credentials.record().await?;
        let token = &record.token().access_token;
        let client = base_client(&self.host.world.state().scenario);
        let request = IntrospectionRequest::new(&client, token, TokenTypeHint::AccessToken);
        let said = self.drive(request.flow()).await?;
        let mut state = self.host.world.state();
        state.ledger.introspections += 1;
        let lives = access_of(token.expose()).is_some_and(|grant| state.server.accepts(grant, state.now));
        // What lives now has lived when the server was asked.
        if lives && !said.active {
            state.violated("I5", "takes a living token for one that has ended".to_owned());
        }
        Ok(())
    }

    fn key(&self, slot: usize) -> Key {
        self.host.world.state().depot.slots[slot].key.clone()
    }

    /// The user logs in anew.
    async fn login(&self, slot: usize) -> Result<(), Error> {
        let record = {
            let mut state = self.host.world.state();
            let lifetimes = state.scenario.lifetimes;
            let lifetime = state.dice.pick(lifetimes);
            let now = state.now;
            let grant = state.server.login(slot, lifetime, now);
            let (client, key) = login_client(&state.scenario);
            state.server.binds(key);
            let wall = Timestamp::from_unix_millis(state.wall(self.host.who.process));
            record_of(client, state.depot.slots[slot].key.clone(), grant, wall, lifetime)
        };
        let host = AsyncTransportHost::new(&self.host).with_store(&self.store);
        drive(flow::keep(record, None), &host).await?;
        Ok(())
    }

    /// Asks once more, when nothing fails any more, and logs in where that is what is needed; then all has to be well.
    pub(crate) async fn verify(self, may_login: bool) {
        for handle in &self.handles {
            let Err(failure) = self.use_up(handle).await else {
                continue;
            };
            let mut ended = failure.needs_user && may_login;
            if ended {
                let begun = self.host.world.state().begin(handle.number, Call::Login);
                let login = self.login(handle.slot).await;
                let mut state = self.host.world.state();
                match &login {
                    Ok(()) => state.gave(begun, None, false),
                    Err(error) => drop(state.failed(begun, error)),
                }
                ended = login.is_ok();
            }
            let again = if ended {
                self.use_up(handle).await
            } else {
                Err(failure)
            };
            if let Err(failure) = again {
                let what = format!("still fails when all is well: {}", failure.text);
                self.host.world.state().violated("I6", what);
            }
        }
    }

    /// A second 401 is the caller's, and says nothing yet: the token that was adopted may have ended in the meantime too.
    async fn use_up(&self, handle: &Handle) -> Result<(), crate::ledger::Failure> {
        let mut used = self.use_once(handle).await;
        for _ in 0..2 {
            if used.as_ref().is_err_and(|failure| !failure.needs_user) {
                used = self.use_once(handle).await;
            }
        }
        used
    }

    async fn use_once(&self, handle: &Handle) -> Result<(), crate::ledger::Failure> {
        let begun = self.host.world.state().begin(handle.number, Call::Authorized);
        let sent = handle.credentials.authorized(api_request()).await;
        let mut state = self.host.world.state();
        match sent {
            Ok(reply) if reply.status().is_success() => {
                state.gave(begun, None, false);
                Ok(())
            }
            Ok(reply) => {
                state.gave(begun, None, false);
                Err(crate::ledger::Failure {
                    // The API refuses, and another refresh would not help: the grant has ended elsewhere.
                    needs_user: state.family_end(handle.slot).is_some(),
                    text: format!("the API answers {}", reply.status()).into(),
                })
            }
            Err(error) => Err(state.failed(begun, &error)),
        }
    }
}

fn given(token: Result<grantflow_core::AccessToken, Error>) -> Result<(Option<Grant>, bool), Error> {
    token.map(|token| (access_of(token.token.expose()), token.unsaved.is_some()))
}

fn of_header(value: &http::HeaderValue) -> Option<Grant> {
    let value = value.to_str().ok()?;
    access_of(
        value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("DPoP "))?,
    )
}

pub(crate) fn api_request() -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static(API);
    request
}

/// The client that all processes are.
pub(crate) fn base_client(scenario: &Scenario) -> Client {
    let endpoint = |url| Endpoint::new(url).expect("the addresses of the model are https");
    let api = http::Uri::from_static(API);
    let mut quirks = grantflow_core::Quirks::default();
    if scenario.grace_known {
        quirks.refresh_grace_seconds = u32::try_from(scenario.grace / SECOND).ok();
    }
    Client::new("simulated", endpoint(TOKEN))
        .with_revocation_endpoint(endpoint(REVOKE))
        .with_device_authorization_endpoint(endpoint(DEVICE))
        .with_backchannel_authentication_endpoint(endpoint(BACKCHANNEL))
        .with_authorization_endpoint(endpoint(AUTHORIZE))
        .with_pushed_authorization_request_endpoint(endpoint(PUSH))
        .with_introspection_endpoint(endpoint(INTROSPECT))
        .with_issuer(Issuer::new(ISSUER).expect("it is https"))
        .with_iss_promised(true)
        .with_origins(Origin::of(&api))
        .with_quirks(quirks)
}

/// The client of a login, and the key that its tokens are bound to.
pub(crate) fn login_client(scenario: &Scenario) -> (Client, Option<String>) {
    let client = base_client(scenario);
    if !scenario.bound {
        return (client, None);
    }
    let (client, key) = proof::with_new_key(client);
    (client, Some(key))
}

/// The key of a slot.
pub(crate) fn key_of(client: &Client, slot: usize) -> Key {
    let account = if slot == 0 { "ann" } else { "bob" };
    Key::new(client, Scopes::default()).with_account(account)
}

/// The record of a login.
pub(crate) fn record_of(
    client: Client,
    key: Key,
    grant: Grant,
    issued_at: Timestamp,
    lifetime: Option<u64>,
) -> Record {
    let mut token = Token::bearer(grant.access_token(), issued_at);
    if client.token_constraint().is_some() {
        token.token_type = TokenType::Dpop;
    }
    token.refresh_token = Some(grant.refresh_token().into());
    token.expires_at = lifetime.map(|seconds| issued_at.plus(Duration::from_secs(seconds)));
    Record::new(key, client, token, Provenance::new("simulation", issued_at))
}

//! Logins at another device from beginning to end, at a real authorization server whose clock the waits push on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support;
use grantflow_core::transport::{Job, Ticks};
use grantflow_core::{
    Client, Endpoint, EntropyError, Error, NotAuthorized, Now, Request, Response, Store as _, Transport,
    TransportError, blocking,
};
use grantflow_loopback::{LoginError, LoginOptions, Message, Prompt, device_flow_with};
use grantflow_store::MemoryStore;
use grantflow_testserver::{BrowseError, Config, Endpoint as At, Fault, TestServer};
use grantflow_ureq::UreqTransport;

/// A transport that does not wait, but pushes the server's clock.
struct Hurried {
    transport: UreqTransport,
    server: Arc<TestServer>,
    waited: Arc<Mutex<Vec<u64>>>,
}

impl Transport for Hurried {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn sleep(&self, pause: Duration) {
        self.waited.lock().unwrap().push(pause.as_secs());
        self.server.advance(pause);
    }

    fn spawn(&self, job: Job) -> Result<(), Job> {
        self.transport.spawn(job)
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

type Answer = fn(&TestServer, &str) -> Result<String, BrowseError>;

/// Somebody with another device.
struct Person {
    server: Arc<TestServer>,
    answer: Option<Answer>,
    said: Mutex<Vec<String>>,
}

impl Prompt for Person {
    fn say(&self, message: &Message<'_>) {
        let word = match message {
            Message::EnterCode(grant) => {
                assert_eq!(grant.verification_uri(), self.server.url("/device"));
                if let Some(answer) = self.answer {
                    answer(&self.server, grant.user_code()).unwrap();
                }
                "code"
            }
            Message::Refused(_) => "refused",
            Message::LoggedIn { .. } => "logged in",
            _ => "another",
        };
        self.said.lock().unwrap().push(word.to_owned());
    }
}

struct World {
    server: Arc<TestServer>,
    store: Arc<MemoryStore>,
    waited: Arc<Mutex<Vec<u64>>>,
    said: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self::with(Config::new())
    }

    fn with(config: Config) -> Self {
        Self {
            server: Arc::new(config.start().unwrap()),
            store: Arc::new(MemoryStore::new()),
            waited: Arc::default(),
            said: Vec::new(),
        }
    }

    fn client(&self) -> Client {
        let endpoint = Endpoint::allow_http_for_loopback(self.server.url("/device_authorization"));
        support::client(&self.server, "native-app").with_device_authorization_endpoint(endpoint.unwrap())
    }

    fn login(
        &mut self,
        client: &Client,
        answer: Option<Answer>,
    ) -> Result<blocking::Credentials, LoginError> {
        let person = Person {
            server: Arc::clone(&self.server),
            answer,
            said: Mutex::default(),
        };
        let transport = Hurried {
            transport: UreqTransport::builder().no_proxy().build().unwrap(),
            server: Arc::clone(&self.server),
            waited: Arc::clone(&self.waited),
        };
        let store = Arc::clone(&self.store);
        let options = LoginOptions::new().account("ann");
        let end = device_flow_with(client, "read", store, transport, &options, &person);
        self.said = person.said.into_inner().unwrap();
        end
    }
}

fn not_in_time(end: &LoginError) -> bool {
    matches!(
        end,
        LoginError::Flow(Error::NotAuthorized(NotAuthorized::NotInTime))
    )
}

#[test]
fn a_login_at_another_device_ends_in_credentials_that_are_stored_and_serve() {
    let mut world = World::new();
    let client = world.client();
    let credentials = world
        .login(&client, Some(|server, code| server.approve_device(code)))
        .unwrap();
    assert_eq!(world.said, ["code", "logged in"]);
    let token = credentials.access_token().unwrap();
    assert!(token.token.expose().starts_with("gft_at_"));
    let record = credentials.record().unwrap();
    assert_eq!(record.provenance().source, "device_code");
    assert_eq!(record.key().account(), "ann");
    assert!(record.token().refresh_token.is_some());

    world.login(&client, None).unwrap();
    assert!(world.said.is_empty(), "nobody is asked twice");
    assert_eq!(world.server.stats().device_authorizations, 1);
}

#[test]
fn whoever_is_denied_is_told_why_and_nothing_is_stored() {
    let mut world = World::new();
    let client = world.client();
    let end = world.login(&client, Some(|server, code| server.deny_device(code)));
    assert!(matches!(end, Err(LoginError::Flow(Error::Denied(_)))), "{end:?}");
    assert_eq!(world.said, ["code", "refused"]);
    assert!(world.store.keys().unwrap().is_empty());
}

#[test]
fn a_code_that_nobody_enters_ends_and_says_so() {
    let mut world = World::new();
    let client = world.client();
    let end = world.login(&client, None);
    assert!(end.as_ref().is_err_and(not_in_time), "{end:?}");
    // Half an hour, by the server's clock, and never too early.
    assert_eq!(world.server.stats().polls, 360);
    assert_eq!(world.server.stats().early_polls, 0);
}

#[test]
fn q51_q53_q54_q56_what_real_servers_do_is_met_over_a_real_transport() {
    let mut world = World::with(Config::new().device_lifetime(Duration::from_secs(150)));
    let client = world.client();
    world.server.set_fault(At::Device, Fault::VerificationUrl);
    for fault in [
        Fault::PendingAs200,
        Fault::SlowDown(12),
        Fault::Unavailable(40),
        Fault::DropBeforeCommit,
        Fault::Error("slow_down".to_owned()),
    ] {
        world.server.push_fault(At::Poll, fault);
    }
    let end = world.login(&client, None);
    assert!(end.as_ref().is_err_and(not_in_time), "{end:?}");
    assert_eq!(*world.waited.lock().unwrap(), [5, 5, 12, 40, 24, 29, 29, 29]);
    assert_eq!(world.server.stats().faults, 6);
}

#[test]
fn a_client_that_knows_no_endpoint_for_devices_asks_nowhere() {
    let mut world = World::new();
    let client = support::client(&world.server, "native-app");
    let end = world.login(&client, None);
    assert!(
        matches!(end, Err(LoginError::Flow(Error::InvalidInput(_)))),
        "{end:?}"
    );
    assert_eq!(world.server.stats().requests, 0);
    assert!(world.said.is_empty());
}

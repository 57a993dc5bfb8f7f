//! Credentials on an agent: who gets the header, what a 401 costs, which requests are sent again.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use grantflow_core::blocking::Credentials;
use grantflow_core::flow::ClientCredentials;
use grantflow_core::transport::Transport;
use grantflow_core::{
    Client, Endpoint, Error, Key, Origin, Provenance, Quirks, Record, Scopes, Store as _, StoreExt, Token,
};
use grantflow_store::MemoryStore;
use grantflow_ureq::{Authorize, UreqTransport};
use mockito::{Matcher, Mock, Server, ServerGuard};
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

/// A server that is the token endpoint and the API at once, and credentials for it that hold the token `old`.
struct World {
    server: ServerGuard,
    credentials: Credentials,
}

impl World {
    fn new() -> Self {
        let server = Server::new();
        let credentials = credentials(&server, [Origin::new(&server.url()).unwrap()]);
        Self { server, credentials }
    }

    /// The token endpoint grants `new`, and is asked so many times.
    fn grants(&mut self, times: usize) -> Mock {
        let reply = r#"{"access_token":"new","token_type":"Bearer","expires_in":3600}"#;
        self.mock("POST", "/token", times)
            .with_header("content-type", "application/json")
            .with_body(reply)
            .create()
    }

    fn mock(&mut self, method: &str, path: &str, times: usize) -> Mock {
        self.server.mock(method, path).expect(times)
    }

    fn api(&mut self, method: &str, token: &str, status: usize, times: usize) -> Mock {
        self.mock(method, "/api", times)
            .match_header("authorization", format!("Bearer {token}").as_str())
            .with_status(status)
            .with_body(token)
    }

    fn url(&self) -> String {
        format!("{}/api", self.server.url())
    }
}

fn credentials(server: &ServerGuard, origins: impl IntoIterator<Item = Origin>) -> Credentials {
    let transport = UreqTransport::new().unwrap();
    let now = transport.now().wall;
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/token", server.url())).unwrap();
    let client = Client::new("cid", endpoint);
    let mut token = Token::bearer("old", now);
    token.expires_at = Some(now.plus(Duration::from_secs(3600)));
    token.refresh_token = Some("refresh".into());
    let key = Key::new(&client, Scopes::parse("a").unwrap());
    let record = Record::new(
        key.clone(),
        client,
        token,
        Provenance::new("authorization_code", now),
    );
    let store = MemoryStore::new();
    store.put(record.with_origins(origins), Duration::ZERO).unwrap();
    Credentials::new(key, store, transport)
}

fn bare() -> Agent {
    Agent::config_builder().proxy(None).build().into()
}

#[test]
fn the_header_is_added_for_an_allowed_origin() {
    let mut world = World::new();
    let api = world.api("GET", "old", 200, 2).create();
    let agent = world.credentials.authorize(&bare()).unwrap();
    for _ in 0..2 {
        let mut reply = agent.get(world.url()).call().unwrap();
        assert_eq!(reply.body_mut().read_to_string().unwrap(), "old");
    }
    api.assert();
}

/// The discard port: nobody answers there.
#[test]
fn a_token_for_this_machine_goes_by_no_proxy() {
    let mut world = World::new();
    let api = world.api("GET", "old", 200, 1).create();
    let proxy = ureq::Proxy::new("http://127.0.0.1:9").unwrap();
    let proxied: Agent = Agent::config_builder().proxy(Some(proxy)).build().into();
    let agent = world.credentials.authorize(&proxied).unwrap();
    agent.get(world.url()).call().unwrap();
    api.assert();
}

#[test]
fn no_other_origin_gets_the_header() {
    let world = World::new();
    let mut other = Server::new();
    let seen = other
        .mock("GET", "/api")
        .match_header("authorization", Matcher::Missing);
    let seen = seen.with_body("public").create();
    let agent = world.credentials.authorize(&bare()).unwrap();
    agent.get(format!("{}/api", other.url())).call().unwrap();
    seen.assert();
}

#[test]
fn t28_a_redirect_elsewhere_does_not_take_the_header_along() {
    let mut world = World::new();
    let mut other = Server::new();
    let seen = other
        .mock("GET", "/there")
        .match_header("authorization", Matcher::Missing)
        .create();
    let there = format!("{}/there", other.url());
    let here = world
        .api("GET", "old", 302, 1)
        .with_header("location", &there)
        .create();
    let agent = world.credentials.authorize(&bare()).unwrap();
    agent.get(world.url()).call().unwrap();
    here.assert();
    seen.assert();
}

#[test]
fn t28_q65_a_token_in_another_header_goes_there_and_over_no_redirect() {
    let mut world = World::new();
    let mut other = Server::new();
    let seen = other.mock("GET", "/there").expect(0).create();
    let there = format!("{}/there", other.url());
    let here = world
        .mock("GET", "/api", 1)
        .match_header("x-api-token", "old")
        .match_header("authorization", Matcher::Missing)
        .with_status(302)
        .with_header("location", &there)
        .create();
    let mut quirks = Quirks::default();
    quirks.token_header = Some("x-api-token".to_owned());
    let record = world.credentials.record().unwrap();
    let client = record.client().clone().with_quirks(quirks);
    let store = MemoryStore::new();
    store.put(record.with_client(client), Duration::ZERO).unwrap();
    let key = store.keys().unwrap().remove(0);
    let credentials = Credentials::new(key, store, UreqTransport::new().unwrap());
    let reply = credentials
        .authorize(&bare())
        .unwrap()
        .get(world.url())
        .call()
        .unwrap();
    assert_eq!(reply.status(), 302);
    here.assert();
    seen.assert();
}

#[test]
fn an_agent_that_carries_authorization_over_redirects_is_refused() {
    let world = World::new();
    let config = Agent::config_builder().redirect_auth_headers(RedirectAuthHeaders::SameHost);
    let refused = world.credentials.authorize(&config.build().into()).unwrap_err();
    assert!(matches!(refused, Error::InvalidInput(_)), "{refused}");
}

#[test]
fn credentials_without_any_origin_are_refused() {
    let server = Server::new();
    let refused = credentials(&server, []).authorize(&bare()).unwrap_err();
    assert!(matches!(refused, Error::NoOrigins), "{refused}");
}

#[test]
fn r25_a_401_costs_one_refresh_and_one_replay() {
    let mut world = World::new();
    let (old, token, new) = (
        world.api("GET", "old", 401, 1).create(),
        world.grants(1),
        world.api("GET", "new", 200, 2).create(),
    );
    let agent = world.credentials.authorize(&bare()).unwrap();
    for _ in 0..2 {
        let mut reply = agent.get(world.url()).header("x-kept", "1").call().unwrap();
        assert_eq!(reply.body_mut().read_to_string().unwrap(), "new");
    }
    old.assert();
    token.assert();
    new.assert();
}

#[test]
fn r25_a_second_401_is_given_back() {
    let mut world = World::new();
    let (old, token, new) = (
        world.api("GET", "old", 401, 1).create(),
        world.grants(1),
        world.api("GET", "new", 401, 3).create(),
    );
    let agent = world.credentials.authorize(&bare()).unwrap();
    for _ in 0..2 {
        let refused = agent.get(world.url()).call().unwrap_err();
        assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    }
    let lenient = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .into();
    let mut reply = world
        .credentials
        .authorize(&lenient)
        .unwrap()
        .get(world.url())
        .call()
        .unwrap();
    assert_eq!(reply.status(), 401);
    assert_eq!(reply.body_mut().read_to_string().unwrap(), "new");
    old.assert();
    token.assert();
    new.assert();
}

/// RFC 9470 section 3: the token is as good as before, so a refresh would be spent for nothing.
#[test]
fn r25_a_401_that_asks_for_a_login_costs_no_refresh_however_the_agent_takes_errors() {
    for strict in [true, false] {
        let mut world = World::new();
        let (old, token) = (
            world
                .api("GET", "old", 401, 1)
                .with_header(
                    "www-authenticate",
                    r#"Bearer error="insufficient_user_authentication", max_age="5""#,
                )
                .create(),
            world.grants(0),
        );
        let config = Agent::config_builder().proxy(None).http_status_as_error(strict);
        let agent = world.credentials.authorize(&config.build().into()).unwrap();
        let reply = agent.get(world.url()).call();
        let is_as_wanted = match &reply {
            Err(ureq::Error::StatusCode(401)) => strict,
            Ok(reply) => !strict && reply.status() == 401,
            Err(_) => false,
        };
        assert!(is_as_wanted, "{reply:?}");
        old.assert();
        token.assert();
    }
}

/// What cannot be sent again neither: the token that is asked for next is the same.
#[test]
fn a_post_that_is_asked_for_a_login_costs_no_refresh() {
    let mut world = World::new();
    let challenge = r#"Bearer error="insufficient_user_authentication""#;
    let (old, token) = (
        world
            .api("POST", "old", 401, 2)
            .with_header("www-authenticate", challenge)
            .create(),
        world.grants(0),
    );
    let agent = world.credentials.authorize(&bare()).unwrap();
    for _ in 0..2 {
        let refused = agent.post(world.url()).send("body").unwrap_err();
        assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    }
    old.assert();
    token.assert();
}

#[test]
fn r25_many_threads_with_a_refused_token_refresh_once() {
    let mut world = World::new();
    let (_old, token, new) = (
        world.api("GET", "old", 401, 0).expect_at_least(1).create(),
        world.grants(1),
        world.api("GET", "new", 200, 8).create(),
    );
    let agent = world.credentials.authorize(&bare()).unwrap();
    let url = world.url();
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| assert_eq!(agent.get(&url).call().unwrap().status(), 200));
        }
    });
    token.assert();
    new.assert();
}

#[test]
fn a_request_with_a_body_is_not_sent_again_but_the_next_has_the_new_token() {
    let mut world = World::new();
    let (old, token, new) = (
        world
            .api("POST", "old", 401, 1)
            .match_header("content-length", "5")
            .create(),
        world.grants(1),
        world.api("POST", "new", 200, 1).match_body("hello").create(),
    );
    let agent = world.credentials.authorize(&bare()).unwrap();
    let refused = agent.post(world.url()).send("hello").unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    agent.post(world.url()).send("hello").unwrap();
    old.assert();
    token.assert();
    new.assert();
}

#[test]
fn a_small_body_is_sent_again_if_asked_for() {
    let mut world = World::new();
    let (old, token, new) = (
        world.api("POST", "old", 401, 1).match_body("hello").create(),
        world.grants(1),
        world.api("POST", "new", 200, 1).match_body("hello").create(),
    );
    let agent = world
        .credentials
        .middleware(&bare())
        .unwrap()
        .replay_bodies(5)
        .agent();
    agent.post(world.url()).send("hello").unwrap();
    old.assert();
    token.assert();
    new.assert();
}

#[test]
fn a_body_over_the_limit_arrives_whole_and_is_not_sent_again() {
    let mut world = World::new();
    let old = world.api("POST", "old", 401, 1).match_body("hello!").create();
    let token = world.grants(1);
    let agent = world
        .credentials
        .middleware(&bare())
        .unwrap()
        .replay_bodies(5)
        .agent();
    let refused = agent.post(world.url()).send("hello!").unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    old.assert();
    token.assert();
}

#[test]
fn a_get_with_a_body_keeps_it_and_is_not_sent_again() {
    let mut world = World::new();
    let old = world.api("GET", "old", 401, 1).match_body("hello").create();
    let token = world.grants(1);
    let agent = world.credentials.authorize(&bare()).unwrap();
    let refused = agent
        .get(world.url())
        .force_send_body()
        .send("hello")
        .unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    old.assert();
    token.assert();
}

#[test]
fn settings_of_the_agent_and_of_a_request_still_hold() {
    let mut world = World::new();
    let api = world
        .api("GET", "old", 404, 4)
        .match_header("user-agent", "mine/1.0")
        .create();
    let config = Agent::config_builder()
        .proxy(None)
        .user_agent("mine/1.0")
        .http_status_as_error(false);
    let agent = world.credentials.authorize(&config.build().into()).unwrap();
    assert_eq!(agent.get(world.url()).call().unwrap().status(), 404);
    let strict = agent
        .get(world.url())
        .config()
        .http_status_as_error(true)
        .build()
        .call();
    assert!(matches!(strict.unwrap_err(), ureq::Error::StatusCode(404)));
    let agent = world.credentials.authorize(&bare()).unwrap();
    let lenient = agent
        .get(world.url())
        .header("user-agent", "mine/1.0")
        .config()
        .http_status_as_error(false)
        .build()
        .call();
    assert_eq!(lenient.unwrap().status(), 404);
    let usual = agent.get(world.url()).header("user-agent", "mine/1.0").call();
    assert!(matches!(usual.unwrap_err(), ureq::Error::StatusCode(404)));
    api.assert();
}

#[test]
fn why_no_header_can_be_had_comes_with_the_error_of_ureq() {
    let mut world = World::new();
    let _old = world.api("GET", "old", 401, 1).create();
    let _token = world
        .mock("POST", "/token", 1)
        .with_status(400)
        .with_header("content-type", "application/json")
        .with_body(r#"{"error":"invalid_grant"}"#)
        .create();
    let agent = world.credentials.authorize(&bare()).unwrap();
    let ureq::Error::Other(inner) = agent.get(world.url()).call().unwrap_err() else {
        panic!("another error");
    };
    assert!(inner.downcast_ref::<Error>().unwrap().needs_user());
}

#[test]
fn t60_an_agent_prints_no_token() {
    let world = World::new();
    world.credentials.header().unwrap();
    let agent = world.credentials.authorize(&bare()).unwrap();
    let middleware = world.credentials.middleware(&bare()).unwrap();
    let printed = format!("{agent:?} {middleware:?}");
    assert!(
        !printed.contains("old") && !printed.contains("refresh\""),
        "{printed}"
    );
}

#[test]
fn t51_a_header_of_the_client_goes_where_the_token_goes_and_nowhere_else() {
    const PROJECT: ureq::http::HeaderName = ureq::http::HeaderName::from_static("x-goog-user-project");
    let (mut server, mut elsewhere) = (Server::new(), Server::new());
    let tokens = server
        .mock("POST", "/token")
        .with_header("content-type", "application/json")
        .with_body(r#"{"access_token":"AT","expires_in":3600}"#)
        .create();
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/token", server.url())).unwrap();
    let client = Client::new("cid", endpoint)
        .with_origins([Origin::new(&server.url()).unwrap()])
        .with_api_header(PROJECT, "billed".parse().unwrap());
    let source = ClientCredentials::new(client, "a").unwrap();
    let credentials = Credentials::from_source(source, UreqTransport::new().unwrap());
    let agent = credentials.authorize(&Agent::new_with_defaults()).unwrap();
    let mut mocks = vec![tokens];
    let mut asked = |server: &mut ServerGuard, path: &str, project: Matcher| {
        let mock = server.mock("GET", path).match_header(PROJECT.as_str(), project);
        mocks.push(mock.expect(1).create());
    };
    asked(&mut server, "/usual", Matcher::Exact("billed".to_owned()));
    asked(&mut server, "/own", Matcher::Exact("own".to_owned()));
    asked(&mut server, "/core", Matcher::Exact("billed".to_owned()));
    asked(&mut elsewhere, "/", Matcher::Missing);
    agent.get(format!("{}/usual", server.url())).call().unwrap();
    let own = agent.get(format!("{}/own", server.url())).header(PROJECT, "own");
    own.call().unwrap();
    agent.get(elsewhere.url()).call().unwrap();
    let request = ureq::http::Request::get(format!("{}/core", server.url()));
    let request = request.body(grantflow_core::Body::empty()).unwrap();
    credentials.authorized(request).unwrap();
    mocks.iter().for_each(Mock::assert);
}

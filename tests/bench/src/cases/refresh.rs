//! A refresh over a connection that is kept alive, to an endpoint on loopback without TLS.

use std::net::SocketAddr;
use std::time::Duration;

use grantflow_core::{
    Client, Endpoint, Key, Provenance, Record, Scopes, Secret, StoreExt, Timestamp, Token, TokenRequest,
    TransportHost, blocking, native, run,
};
use grantflow_store::MemoryStore;
use grantflow_ureq::UreqTransport;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::token_reply::REPLY;
use super::{Bar, Case, Group};
use crate::clock::Clock;
use crate::server::Elsewhere;

const REFRESH_TOKEN: &str = "1//0gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789";

const FORM: &str = "grant_type=refresh_token&refresh_token=1%2F%2F0gLbFcDnRkVwXyZ0123456789gLbFcDnRkVwXyZ0123456789&client_id=client";

pub(super) fn group() -> Group {
    let server = Elsewhere::start();
    let url = server.url().to_owned();
    let client = client(&url);
    let transport = UreqTransport::builder().no_proxy().build().expect("a transport");
    let credentials = credentials(&client);
    let bare = agent(ureq::Agent::config_builder());
    let bare_with_limits = with_limits().build().new_agent();
    let without_lookups = without_lookups(&url);
    let (url_2, url_3) = (url.clone(), url.clone());
    #[cfg(feature = "peers")]
    let peer = crate::peers::refresh(&url, REFRESH_TOKEN);
    Group {
        name: "refresh",
        title: "A refresh over ureq, connection kept alive",
        cases: vec![
            Case::new("limit: bare ureq, the same time limits", move |n| {
                (0..n).for_each(|_| post(&bare_with_limits, &url, FORM));
            }),
            Case::new("ours: TokenRequest over UreqTransport", move |n| {
                let host = TransportHost::new(&transport);
                for _ in 0..n {
                    let request = TokenRequest::refresh(&client, Secret::new(REFRESH_TOKEN));
                    run(request.flow(), &host).expect("a token");
                }
                // Held until the last request.
                let _: &Elsewhere = &server;
            }),
            Case::new("ours: Credentials::refresh, MemoryStore", move |n| {
                (0..n).for_each(|_| drop(credentials.refresh().expect("a token")));
            }),
            Case::new("limit: bare ureq, the same time limits, no lookup", move |n| {
                (0..n).for_each(|_| post(&without_lookups, &url_3, FORM))
            }),
            Case::new("bare ureq, its own time limits", move |n| {
                (0..n).for_each(|_| post(&bare, &url_2, FORM))
            }),
            #[cfg(feature = "peers")]
            peer,
        ],
        bars: [
            "limit: bare ureq, the same time limits",
            "limit: bare ureq, the same time limits, no lookup",
        ]
        .map(|limit| Bar {
            case: "ours: TokenRequest over UreqTransport",
            limit,
            times: 1.05,
            allocations: None,
            instructions: None,
        })
        .into(),
        clock: Clock::Process,
    }
}

type Config = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

fn agent(config: Config) -> ureq::Agent {
    config.proxy(None).http_status_as_error(false).build().new_agent()
}

/// Those of our transport.
pub(super) fn with_limits() -> Config {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_resolve(Some(Duration::from_secs(5)))
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_global(Some(Duration::from_secs(30)))
}

/// The same, and the one address is known.
pub(super) fn without_lookups(url: &str) -> ureq::Agent {
    ureq::Agent::with_parts(with_limits().build(), DefaultConnector::default(), Known::of(url))
}

/// An address that is known: ureq looks one up before each request, on a thread of its own where there is a time limit.
#[derive(Debug)]
struct Known(SocketAddr);

impl Known {
    fn of(url: &str) -> Self {
        let host = url.trim_start_matches("http://").split('/').next();
        Self(host.expect("a host").parse().expect("an address"))
    }
}

impl Resolver for Known {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push(self.0);
        Ok(found)
    }
}

/// Bytes like those of our request, sent and answered without a look at the reply.
pub(super) fn post(agent: &ureq::Agent, url: &str, form: &str) {
    let mut reply = agent
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .send(form)
        .expect("a reply");
    let body = reply.body_mut().read_to_vec().expect("a body");
    assert_eq!(body.len(), REPLY.len());
}

fn client(url: &str) -> Client {
    Client::new(
        "client",
        Endpoint::allow_http_for_loopback(url).expect("an address"),
    )
}

fn credentials(client: &Client) -> blocking::Credentials {
    let key = Key::new(client, Scopes::none());
    let mut token = Token::bearer("AT", native::now().wall);
    token.refresh_token = Some(Secret::new(REFRESH_TOKEN));
    let provenance = Provenance::new("bench", Timestamp::default());
    let store = MemoryStore::new();
    let record = Record::new(key.clone(), client.clone(), token, provenance);
    store.put(record, Duration::ZERO).expect("room in memory");
    let transport = UreqTransport::builder().no_proxy().build().expect("a transport");
    blocking::Credentials::new(key, store, transport)
}

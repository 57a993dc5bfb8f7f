//! A service account's key, its assertions and the tokens it signs itself, well and with every fault.

use std::sync::Mutex;

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{EntropyError, Host, Now, Request, Response, Transport, TransportError, run};
use grantflow_google::{ServiceAccountKey, TrustedEndpoints};
use grantflow_suites::app::{LATER, get};
use grantflow_suites::canary::Canary;
use grantflow_suites::clock::Clock;
use grantflow_suites::watched::Watched;
use grantflow_testserver::{Endpoint, TestServiceAccount};
use grantflow_ureq::UreqTransport;
use serde_json::json;

use crate::World;
use crate::flows::faults;

const EMAIL: &str = "svc@canary.example";

fn key(form: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/grantflow-jwt/tests/keys");
    std::fs::read_to_string(format!("{keys}/rsa.{form}.pem")).expect("a key of the tests")
}

/// The account that the server knows.
pub(crate) fn account() -> TestServiceAccount {
    TestServiceAccount::new(EMAIL, &key("public-pkcs1")).expect("PEM of a public key")
}

/// Keeps the assertions that are sent.
struct Kept<'t> {
    transport: &'t dyn Transport,
    assertions: Mutex<Vec<String>>,
}

impl Host for Kept<'_> {
    fn now(&self) -> Now {
        self.transport.now()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let form = String::from_utf8_lossy(request.body().as_bytes()).into_owned();
        let assertion = form.split('&').find_map(|part| part.strip_prefix("assertion="));
        let assertion = assertion.expect("the grant is an assertion").to_owned();
        self.assertions.lock().expect("no panic").push(assertion);
        self.transport.send(request)
    }
}

pub(crate) fn uses(world: &mut World) {
    let World {
        server,
        seen,
        canaries,
        ..
    } = world;
    let pem = key("pkcs8");
    for line in pem.lines().filter(|line| !line.starts_with('-')) {
        canaries.push(Canary::new("private key", line));
    }
    let file = json!({
        "type": "service_account", "client_email": EMAIL, "private_key": pem, "private_key_id": "1",
        "token_uri": server.url("/token"),
    })
    .to_string();
    let endpoint = grantflow_core::Endpoint::allow_http_for_loopback(server.url("/token"));
    let trusted = TrustedEndpoints::google().and_endpoint(endpoint.expect("an address"));
    seen.check("a key file", ServiceAccountKey::from_json(&file));
    for cut in (0..file.len()).step_by(97) {
        let result = ServiceAccountKey::from_json_trusting(&file[..cut], &trusted);
        assert!(seen.check("a key file that is cut", result).is_none());
    }
    let account = ServiceAccountKey::from_json_trusting(&file, &trusted).expect("a key file");
    let source = account
        .credentials("read write")
        .expect("scopes")
        .with_subject(EMAIL);
    let own = account.with_audience("https://api.example/");
    seen.with(|seen| {
        seen.debug("ServiceAccountKey", &account);
        seen.debug("ServiceAccount", &source);
        seen.debug("SelfSigned", &own);
        seen.debug("a source's first step", &source.token());
    });
    let clock = Clock::default();
    let transport = UreqTransport::new().expect("there are certificates");
    let transport = Watched::new(clock.on(transport), seen);
    let kept = Kept {
        transport: &transport,
        assertions: Mutex::default(),
    };
    for fault in faults() {
        server.clear_faults();
        server.set_fault(Endpoint::Token, fault);
        seen.check("a source", run(source.token(), &kept));
    }
    server.clear_faults();
    let token = seen.check("a source", run(source.token(), &kept));
    assert!(token.is_some(), "all is well again");
    let signed = run(own.token(), &kept).expect("nobody is asked");
    canaries.push(Canary::new("self-signed token", signed.access_token.expose()));
    for assertion in kept.assertions.lock().expect("no panic").iter() {
        canaries.push(Canary::new("assertion", assertion));
    }
    let credentials = source.build_blocking(transport.clone());
    seen.with(|seen| seen.debug("credentials of a source", &credentials));
    clock.advance(LATER);
    seen.check("header", credentials.header());
    seen.check(
        "authorized",
        credentials.authorized(get(&server.url("/userinfo"))),
    );
    seen.check(
        "authorized elsewhere",
        credentials.authorized(get("https://elsewhere.example/")),
    );
    let _ = credentials.revoke();
}

//! Login, use, refresh and revocation through both drivers, well and with every fault at every endpoint.

use grantflow_core::{
    AsyncTransportHost, Credentials, PendingAuthorization, TracingObserver, Transport, TransportHost,
    blocking, drive, run,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{Encrypted, FileStore, KeyFile, MultiStore, OnThread};
use grantflow_suites::app::{LATER, get};
use grantflow_suites::canary::muted;
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::login;
use grantflow_suites::watched::Watched;
use grantflow_testserver::{Endpoint, Fault, RetryAfter};
use grantflow_ureq::{Authorize as _, UreqTransport};

use crate::values::{finish, forged, plant, requests, start};
use crate::{CLIENT_SECRET, World};

/// What goes wrong on the way to each endpoint.
pub(crate) fn faults() -> [Fault; 11] {
    [
        Fault::DropBeforeCommit,
        Fault::DropAfterCommit,
        Fault::Status(503),
        Fault::TooManyRequests(RetryAfter::Seconds(1)),
        Fault::Error("temporarily_unavailable".to_owned()),
        Fault::Malformed,
        Fault::Truncated,
        Fault::Empty,
        Fault::Html,
        Fault::Huge(2 * 1024 * 1024),
        Fault::Redirect,
    ]
}

pub(crate) fn run_blocking(world: &mut World) {
    let World {
        server,
        seen,
        canaries,
        dir,
    } = world;
    let clock = Clock::default();
    let transport = Watched::new(
        clock.on(UreqTransport::new().expect("there are certificates")),
        seen,
    );
    let store = FileStore::new(dir.path().join("blocking.json"));
    let host = TransportHost::new(&transport).with_store(&store);
    let client = run(
        login::discover(server.issuer(), "canary").expect("it is a name"),
        &host,
    );
    let client = client.expect("the server tells").with_secret_basic(CLIENT_SECRET);

    let (url, pending) = run(start(&client, seen), &host).expect("a login begins");
    let json = plant(canaries, &pending);
    let again = || PendingAuthorization::from_json(&json).expect("it was written so");
    let redirect = muted(|| server.approve(&url)).expect("she says yes");
    for forged in forged(&redirect) {
        let accepted = run(finish(&client, again(), &forged, seen), &host);
        assert!(
            seen.check("a forged redirect", accepted).is_none(),
            "it was taken"
        );
    }
    let record = run(finish(&client, pending, &redirect, seen), &host).expect("it is the answer");
    let denial = muted(|| server.deny(&url)).expect("she says no");
    assert!(
        seen.check("a denial", run(finish(&client, again(), &denial, seen), &host))
            .is_none()
    );

    let credentials = blocking::Credentials::new(record.key().clone(), store, transport.clone())
        .with_observer(TracingObserver);
    seen.with(|seen| seen.debug("blocking::Credentials", &credentials));
    let me = server.url("/userinfo");
    for fault in faults() {
        for endpoint in [
            Endpoint::Refresh,
            Endpoint::Api,
            Endpoint::Introspection,
            Endpoint::Revocation,
            Endpoint::Token,
        ] {
            server.clear_faults();
            server.set_fault(endpoint, fault.clone());
            clock.advance(LATER);
            seen.check("authorized", credentials.authorized(get(&me)));
            seen.check("refresh", credentials.refresh());
            seen.check("header", credentials.header());
            for request in requests(&client, &record) {
                seen.check("an exchange", run(request, &host_of(&transport)));
            }
        }
        server.clear_faults();
        server.set_fault(Endpoint::Metadata, fault);
        let metadata = login::discover(server.issuer(), "canary").expect("it is a name");
        seen.check("metadata", run(metadata, &host_of(&transport)));
    }
    server.clear_faults();
    clock.advance(LATER);
    let reply = credentials.authorized(get(&me)).expect("all is well again");
    assert_eq!(reply.status(), 200);
    let access = credentials.access_token().expect("all is well again");
    seen.with(|seen| seen.debug("AccessToken", &access));

    let agent = credentials
        .authorize(&ureq::Agent::new_with_defaults())
        .expect("the origin is known");
    seen.with(|seen| seen.debug("the agent", &agent));
    agent.get(&me).call().expect("the API takes the token");
    for fault in [
        Fault::DropBeforeCommit,
        Fault::Status(401),
        Fault::Redirect,
        Fault::Truncated,
    ] {
        server.push_fault(Endpoint::Api, fault);
        if let Err(error) = agent.get(&me).call() {
            seen.with(|seen| seen.error("the agent", &error));
        }
    }
    server.clear_faults();
    server.push_fault(Endpoint::Revocation, Fault::Status(503));
    seen.check("revoke", credentials.revoke());
    credentials.revoke().expect("the second one finishes");
    seen.check("header", credentials.header());
}

pub(crate) fn host_of(transport: &dyn Transport) -> TransportHost<'_> {
    TransportHost::new(transport)
}

pub(crate) async fn run_async(world: &mut World) {
    let World {
        server,
        seen,
        canaries,
        dir,
    } = world;
    let clock = Clock::default();
    let transport = ReqwestTransport::new().expect("there are certificates");
    let transport: Watched<OnClock<ReqwestTransport>> = Watched::new(clock.on(transport), seen);
    let many = MultiStore::new(dir.path().join("many"));
    let sealed = Encrypted::new(many, KeyFile::new(dir.path().join("keys/data-key.json")));
    seen.with(|seen| seen.debug("Encrypted", &sealed));
    let store = OnThread::new(sealed);
    let host = AsyncTransportHost::new(&transport).with_store(&store);
    let discover = login::discover(server.issuer(), "canary").expect("it is a name");
    let client = drive(discover, &host).await.expect("the server tells");
    let client = client.with_secret_basic(CLIENT_SECRET);

    let (url, pending) = drive(start(&client, seen), &host).await.expect("a login begins");
    let json = plant(canaries, &pending);
    let redirect = muted(|| server.approve(&url)).expect("she says yes");
    for forged in forged(&redirect) {
        let pending = PendingAuthorization::from_json(&json).expect("it was written so");
        let accepted = drive(finish(&client, pending, &forged, seen), &host).await;
        assert!(
            seen.check("a forged redirect", accepted).is_none(),
            "it was taken"
        );
    }
    let record = drive(finish(&client, pending, &redirect, seen), &host)
        .await
        .expect("it is the answer");

    let credentials =
        Credentials::new(record.key().clone(), store, transport.clone()).with_observer(TracingObserver);
    seen.with(|seen| seen.debug("Credentials", &credentials));
    let me = server.url("/userinfo");
    for fault in faults() {
        for endpoint in [
            Endpoint::Refresh,
            Endpoint::Api,
            Endpoint::Introspection,
            Endpoint::Revocation,
            Endpoint::Token,
        ] {
            server.clear_faults();
            server.set_fault(endpoint, fault.clone());
            clock.advance(LATER);
            seen.check("authorized", credentials.authorized(get(&me)).await);
            seen.check("refresh", credentials.refresh().await);
            seen.check("header", credentials.header().await);
            for request in requests(&client, &record) {
                let host = AsyncTransportHost::new(&transport);
                seen.check("an exchange", drive(request, &host).await);
            }
        }
    }
    server.clear_faults();
    clock.advance(LATER);
    let access = credentials.access_token().await.expect("all is well again");
    seen.with(|seen| seen.debug("AccessToken", &access));
    server.push_fault(Endpoint::Revocation, Fault::DropAfterCommit);
    seen.check("revoke", credentials.revoke().await);
    credentials.revoke().await.expect("the second one finishes");
}

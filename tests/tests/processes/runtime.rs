//! A runtime that ends in the middle of a refresh, with what a program really has: tokio, sockets, a file (fault R38).

use std::time::Duration;

use grantflow_core::Error;
use grantflow_suites::app::{AsyncApp, LATER, NOWHERE};
use grantflow_suites::browser::Browser;
use grantflow_testserver::{Config, Endpoint, Fault, Rotation, TestClient};
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder.build().expect("the system has threads")
}

#[test]
fn r38_a_runtime_that_is_dropped_in_the_middle_of_a_refresh_leaves_the_handle_to_the_next() {
    let server = Config::new()
        .auto_approve("ann")
        .rotate(Rotation::Grace(PATIENCE))
        .client(TestClient::public("native", [NOWHERE]))
        .start()
        .expect("loopback has a free port");
    let first = runtime();
    let (app, credentials) = first
        .block_on(async {
            let app = AsyncApp::discover(server.issuer(), "native", |client| client).await?;
            let credentials = app.log_in(&mut Browser::of("ann")).await?;
            credentials.header().await?;
            Ok::<_, Error>((app, credentials))
        })
        .expect("the login succeeds");
    app.clock.advance(LATER);

    // The request has left, the server has spent the refresh token, and nobody is there any more for the reply.
    server.push_fault(Endpoint::Refresh, Fault::Hold);
    let caller = credentials.clone();
    let calling = first.spawn(async move { caller.header().await });
    assert!(server.wait_until(PATIENCE, |stats| stats.held == 1));
    first.shutdown_timeout(PATIENCE);
    server.release();

    let second = runtime();
    let cancelled = second
        .block_on(calling)
        .expect_err("the task went with its runtime");
    assert!(cancelled.is_cancelled());
    let header = second.block_on(credentials.header());
    assert!(header.is_ok(), "{header:?}");
    let record = second.block_on(credentials.record()).expect("it is stored");
    assert_eq!(record.refresh_state().attempt_started_at, None);
    let stats = server.stats();
    assert_eq!((stats.refresh_replays, stats.graced_refreshes), (0, 1));
    // It goes on as ever.
    app.clock.advance(LATER);
    assert!(second.block_on(credentials.header()).is_ok());
    assert_eq!(server.stats().refresh_replays, 0);
}

//! No secret shows: not in what any crate logs at TRACE (but for the dumps of bytes of `ureq_proto`, in rows, which SECURITY.md names), not in `Debug` or `Display` of any value, not in errors and panics.
//!
//! Every secret is a canary. All flows run through both drivers and both transports, well and with every fault; then everything
//! that was printed is searched for every canary in raw, percent, base64, base64url and hex form.

#![expect(clippy::print_stdout, reason = "it says how much was searched")]

mod broken;
mod default_credentials;
mod flows;
mod installed;
mod protocols;
mod service_account;
mod values;

use grantflow_suites::canary::{Canary, capture, captured};
use grantflow_suites::watched::Seen;
use grantflow_testserver::{Config, Rotation, TestClient, TestServer};

const CLIENT_SECRET: &str = "canary/client+secret &=~\u{e9}";
const CONTROL: &str = "canary-that-has-to-be-found";
const REDIRECT_URI: &str = "http://127.0.0.1:49151/callback";

/// The server, what was seen of the client, and what must not have been.
struct World {
    server: TestServer,
    seen: Seen,
    canaries: Vec<Canary>,
    dir: tempfile::TempDir,
}

#[test]
fn t59_t60_t71_canary_no_secret_shows_in_logs_values_errors_and_panics() {
    capture();
    let client = TestClient::confidential_basic("canary", CLIENT_SECRET, [REDIRECT_URI]);
    let server = Config::new()
        .client(client)
        .service_account(service_account::account())
        .rotate(Rotation::Never)
        .start();
    let mut world = World {
        server: server.expect("there is a port"),
        seen: Seen::default(),
        canaries: vec![Canary::new("client secret", CLIENT_SECRET)],
        dir: tempfile::tempdir().expect("a temporary directory can be made"),
    };
    flows::run_blocking(&mut world);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("there are threads");
    runtime.block_on(flows::run_async(&mut world));
    protocols::uses(&mut world, &runtime);
    installed::application(&world);
    service_account::uses(&mut world);
    default_credentials::uses(&mut world);
    broken::replies(&mut world);
    broken::files(&mut world);

    for issued in world.server.expose_issued() {
        let kind = issued.split('_').nth(1).unwrap_or_default();
        world.canaries.push(Canary::new(kind, &issued));
    }
    // Were nothing captured, nothing would be found: this one has to be.
    world.canaries.push(Canary::new("control", CONTROL));
    log::trace!("a log line {CONTROL}");
    tracing::trace!(field = CONTROL, "an event");
    let lines = captured();
    assert!(
        lines.iter().any(|line| line.contains("ureq")),
        "ureq logs, so the capture works"
    );
    assert!(
        lines.iter().any(|line| line.contains("hyper")),
        "hyper logs, so the capture works"
    );
    for told in ["refresh succeeded", "refresh failed", "a login is needed"] {
        let told = |line: &String| line.contains(" grantflow") && line.contains(told);
        assert!(lines.iter().any(told), "the observer tells, too");
    }
    let count = lines.len();
    world
        .seen
        .with(|seen| lines.into_iter().for_each(|line| seen.add("the log", line)));
    let (surfaces, mut hits) = world.seen.with(|seen| (seen.len(), seen.hits(&world.canaries)));
    let all = hits.len();
    hits.retain(|hit| !hit.starts_with("control ("));
    assert!(
        hits.len() < all,
        "the control was not found, so this search finds nothing"
    );
    println!(
        "canary: {} canaries, {surfaces} surfaces of which {count} are log lines, {} hits",
        world.canaries.len(),
        hits.len()
    );
    assert!(surfaces > 1000, "{surfaces} surfaces are not all of them");
    assert!(hits.is_empty(), "{hits:#?}");
}

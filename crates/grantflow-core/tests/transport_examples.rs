//! The transports of the examples keep the promises that need neither TLS nor a proxy nor limits of one's own.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../examples/hyper_transport.rs"]
#[expect(dead_code, reason = "an example has a `main`")]
mod hyper_transport;
#[path = "../examples/tcp_transport.rs"]
#[expect(dead_code, reason = "an example has a `main`")]
mod tcp_transport;

use grantflow_core::conformance::transport::{self as suite, Make, blocking, on_runtime};
use tokio::runtime::{Builder, Runtime};

const PROMISES: [fn(Make<'_>); 10] = [
    suite::t28_no_redirect_is_followed,
    suite::t31_an_endless_body_is_cut_at_1_mib,
    suite::t31_a_gzip_bomb_is_not_expanded,
    suite::r19_a_refused_connection_is_told_as_one_before_sending,
    suite::r19_an_unknown_name_is_told_as_one_before_sending,
    suite::r19_a_reset_within_the_body_is_an_error,
    suite::r19_a_request_without_a_reply_is_sent_once,
    suite::r19_a_post_on_a_connection_that_went_stale_is_sent_once,
    suite::r20_a_flood_of_headers_is_refused,
    suite::a_spawned_task_runs_or_comes_back,
];

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

#[test]
fn a_transport_over_a_bare_socket_keeps_its_promises() {
    for promise in PROMISES {
        promise(&blocking(|_| tcp_transport::TcpTransport));
    }
}

#[test]
fn a_transport_over_hyper_keeps_its_promises() {
    for promise in PROMISES {
        promise(&on_runtime(
            |_| hyper_transport::HyperTransport::new(),
            |task| RUNTIME.with(|runtime| runtime.block_on(task)),
        ));
    }
}

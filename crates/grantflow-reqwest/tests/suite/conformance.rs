//! The transport passes the public suite as it is, on both of tokio's runtimes.

#![expect(clippy::unwrap_used, reason = "tests")]

use grantflow_reqwest::ReqwestTransport;
use tokio::runtime::{Builder, Runtime};

// One for each test, which has a thread of its own: connections live as long as their runtime.
thread_local! {
    static ONE: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    static MANY: Runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
}

grantflow_core::async_transport_conformance!(
    on_one_thread,
    |limits| {
        let builder = ReqwestTransport::builder().connect_timeout(limits.connect);
        builder.request_timeout(limits.total).build().unwrap()
    },
    |task| ONE.with(|runtime| runtime.block_on(task))
);

grantflow_core::async_transport_conformance!(
    on_many_threads,
    |limits| {
        let builder = ReqwestTransport::builder().connect_timeout(limits.connect);
        builder.request_timeout(limits.total).build().unwrap()
    },
    |task| MANY.with(|runtime| runtime.block_on(task))
);

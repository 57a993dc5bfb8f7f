//! The check of dropped requests can fail: a transport whose requests go on in tasks of their own is caught.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use async_trait::async_trait;
use grantflow_core::conformance::transport::{on_runtime, r18_a_dropped_request_frees_its_socket};
use grantflow_core::{AsyncTransport, Request, Response, TransportError, TransportErrorKind};
use grantflow_reqwest::ReqwestTransport;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
}

struct Detached(ReqwestTransport);

#[async_trait]
impl AsyncTransport for Detached {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let inner = self.0.clone();
        let sending = tokio::spawn(async move { inner.send(request).await });
        sending
            .await
            .map_err(|_| TransportError::new(TransportErrorKind::Other))?
    }
}

#[test]
fn r18_a_request_that_outlives_its_future_is_caught() {
    let make = on_runtime(
        |_| Detached(ReqwestTransport::new().unwrap()),
        |task| RUNTIME.with(|runtime| runtime.block_on(task)),
    );
    let outcome = catch_unwind(AssertUnwindSafe(|| r18_a_dropped_request_frees_its_socket(&make)));
    assert!(outcome.is_err(), "the check passed");
}

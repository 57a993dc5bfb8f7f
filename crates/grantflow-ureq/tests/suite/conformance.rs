//! The transport passes the public suite as it is.

#![expect(clippy::unwrap_used, reason = "tests")]

use grantflow_ureq::UreqTransport;

grantflow_core::transport_conformance!(ureq_transport, |limits| {
    let builder = UreqTransport::builder().connect_timeout(limits.connect);
    builder.request_timeout(limits.total).build().unwrap()
});

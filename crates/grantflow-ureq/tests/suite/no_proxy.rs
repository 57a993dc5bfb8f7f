//! `no_proxy` goes past the environment's proxies: the check of the suite that wants them used sees none.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use grantflow_core::conformance::transport::{
    blocking, t43_the_environments_proxies_are_honoured_but_not_for_loopback as check,
};
use grantflow_ureq::UreqTransport;

#[test]
fn t43_no_proxy_goes_past_the_environment() {
    let make = blocking(|_| UreqTransport::builder().no_proxy().build().unwrap());
    let test = concat!(module_path!(), "::t43_no_proxy_goes_past_the_environment");
    let outcome = catch_unwind(AssertUnwindSafe(|| check(&make, test)));
    if std::env::var_os("GRANTFLOW_CONFORMANCE_URL").is_none() {
        let seen = outcome.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(*seen, "[]", "what the proxy was asked");
    }
}

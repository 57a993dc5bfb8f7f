//! What every transport promises, as tests: [`transport_conformance!`](crate::transport_conformance!),
//! [`async_transport_conformance!`](crate::async_transport_conformance!).
//!
//! A transport passes the suite unmodified. Its peer is a server of this module on loopback that misbehaves as real ones do:
//! it redirects, floods, drips, lies about lengths, hangs up, resets. No check measures time; each looks at the outcome alone.
//!
//! The promises:
//!
//! - no redirect is followed, whatever the status;
//! - a body is read to 1 MiB and no further, and is given as it came, compressed or not;
//! - no reply costs more than 4 MiB of memory, whichever of its parts has no end;
//! - connecting and the whole request are bounded in time, and a request that ended frees its socket;
//! - a reply that came in time is read, though the process stood still until the time of its request was up;
//! - a request is written once: never again on a second connection;
//! - an error says truthfully whether the request left, and prints no address, header or body;
//! - the environment's proxies are honoured, and never used for a loopback or link-local literal.

mod apart;
mod connecting;
mod peer;
mod proxies;
mod replies;
mod sending;
mod subject;

use std::fmt::Write as _;
use std::time::Duration;

pub use apart::{
    r22_a_reply_that_came_while_the_process_was_stopped_is_read,
    t31_r20_no_reply_takes_more_than_4_mib_of_memory,
};
pub use connecting::*;
pub use proxies::*;
pub use replies::*;
pub use sending::*;
pub use subject::{Outcome, Subject, blocking, on_runtime};

use crate::{Body, Request, Response, TransportError};

/// The limits that a transport under test is to be made with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a connection may take to come up.
    pub connect: Duration,
    /// How long a request may take as a whole.
    pub total: Duration,
}

impl Limits {
    /// More than any check needs: reaching them is a failure.
    const ROOMY: Self = Self {
        connect: Duration::from_secs(15),
        total: Duration::from_secs(20),
    };

    /// Less than the patience of the peer: a transport that waits for it reaches them.
    const WITHIN_PATIENCE: Self = Self {
        connect: Duration::from_secs(5),
        total: Duration::from_secs(5),
    };

    /// For the checks that wait for a limit.
    const SHORT: Self = Self {
        connect: Duration::from_millis(300),
        total: Duration::from_millis(900),
    };
}

/// Makes the transport under test, as the macro hands it to a check.
pub type Make<'a> = &'a dyn Fn(Limits) -> Box<dyn Subject>;

/// A module of tests: every promise of a [`Transport`](crate::Transport).
///
/// The second argument makes the transport with the given [`Limits`](crate::conformance::transport::Limits); it can capture
/// nothing.
///
/// # Example
///
/// ```
/// # use grantflow_core::Transport;
/// # use std::time::Duration;
/// # struct MyTransport;
/// # impl Transport for MyTransport {
/// #     fn send(&self, _: grantflow_core::Request) -> Result<grantflow_core::Response, grantflow_core::TransportError> {
/// #         Err(grantflow_core::TransportError::new(grantflow_core::TransportErrorKind::Other))
/// #     }
/// # }
/// # impl MyTransport { fn new(_: Duration, _: Duration) -> Self { Self } }
/// grantflow_core::transport_conformance!(my_transport, |limits| MyTransport::new(limits.connect, limits.total));
/// ```
#[macro_export]
macro_rules! transport_conformance {
    ($name:ident, $make:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "what makes the transport may need them")]
            use super::*;
            $crate::__transport_promises! { ($crate::conformance::transport::blocking($make)) }
        }
    };
}

/// A module of tests: every promise of an [`AsyncTransport`](crate::AsyncTransport).
///
/// The second argument makes the transport with the given [`Limits`](crate::conformance::transport::Limits); it can capture
/// nothing. A transport that needs a runtime gives its `block_on` as the third, a [`BlockOn`](crate::conformance::BlockOn).
///
/// # Example
///
/// ```text
/// grantflow_core::async_transport_conformance!(
///     my_transport,
///     |limits| MyTransport::new(limits.connect, limits.total),
///     |task| tokio::runtime::Runtime::new().expect("a runtime").block_on(task)
/// );
/// ```
#[macro_export]
macro_rules! async_transport_conformance {
    ($name:ident, $make:expr) => {
        $crate::async_transport_conformance! { $name, $make, $crate::conformance::block_on }
    };
    ($name:ident, $make:expr, $block_on:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "what makes the transport may need them")]
            use super::*;
            $crate::__transport_promises! {
                ($crate::conformance::transport::on_runtime($make, $block_on))
            }
        }
    };
}

/// The list of promises, once.
#[doc(hidden)]
#[macro_export]
macro_rules! __transport_promises {
    (($make:expr)) => {
        $crate::__transport_promises! { ($make)
            t28_no_redirect_is_followed
            t31_an_endless_body_is_cut_at_1_mib
            t31_a_body_of_1_mib_is_read_whole
            t31_a_huge_content_length_is_refused_at_once
            t31_a_gzip_bomb_is_not_expanded
            t44_a_server_without_tls_is_refused_before_sending
            t60_no_error_prints_an_address_a_header_or_a_body
            r18_silence_ends_in_a_timeout_that_frees_the_socket
            r18_a_drip_ends_in_a_timeout
            r18_a_connection_that_does_not_come_up_times_out_before_sending
            r18_a_dropped_request_frees_its_socket
            r19_a_refused_connection_is_told_as_one_before_sending
            r19_an_unknown_name_is_told_as_one_before_sending
            r19_a_reply_cut_anywhere_is_an_error
            r19_a_reset_within_the_body_is_an_error
            r19_nonsense_is_an_error
            r19_a_request_without_a_reply_is_sent_once
            r19_a_post_on_a_connection_that_went_stale_is_sent_once
            r20_a_flood_of_headers_is_refused
            r20_a_flood_of_interim_replies_ends
            every_verb_arrives_as_it_was_given
            every_status_is_a_reply_and_comes_whole
            a_spawned_task_runs_or_comes_back
        }
        $crate::__transport_promises! { ($make) in processes
            r22_a_reply_that_came_while_the_process_was_stopped_is_read
            t31_r20_no_reply_takes_more_than_4_mib_of_memory
            t42_what_is_on_the_link_is_not_asked_for_through_a_proxy
            t43_the_environments_proxies_are_honoured_but_not_for_loopback
        }
    };
    (($make:expr) in processes $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                let test = concat!(module_path!(), "::", stringify!($promise));
                $crate::conformance::transport::$promise(&$make, test);
            }
        )+
    };
    (($make:expr) $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                $crate::conformance::transport::$promise(&$make);
            }
        )+
    };
}

/// Stands in the query, the headers and the body of every request; no error may print it.
const CANARY: &str = "canary-5e1f0b";

fn get(url: &str) -> Request {
    request("GET", url, Body::empty())
}

fn post(url: &str) -> Request {
    request(
        "POST",
        url,
        Body::from(format!("grant_type=refresh_token&refresh_token={CANARY}")),
    )
}

fn request(method: &str, url: &str, body: Body) -> Request {
    let mut secret = http::HeaderValue::from_static(CANARY);
    secret.set_sensitive(true);
    http::Request::builder()
        .method(method)
        .uri(format!("{url}?code={CANARY}"))
        .header("authorization", secret)
        .body(body)
        .expect("the method and the address are those of a check")
}

/// A failure, after a look that it prints nothing of the request.
#[track_caller]
fn refused(result: Result<Response, TransportError>) -> TransportError {
    let error = match result {
        Err(error) => error,
        Ok(reply) => panic!("a reply with status {} instead of an error", reply.status()),
    };
    let mut printed = format!("{error} {error:?} {error:#?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let _infallible = write!(printed, " {error} {error:?}");
        cause = error.source();
    }
    assert!(!printed.contains(CANARY), "the error prints a secret or a query");
    error
}

#[track_caller]
fn replied(result: Result<Response, TransportError>) -> Response {
    match result {
        Ok(reply) => reply,
        Err(error) => panic!("an error instead of a reply: {error:?}"),
    }
}

//! Each check of the suite can fail: transports that break one promise each are caught by the check that holds it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

use grantflow_core::conformance::transport::{self as suite, Limits, Make, Subject, blocking};
use grantflow_core::transport::Job;
use grantflow_core::{Body, Request, Response, Transport, TransportError, TransportErrorKind};
use grantflow_ureq::UreqTransport;
use ureq::Agent;

/// One promise that is not kept, on top of a transport that keeps them all.
#[derive(Clone, Copy)]
enum Broken {
    FollowsRedirects,
    SendsTwice,
    SendsTwiceUnlessReplied,
    SaysNothingLeft,
    SaysAllLeft,
    CallsAllOther,
    PrintsTheAddress,
    PrintsTheHeaders,
    DropsHeaders,
    DropsTheBody,
    LosesTasks,
    HidesRefusals,
}

struct Wrapped {
    inner: UreqTransport,
    how: Broken,
}

#[derive(Debug)]
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

impl Transport for Wrapped {
    fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        match self.how {
            Broken::DropsHeaders => request.headers_mut().clear(),
            Broken::DropsTheBody => *request.body_mut() = Body::empty(),
            _ => {}
        }
        if matches!(self.how, Broken::SendsTwice) {
            drop(self.inner.send(request.clone()));
        }
        let result = self.inner.send(request.clone());
        let told = |e: &TransportError, text: String| {
            let told = TransportError::new(e.kind()).because(Told(text));
            if e.request_left() {
                told
            } else {
                told.before_sending()
            }
        };
        match (self.how, result) {
            (Broken::FollowsRedirects, Ok(reply)) if reply.status().is_redirection() => {
                let location = reply
                    .headers()
                    .get("location")
                    .and_then(|l| l.to_str().ok()?.parse().ok());
                match location {
                    Some(uri) => {
                        *request.uri_mut() = uri;
                        self.inner.send(request)
                    }
                    None => Ok(reply),
                }
            }
            (Broken::SendsTwiceUnlessReplied, Err(_)) => self.inner.send(request),
            (Broken::SaysNothingLeft, Err(error)) => Err(error.before_sending()),
            (Broken::SaysAllLeft, Err(error)) => Err(TransportError::new(error.kind())),
            (Broken::CallsAllOther, Err(error)) => {
                let other = TransportError::new(TransportErrorKind::Other);
                Err(if error.request_left() {
                    other
                } else {
                    other.before_sending()
                })
            }
            (Broken::PrintsTheAddress, Err(error)) => Err(told(&error, request.uri().to_string())),
            (Broken::PrintsTheHeaders, Err(error)) => {
                let values = request
                    .headers()
                    .values()
                    .map(|value| format!("{:?}", value.as_bytes().escape_ascii().to_string()));
                Err(told(&error, values.collect()))
            }
            (Broken::HidesRefusals, Ok(reply)) if !reply.status().is_success() => {
                Err(TransportError::new(TransportErrorKind::Other))
            }
            (_, result) => result,
        }
    }

    fn spawn(&self, job: Job) -> Result<(), Job> {
        match self.how {
            Broken::LosesTasks => Ok(()),
            _ => self.inner.spawn(job),
        }
    }
}

/// ureq as it comes, without care: its redirects, its proxies, no cap or a silent one, no kinds but the timeout.
struct Naive {
    agent: Agent,
    cap: u64,
}

impl Transport for Naive {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (parts, body) = request.into_parts();
        let request = http::Request::from_parts(parts, body.as_bytes());
        let (parts, body) = self.agent.run(request).map_err(naively)?.into_parts();
        let mut bytes = Vec::new();
        let read = body.into_reader().take(self.cap).read_to_end(&mut bytes);
        read.map_err(|error| naively(error.into()))?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

fn naively(error: ureq::Error) -> TransportError {
    TransportError::new(match error {
        ureq::Error::Timeout(_) => TransportErrorKind::Timeout,
        _ => TransportErrorKind::Other,
    })
}

fn naive(total: Option<Duration>, cap: u64) -> Naive {
    let config = Agent::config_builder()
        .timeout_global(total)
        .http_status_as_error(false);
    let agent = config.build().into();
    Naive { agent, cap }
}

type Check = fn(Make<'_>);

#[track_caller]
fn is_caught(how: Broken, check: Check) {
    let make = blocking(move |limits| {
        let builder = UreqTransport::builder()
            .connect_timeout(limits.connect)
            .no_proxy();
        let inner = builder.request_timeout(limits.total).build().unwrap();
        Wrapped { inner, how }
    });
    fails(&make, check);
}

#[track_caller]
fn fails(make: &dyn Fn(Limits) -> Box<dyn Subject>, check: Check) {
    let outcome = catch_unwind(AssertUnwindSafe(|| check(make)));
    assert!(outcome.is_err(), "the check passed");
}

#[test]
fn t28_following_redirects_is_caught() {
    is_caught(Broken::FollowsRedirects, suite::t28_no_redirect_is_followed);
    fails(
        &blocking(|limits| naive(Some(limits.total), u64::MAX)),
        suite::t28_no_redirect_is_followed,
    );
}

#[test]
fn t31_reading_without_a_cap_is_caught() {
    let uncapped = blocking(|limits| naive(Some(limits.total), u64::MAX));
    fails(&uncapped, suite::t31_an_endless_body_is_cut_at_1_mib);
    fails(&uncapped, suite::t31_a_body_of_1_mib_is_read_whole);
    fails(&uncapped, suite::t31_a_huge_content_length_is_refused_at_once);
}

#[test]
fn t31_a_cap_that_is_lower_or_cuts_silently_is_caught() {
    let low = blocking(|limits| naive(Some(limits.total), 100_000));
    fails(&low, suite::t31_a_body_of_1_mib_is_read_whole);
    fails(&low, suite::t31_an_endless_body_is_cut_at_1_mib);
}

#[test]
fn r18_waiting_without_a_limit_is_caught() {
    let patient = blocking(|_| naive(None, u64::MAX));
    fails(
        &patient,
        suite::r18_silence_ends_in_a_timeout_that_frees_the_socket,
    );
}

#[test]
fn r19_sending_twice_is_caught() {
    is_caught(
        Broken::SendsTwice,
        suite::r19_a_request_without_a_reply_is_sent_once,
    );
    is_caught(
        Broken::SendsTwice,
        suite::r19_a_post_on_a_connection_that_went_stale_is_sent_once,
    );
    is_caught(Broken::SendsTwice, suite::t28_no_redirect_is_followed);
    is_caught(
        Broken::SendsTwice,
        suite::r18_silence_ends_in_a_timeout_that_frees_the_socket,
    );
    is_caught(
        Broken::SendsTwiceUnlessReplied,
        suite::r19_a_request_without_a_reply_is_sent_once,
    );
    is_caught(
        Broken::SendsTwiceUnlessReplied,
        suite::r19_a_post_on_a_connection_that_went_stale_is_sent_once,
    );
}

#[test]
fn r19_saying_that_nothing_left_is_caught() {
    for check in [
        suite::r18_silence_ends_in_a_timeout_that_frees_the_socket as Check,
        suite::r18_a_drip_ends_in_a_timeout,
        suite::r19_a_reply_cut_anywhere_is_an_error,
        suite::r19_a_reset_within_the_body_is_an_error,
        suite::r19_nonsense_is_an_error,
        suite::r19_a_request_without_a_reply_is_sent_once,
        suite::r20_a_flood_of_headers_is_refused,
        suite::r20_a_flood_of_interim_replies_ends,
        suite::t31_an_endless_body_is_cut_at_1_mib,
    ] {
        is_caught(Broken::SaysNothingLeft, check);
    }
}

#[test]
fn r19_saying_that_the_request_left_when_it_did_not_is_caught() {
    for check in [
        suite::r18_a_connection_that_does_not_come_up_times_out_before_sending as Check,
        suite::r19_a_refused_connection_is_told_as_one_before_sending,
        suite::r19_an_unknown_name_is_told_as_one_before_sending,
        suite::t44_a_server_without_tls_is_refused_before_sending,
    ] {
        is_caught(Broken::SaysAllLeft, check);
        is_caught(Broken::CallsAllOther, check);
    }
}

#[test]
fn r18_a_timeout_of_another_name_is_caught() {
    is_caught(Broken::CallsAllOther, suite::r18_a_drip_ends_in_a_timeout);
    is_caught(
        Broken::CallsAllOther,
        suite::r18_silence_ends_in_a_timeout_that_frees_the_socket,
    );
}

#[test]
fn t60_printing_an_address_or_a_header_is_caught() {
    for how in [Broken::PrintsTheAddress, Broken::PrintsTheHeaders] {
        is_caught(how, suite::t60_no_error_prints_an_address_a_header_or_a_body);
        is_caught(how, suite::r19_a_refused_connection_is_told_as_one_before_sending);
    }
}

#[test]
fn changing_a_request_or_a_reply_is_caught() {
    is_caught(Broken::DropsHeaders, suite::every_verb_arrives_as_it_was_given);
    is_caught(Broken::DropsTheBody, suite::every_verb_arrives_as_it_was_given);
    is_caught(
        Broken::HidesRefusals,
        suite::every_status_is_a_reply_and_comes_whole,
    );
}

#[test]
fn losing_a_task_is_caught() {
    is_caught(Broken::LosesTasks, suite::a_spawned_task_runs_or_comes_back);
}

/// Checks that start this test again: in the process that they start, the check itself has to fail, or ask what it should not.
#[track_caller]
fn fails_apart(variable: &str, make: &dyn Fn(Limits) -> Box<dyn Subject>, check: Check) {
    if std::env::var_os(variable).is_some() {
        return check(make);
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| check(make)));
    let why = outcome.expect_err("the check passed");
    let why = why.downcast_ref::<String>().map_or("", |why| why);
    assert!(!why.starts_with("no test"), "{why}");
}

#[test]
fn t43_the_proxies_of_ureq_itself_are_caught() {
    let naive = blocking(|limits| naive(Some(limits.total), u64::MAX));
    fails_apart("GRANTFLOW_CONFORMANCE_URL", &naive, |make| {
        suite::t43_the_environments_proxies_are_honoured_but_not_for_loopback(
            make,
            concat!(module_path!(), "::t43_the_proxies_of_ureq_itself_are_caught"),
        );
    });
}

#[test]
fn t42_asking_a_proxy_for_what_is_on_the_link_is_caught() {
    let naive = blocking(|limits| naive(Some(limits.total), u64::MAX));
    fails_apart("GRANTFLOW_CONFORMANCE_URL", &naive, |make| {
        suite::t42_what_is_on_the_link_is_not_asked_for_through_a_proxy(
            make,
            concat!(
                module_path!(),
                "::t42_asking_a_proxy_for_what_is_on_the_link_is_caught"
            ),
        );
    });
}

/// A reply that came is thrown away, since by the clock its time was up.
#[cfg(unix)]
struct Hasty {
    inner: Naive,
    limit: Duration,
}

#[cfg(unix)]
impl Transport for Hasty {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let began = Instant::now();
        let reply = self.inner.send(request)?;
        if began.elapsed() > self.limit {
            return Err(TransportError::new(TransportErrorKind::Timeout));
        }
        Ok(reply)
    }
}

/// With ureq's own limit it depends on where the process was stopped: in the middle of a read that reply is taken.
#[cfg(unix)]
#[test]
fn r22_a_clock_that_is_looked_at_before_the_socket_is_caught() {
    let hasty = blocking(|limits| Hasty {
        inner: naive(None, u64::MAX),
        limit: limits.total,
    });
    fails_apart("GRANTFLOW_CONFORMANCE_STOPPED", &hasty, |make| {
        suite::r22_a_reply_that_came_while_the_process_was_stopped_is_read(
            make,
            concat!(
                module_path!(),
                "::r22_a_clock_that_is_looked_at_before_the_socket_is_caught"
            ),
        );
    });
}

/// Too much is an error, once all of it is there.
struct Hoarder(Naive);

impl Transport for Hoarder {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let reply = self.0.send(request)?;
        if reply.body().len() > 1 << 20 {
            return Err(TransportError::new(TransportErrorKind::Other));
        }
        Ok(reply)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn t31_r20_an_error_that_comes_after_the_memory_is_gone_is_caught() {
    let hoarder = blocking(|limits| Hoarder(naive(Some(limits.total), u64::MAX)));
    fails_apart("GRANTFLOW_CONFORMANCE_FLOODS", &hoarder, |make| {
        suite::t31_r20_no_reply_takes_more_than_4_mib_of_memory(
            make,
            concat!(
                module_path!(),
                "::t31_r20_an_error_that_comes_after_the_memory_is_gone_is_caught"
            ),
        );
    });
}

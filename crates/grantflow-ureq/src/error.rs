//! Translates ureq's errors: which kind, whether the request left, and a cause without addresses or header values.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use grantflow_core::{TransportError, TransportErrorKind};

use crate::connect::NotSent;

/// What an error of ureq means.
pub(crate) fn classify(error: ureq::Error) -> TransportError {
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<NotSent>() {
            Ok(not_sent) => before_sending(not_sent.0),
            Err(_) => because(TransportErrorKind::Other, "the connection failed"),
        },
        // Without redirects there is one address, and it is looked at before anything else.
        error @ ureq::Error::BadUri(_) => told(TransportErrorKind::Other, error).before_sending(),
        error => told(kind_after_sending(&error), error),
    }
}

/// A failure of this crate's own making.
pub(crate) fn because(kind: TransportErrorKind, cause: &'static str) -> TransportError {
    TransportError::new(kind).because(Cause(cause))
}

fn before_sending(error: ureq::Error) -> TransportError {
    match error {
        // A proxy is connected to by the same connector: the inner mark says more.
        ureq::Error::Other(inner) => match inner.downcast::<NotSent>() {
            Ok(not_sent) => before_sending(not_sent.0),
            Err(_) => because(TransportErrorKind::Connect, "the connection failed").before_sending(),
        },
        error => told(kind_before_sending(&error), error).before_sending(),
    }
}

fn kind_before_sending(error: &ureq::Error) -> TransportErrorKind {
    match error {
        ureq::Error::Timeout(_) => TransportErrorKind::Timeout,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => TransportErrorKind::Tls,
        ureq::Error::Io(io) if is_tls(io) => TransportErrorKind::Tls,
        _ => TransportErrorKind::Connect,
    }
}

fn kind_after_sending(error: &ureq::Error) -> TransportErrorKind {
    match error {
        ureq::Error::Timeout(_) => TransportErrorKind::Timeout,
        ureq::Error::Rustls(_) => TransportErrorKind::Tls,
        ureq::Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            TransportErrorKind::Tls
        }
        _ => TransportErrorKind::Other,
    }
}

/// Whether the handshake failed; a peer that hangs up in the middle of it counts.
fn is_tls(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<rustls::Error>()) || error.kind() == io::ErrorKind::UnexpectedEof
}

/// Keeps as the cause what can hold neither an address nor a value of the request or the reply.
fn told(kind: TransportErrorKind, error: ureq::Error) -> TransportError {
    let told = TransportError::new(kind);
    match error {
        ureq::Error::Io(io) => told.because(io),
        ureq::Error::Rustls(tls) => told.because(tls),
        ureq::Error::Timeout(phase) => told.because(ureq::Error::Timeout(phase)),
        ureq::Error::HostNotFound => told.because(Cause("the name is unknown")),
        ureq::Error::BadUri(_) => told.because(Cause("the address cannot be used")),
        ureq::Error::ConnectProxyFailed(_) => told.because(Cause("the proxy refused the connection")),
        ureq::Error::InvalidProxyUrl => told.because(Cause("the address of the proxy cannot be used")),
        ureq::Error::Protocol(_) => told.because(Cause("what arrived is no HTTP/1.1 reply")),
        ureq::Error::LargeResponseHeader(..) => told.because(Cause("the head of the reply is too large")),
        ureq::Error::Tls(problem) => told.because(Cause(problem)),
        _ => told.because(Cause("the request failed")),
    }
}

/// A cause in words.
struct Cause(&'static str);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Cause {}

//! Translates reqwest's errors: which kind, whether the request left, and a cause without the address.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use grantflow_core::{TransportError, TransportErrorKind};

/// What an error of reqwest means.
pub(crate) fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let connecting = error.is_connect();
    let kind = if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if is_tls(&error, connecting) {
        TransportErrorKind::Tls
    } else if connecting {
        TransportErrorKind::Connect
    } else {
        TransportErrorKind::Other
    };
    // A request that could not be built, and one whose connection never came up, did not leave.
    let never_left = connecting || error.is_builder();
    let told = TransportError::new(kind).because(error);
    if never_left { told.before_sending() } else { told }
}

/// A failure of this crate's own making.
pub(crate) fn because(kind: TransportErrorKind, cause: &'static str) -> TransportError {
    TransportError::new(kind).because(Cause(cause))
}

/// Whether the handshake failed; a peer that hangs up in the middle of it counts.
fn is_tls(error: &reqwest::Error, connecting: bool) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        let hung_up = io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
        if error.is::<rustls::Error>() || (connecting && hung_up) {
            return true;
        }
        // `source` of an I/O error skips the error that it wraps.
        cause = match io.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
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

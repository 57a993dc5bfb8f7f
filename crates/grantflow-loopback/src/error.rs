//! Why a login did not end in credentials, sorted by who must act.

use std::fmt;
use std::io;
use std::sync::Arc;

use grantflow_core::error::{InvalidInput, StoreError};
use grantflow_core::{Error, Key};

use crate::{LoopbackHost, Visible};

/// Why a login did not end in credentials. Clones share their causes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoginError {
    /// The flow ended: the consent was denied, the server refused, no reply came, the store failed, and so on.
    Flow(Error),
    /// Nobody came back in time.
    TimedOut,
    /// Nobody can answer: there is no receiver, and the input has ended.
    NoAnswer,
    /// None of the ports can be had.
    Listen(Arc<ListenError>),
    /// A host that was named for the receiver is not loopback.
    NotLoopback,
    /// The client has redirect addresses, and none that a receiver on this machine can listen at.
    NoLoopbackRedirect,
    /// The address to open is not https, nor http on this machine, or has characters that no address has.
    UnsafeAddress,
    /// The one place of the store holds what belongs to another client, or another account.
    OtherRecord(Box<OtherRecord>),
    /// No thread can be had.
    Thread(Arc<io::Error>),
}

/// A port that cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListenError {
    /// The host that was asked for.
    pub host: LoopbackHost,
    /// The ports that were tried, in this order.
    pub ports: Vec<u16>,
    source: io::Error,
}

/// A record that is in the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtherRecord {
    /// What is stored.
    pub stored: Key,
    /// What was to be stored.
    pub wanted: Key,
}

impl LoginError {
    pub(crate) fn listen(host: LoopbackHost, ports: &[u16], source: io::Error) -> Self {
        Self::Listen(Arc::new(ListenError {
            host,
            ports: ports.to_vec(),
            source,
        }))
    }

    pub(crate) fn thread(error: io::Error) -> Self {
        Self::Thread(Arc::new(error))
    }

    pub(crate) fn other_record(stored: Key, wanted: Key) -> Self {
        Self::OtherRecord(Box::new(OtherRecord { stored, wanted }))
    }

    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Flow(error) => error.is_transient(),
            Self::Thread(_) => true,
            _ => false,
        }
    }

    /// Whether the user has to do something at the browser: this login did not come to its end there.
    #[must_use]
    pub fn needs_user(&self) -> bool {
        match self {
            Self::Flow(error) => error.needs_user(),
            Self::TimedOut | Self::NoAnswer => true,
            _ => false,
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the login was not finished in time"),
            Self::NoAnswer => f.write_str("nobody can answer the login: nothing listens for it, and the input has ended"),
            Self::Listen(error) => error.fmt(f),
            Self::NotLoopback => f.write_str(
                "a login can only be received on this machine: the host must be 127.0.0.1, ::1 or localhost",
            ),
            Self::NoLoopbackRedirect => f.write_str(
                "none of the client's redirect addresses is http on loopback: register an installed (desktop) application, or add an address such as http://127.0.0.1:8080/",
            ),
            Self::UnsafeAddress => {
                f.write_str("the address to open is not https, or has a character that no address has")
            }
            Self::OtherRecord(other) => other.fmt(f),
            Self::Thread(_) => f.write_str("no thread can be started"),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing can listen at {}, port", self.host)?;
        for (at, port) in self.ports.iter().enumerate() {
            write!(f, "{}{port}", if at == 0 { " " } else { " or " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl fmt::Display for OtherRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, wanted) = (&self.stored, &self.wanted);
        f.write_str("the store holds credentials ")?;
        if stored.client_id() != wanted.client_id() {
            write!(
                f,
                "of client {} and not of {}",
                Visible(stored.client_id()),
                Visible(wanted.client_id())
            )?;
        } else if stored.issuer() != wanted.issuer() {
            write!(
                f,
                "of client {} at {} and not at {}",
                Visible(stored.client_id()),
                Visible(stored.issuer()),
                Visible(wanted.issuer())
            )?;
        } else {
            write!(
                f,
                "of client {} for another account or purpose",
                Visible(stored.client_id())
            )?;
        }
        f.write_str(": use another place, or remove them first")
    }
}

impl std::error::Error for LoginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // These print themselves; what lies below them is their source.
            Self::Flow(error) => std::error::Error::source(error),
            Self::Listen(error) => std::error::Error::source(&**error),
            Self::Thread(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::Flow(error)
    }
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl From<InvalidInput> for LoginError {
    fn from(error: InvalidInput) -> Self {
        Self::Flow(error.into())
    }
}

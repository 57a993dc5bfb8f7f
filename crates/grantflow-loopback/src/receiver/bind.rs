//! Taking the port ([RFC 8252 section 7.3]): bound once, by literal, and listening before its address is known to anybody.
//!
//! [RFC 8252 section 7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use grantflow_core::error::InvalidInput;

use crate::{LoginError, LoopbackHost};

/// Where a [`Receiver`](super::Receiver) listens.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `Receiver::bind`"]
pub struct ReceiverOptions {
    pub(super) host: LoopbackHost,
    pub(super) ports: Vec<u16>,
    /// What follows the port in the redirect address.
    pub(super) suffix: String,
    pub(super) posted: bool,
    pub(super) head_limit: Duration,
}

impl ReceiverOptions {
    /// A free port of 127.0.0.1, and the path `/`.
    pub fn new() -> Self {
        Self {
            host: LoopbackHost::V4,
            ports: Vec::new(),
            suffix: "/".to_owned(),
            posted: false,
            head_limit: HEAD_LIMIT,
        }
    }

    /// Listens at this host.
    pub fn host(mut self, host: LoopbackHost) -> Self {
        self.host = host;
        self
    }

    /// Tries these ports in this order, and no others; 0 is any that is free. None at all is the same as 0.
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// Takes the redirect at this path, which begins with a slash; it may go on with a query, as it is registered.
    /// Empty is `/`, but is left out of the redirect address.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.suffix = path.into();
        self
    }

    /// Takes the redirect as a POST with a form, and in no other way: for authorizations with
    /// [`ResponseMode::FormPost`](grantflow_core::ResponseMode::FormPost) or its signed kind (threat T10).
    pub fn form_post(mut self) -> Self {
        self.posted = true;
        self
    }

    /// How long a connection may take to say what it wants; 5 seconds by default.
    pub fn head_limit(mut self, limit: Duration) -> Self {
        self.head_limit = limit;
        self
    }

    /// The redirect address, had it this port.
    pub(crate) fn redirect_uri(&self, port: u16) -> String {
        format!("http://{}:{port}{}", self.host, self.suffix)
    }

    /// The first port that was named.
    pub(crate) fn named_port(&self) -> Option<u16> {
        self.ports.iter().copied().find(|port| *port != 0)
    }

    /// The path on the wire.
    fn wire_path(&self) -> Result<String, LoginError> {
        let suffix = &self.suffix;
        let is_path = suffix.is_empty() || suffix.starts_with(['/', '?']);
        if !is_path || suffix.contains('#') || !suffix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidInput::new("redirect path", "is no path of an address").into());
        }
        let path = suffix.split('?').next().unwrap_or_default();
        Ok(if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        })
    }
}

/// The redirect address, with all ports.
impl fmt::Display for ReceiverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        write!(f, "http://{}:{}{}", self.host, ports.join(","), self.suffix)
    }
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Sockets that listen, and how they are called.
pub(super) struct Bound {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) redirect_uri: String,
    pub(super) path: String,
    /// What browsers send as `Host`.
    pub(super) host_header: String,
}

pub(super) fn bind(options: &ReceiverOptions) -> Result<Bound, LoginError> {
    let path = options.wire_path()?;
    let ports = if options.ports.is_empty() {
        &[0][..]
    } else {
        &options.ports
    };
    let mut last = None;
    for port in ports {
        match listen(options.host, *port) {
            Ok((listeners, addresses)) => {
                let port = addresses.first().map_or(0, SocketAddr::port);
                return Ok(Bound {
                    listeners,
                    addresses,
                    redirect_uri: options.redirect_uri(port),
                    path,
                    // RFC 9110 section 4.2.3: the default port is left out.
                    host_header: match port {
                        80 => options.host.to_string(),
                        _ => format!("{}:{port}", options.host),
                    },
                });
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
    Err(LoginError::listen(options.host, ports, error))
}

type Listening = (Vec<TcpListener>, Vec<SocketAddr>);

fn listen(host: LoopbackHost, port: u16) -> io::Result<Listening> {
    let listeners = match host {
        LoopbackHost::V4 => vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port))?],
        LoopbackHost::V6 => vec![TcpListener::bind((Ipv6Addr::LOCALHOST, port))?],
        LoopbackHost::Localhost => listen_on_both(port)?,
    };
    let addresses = listeners.iter().map(TcpListener::local_addr);
    let addresses = addresses.collect::<io::Result<_>>()?;
    Ok((listeners, addresses))
}

/// The same port of both literals: a browser may try either, and nobody else may answer at the other.
fn listen_on_both(port: u16) -> io::Result<Vec<TcpListener>> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr()?.port())) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tries -= 1;
                if tries == 0 {
                    return Err(error);
                }
            }
            // A machine without IPv6: then nobody can answer there.
            Err(_) => return Ok(vec![v4]),
        }
    }
}

const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How many free ports of the one literal are tried before one is free on the other too.
const TRIES: u32 = 16;

//! The redirect receiver: listens on loopback until the one redirect comes that belongs to the login
//! ([RFC 8252 sections 7.3 and 8.3]).
//!
//! ```text
//! bind ─▶ listening ─▶ redirect_uri ─▶ wait ─┬─ right state ─▶ answered, lingers for the final page ─▶ closed
//!                                            ├─ anything else ─▶ answered 4xx, waits on
//!                                            └─ time is over ─▶ closed
//! ```
//!
//! [RFC 8252 sections 7.3 and 8.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3

mod bind;
mod connection;
mod head;
mod pages;
mod slots;

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use grantflow_core::error::InvalidInput;
use grantflow_core::{PendingAuthorization, Secret};

pub use bind::ReceiverOptions;
pub(crate) use connection::{Arrival, Verdict};
use connection::{Site, serve};
use slots::Slots;

use crate::LoginError;
use crate::deadline::Deadline;

/// Listens on the loopback interface for the redirect of one login.
///
/// Its address is known only once it listens, so nobody else can take the port in between. Requests that are not the login's
/// redirect are answered and change nothing. Dropping it frees the port at once, unless the redirect came and the browser has not
/// fetched the final page: a thread then frees it when that was done, three seconds later at the most. A program that ends before
/// then leaves the browser without the page; [`run_flow_with`](crate::run_flow_with) waits for it.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use grantflow_core::{AuthorizationRequest, Client, Cx, TokenRequest};
/// use grantflow_loopback::{Receiver, ReceiverOptions};
///
/// # fn login(client: &Client, cx: &mut Cx<'_>) -> Result<(), grantflow_loopback::LoginError> {
/// let receiver = Receiver::bind(&ReceiverOptions::new())?;
/// let (url, pending) = AuthorizationRequest::new(client, receiver.redirect_uri()).start(cx)?;
/// // … the user opens `url` …
/// let callback = receiver.wait(&pending, Duration::from_secs(300))?;
/// let code = pending.accept(callback.expose(), cx)?;
/// # Ok(())
/// # }
/// ```
pub struct Receiver {
    redirect_uri: String,
    addresses: Vec<SocketAddr>,
    site: Arc<Site>,
    /// Listening, and accepting nothing until somebody waits.
    listeners: Vec<TcpListener>,
    acceptors: Vec<JoinHandle<()>>,
    /// The final page was waited for already.
    lingered: bool,
}

impl Receiver {
    /// Listens at the first of the ports that is free.
    ///
    /// # Errors
    ///
    /// [`LoginError::Listen`] if none is: there is no fallback to a port that was not named. [`LoginError::Flow`] if the path is none.
    pub fn bind(options: &ReceiverOptions) -> Result<Self, LoginError> {
        let bound = bind::bind(options)?;
        Ok(Self {
            redirect_uri: bound.redirect_uri,
            addresses: bound.addresses,
            site: Arc::new(Site {
                slots: Slots::default(),
                host: bound.host_header,
                path: bound.path,
                posted: options.posted,
                head_limit: options.head_limit,
            }),
            listeners: bound.listeners,
            acceptors: Vec::new(),
            lingered: false,
        })
    }

    /// The redirect address, with the port.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the redirect of this authorization, answers it, and returns its query or its form, for
    /// [`accept`](PendingAuthorization::accept).
    ///
    /// The browser is answered before this returns: that the login was received, or that access was not granted.
    ///
    /// # Errors
    ///
    /// [`LoginError::TimedOut`] when the time is over, [`LoginError::Thread`] if no thread can be had to listen, [`LoginError::Flow`]
    /// if the answer is to come in the body of a POST and this receiver takes none, or the other way round.
    pub fn wait(mut self, pending: &PendingAuthorization, at_most: Duration) -> Result<Secret, LoginError> {
        if pending.response_mode().is_posted() != self.site.posted {
            return Err(InvalidInput::new("response mode", "is not the one that the receiver takes").into());
        }
        let deadline = Deadline::after(at_most);
        let (arrivals, arrived) = channel();
        self.listen(move |arrival| arrivals.send(arrival).is_ok())?;
        while let Ok(arrival) = arrived.recv_timeout(deadline.left()) {
            if let Some(query) = judge(arrival, pending) {
                return Ok(query);
            }
        }
        Err(LoginError::TimedOut)
    }

    /// Waits until the browser has the final page, three seconds at the most, and frees the port. A program that ends right after
    /// its login would else end before the page is fetched.
    pub(crate) fn finish(mut self) {
        if self.site.slots.is_page_due() {
            self.site.slots.wait_until_shown(LINGER);
        }
        self.lingered = true;
    }

    /// Accepts connections from now on, and hands over what arrives at the path of the redirect, for as long as it is taken.
    pub(crate) fn listen(
        &mut self,
        hand_over: impl Fn(Arrival) -> bool + Clone + Send + 'static,
    ) -> Result<(), LoginError> {
        for listener in self.listeners.drain(..) {
            let (site, hand_over) = (Arc::clone(&self.site), hand_over.clone());
            let acceptor = thread::Builder::new()
                .name("grantflow-listen".to_owned())
                .spawn(move || accept(&listener, &site, &hand_over))
                .map_err(LoginError::thread)?;
            self.acceptors.push(acceptor);
        }
        Ok(())
    }
}

/// Answers what arrived; its query, if it is the redirect of this authorization.
pub(crate) fn judge(arrival: Arrival, pending: &PendingAuthorization) -> Option<Secret> {
    let query = arrival.query().expose();
    if !pending.matches(query) {
        arrival.answer(Verdict::Stranger);
        return None;
    }
    let is_refusal = query.split('&').any(|pair| pair.starts_with("error="));
    Some(arrival.answer(if is_refusal {
        Verdict::Denied
    } else {
        Verdict::Received
    }))
}

fn accept<H>(listener: &TcpListener, site: &Arc<Site>, hand_over: &H)
where
    H: Fn(Arrival) -> bool + Clone + Send + 'static,
{
    while !site.slots.is_closed() {
        let Ok((stream, _)) = listener.accept() else {
            // No descriptors left, or a connection that went away again.
            site.slots.pause(ACCEPT_PAUSE);
            continue;
        };
        let Some(number) = site.slots.enter(&stream) else {
            continue;
        };
        let (theirs, hand_over) = (Arc::clone(site), hand_over.clone());
        let spawned = thread::Builder::new()
            .name("grantflow-request".to_owned())
            .spawn(move || serve(&theirs, &theirs.slots.slot(number), stream, &hand_over));
        if spawned.is_err() {
            drop(site.slots.slot(number));
        }
    }
}

/// Ends the acceptors, and waits until they have let go of the port.
fn stop(site: &Site, addresses: &[SocketAddr], acceptors: Vec<JoinHandle<()>>) {
    site.slots.close();
    let mut woken = true;
    if !acceptors.is_empty() {
        for address in addresses {
            // An accept that blocks is woken by a connection.
            woken &= TcpStream::connect_timeout(address, WAKE_LIMIT).is_ok();
        }
    }
    for acceptor in acceptors {
        if woken || acceptor.is_finished() {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listeners.clear();
        let acceptors = std::mem::take(&mut self.acceptors);
        if acceptors.is_empty() {
            return;
        }
        if !self.lingered && self.site.slots.is_page_due() {
            let (site, addresses) = (Arc::clone(&self.site), self.addresses.clone());
            let linger = move || {
                site.slots.wait_until_shown(LINGER);
                stop(&site, &addresses, acceptors);
            };
            let spawned = thread::Builder::new()
                .name("grantflow-linger".to_owned())
                .spawn(linger);
            if spawned.is_ok() {
                return;
            }
            // No thread, no page: the acceptors went with the closure, and end at the next connection.
            stop(&self.site, &self.addresses, Vec::new());
            return;
        }
        stop(&self.site, &self.addresses, acceptors);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the final page is kept ready after the login is through.
const LINGER: Duration = Duration::from_secs(3);
const WAKE_LIMIT: Duration = Duration::from_millis(500);

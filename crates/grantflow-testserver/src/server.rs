//! The handle: starts a server, steers it, reads what it saw, stops it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::browser::{BrowseError, Browser};
use crate::client::TestClient;
use crate::config::{Config, ExpiresIn, Rotation};
use crate::fault::{Endpoint, Fault};
use crate::serve::serve;
use crate::site::Site;
use crate::stats::{LoggedRequest, Stats};

/// An authorization server on a port of 127.0.0.1, running on a thread of its own.
///
/// All methods take `&self` and return at once, so that a blocking test and an async one can use it alike. Dropping
/// it stops the server, cuts its connections and waits for its thread.
///
/// # Example
///
/// ```
/// use grantflow_testserver::TestServer;
///
/// let server = TestServer::start()?;
/// assert!(server.url("/token").starts_with("http://127.0.0.1:"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TestServer {
    site: Arc<Site>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starting, and what never changes.
impl TestServer {
    /// Starts a server with the default [`Config`].
    ///
    /// # Errors
    ///
    /// The error of the operating system if there is no free port or no thread can be started.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Config::new())
    }

    pub(crate) fn start_with(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
        listener.set_nonblocking(true)?;
        let site = Arc::new(Site::new(config, listener.local_addr()?.port()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("grantflow-testserver".to_owned())
            .spawn({
                let site = Arc::clone(&site);
                move || runtime.block_on(serve(listener, site, stopped))
            })?;
        Ok(Self {
            site,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The issuer identifier, `http://127.0.0.1:PORT`; every endpoint's URL begins with it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.site.issuer
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.site.port
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.issuer)
    }

    /// The registered clients.
    #[must_use]
    pub fn clients(&self) -> &[TestClient] {
        &self.site.config.clients
    }

    /// The client with this id.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&TestClient> {
        self.clients().iter().find(|client| client.id() == id)
    }
}

/// The person at the browser.
impl TestServer {
    /// A browser with an empty cookie jar; several visits in one stay logged in.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new()
    }

    /// Opens an authorization URL in a new browser, logs in as `ann`, allows, and returns where the browser was
    /// sent: the redirect URI with `code`, `state` and `iss`.
    ///
    /// All of it happens over HTTP. The location is not visited; [`Browser::follow`] does that.
    ///
    /// # Errors
    ///
    /// [`BrowseError::Page`] if the server showed an error instead, [`BrowseError::Io`] if it could not be reached.
    ///
    /// # Example
    ///
    /// ```
    /// # let server = grantflow_testserver::TestServer::start()?;
    /// let url = server.url(
    ///     "/authorize?response_type=code&client_id=native-app&redirect_uri=http://127.0.0.1:1/callback\
    ///      &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
    /// );
    /// let location = server.approve(&url)?;
    /// assert!(location.starts_with("http://127.0.0.1:1/callback?code=gft_ac_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn approve(&self, authorization_url: &str) -> Result<String, BrowseError> {
        self.browser().approve(authorization_url)
    }

    /// Like [`TestServer::approve`], but denies.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn deny(&self, authorization_url: &str) -> Result<String, BrowseError> {
        self.browser().deny(authorization_url)
    }

    /// Enters the code that a device shows, logs in as `ann`, allows, and returns what the last page says.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn approve_device(&self, user_code: &str) -> Result<String, BrowseError> {
        self.browser().approve_device(&self.url("/device"), user_code)
    }

    /// Like [`TestServer::approve_device`], but denies.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn deny_device(&self, user_code: &str) -> Result<String, BrowseError> {
        self.browser().deny_device(&self.url("/device"), user_code)
    }
}

/// What the server saw.
impl TestServer {
    /// The counters as of now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.site.state().stats.clone()
    }

    /// The requests so far, oldest first, the last 10,000 at most.
    #[must_use]
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.site.state().log.iter().cloned().collect()
    }

    /// Waits until the counters meet a condition; `false` if they did not in time.
    ///
    /// A request counts as soon as it was carried out, before its reply leaves.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use grantflow_testserver::{Endpoint, Fault, TestServer};
    /// # use std::time::Duration;
    /// # let server = TestServer::start()?;
    /// server.push_fault(Endpoint::Refresh, Fault::Hold);
    /// // … start a refresh elsewhere …
    /// assert!(server.wait_until(Duration::from_secs(10), |stats| stats.held == 1));
    /// // The refresh token is spent now, and the client does not know yet.
    /// server.release();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_until(&self, patience: Duration, mut condition: impl FnMut(&Stats) -> bool) -> bool {
        let guard = self.site.state();
        let waited = self
            .site
            .changed
            .wait_timeout_while(guard, patience, |state| !condition(&state.stats));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Every access token, refresh token, ID token and code the server has issued, in the clear, for tests that search for
    /// leaks.
    #[must_use]
    pub fn expose_issued(&self) -> Vec<String> {
        self.site.state().issued.clone()
    }
}

/// What goes wrong, and what changes while the server runs.
impl TestServer {
    /// Adds a fault for one request to an endpoint; several are played in order, one a request.
    pub fn push_fault(&self, endpoint: Endpoint, fault: Fault) {
        self.site.state().faults.push(endpoint, fault);
    }

    /// Plays a fault on every request to an endpoint for which none was pushed, until [`TestServer::clear_faults`].
    pub fn set_fault(&self, endpoint: Endpoint, fault: Fault) {
        self.site.state().faults.set(endpoint, fault);
    }

    /// Forgets all faults. Replies that are held stay held.
    pub fn clear_faults(&self) {
        self.site.state().faults.clear();
    }

    /// Lets go of every reply that [`Fault::Hold`] keeps back now.
    pub fn release(&self) {
        self.site.released.notify_waiters();
    }

    /// Moves the server's clock forward: codes, access tokens and grace periods age by this much.
    pub fn advance(&self, by: Duration) {
        self.site.state().clock.advance(by);
    }

    /// What the server's clock says, since 1970.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.site.state().clock.now()
    }

    /// Changes the lifetime of access tokens issued from now on.
    pub fn set_expires_in(&self, expires_in: impl Into<ExpiresIn>) {
        self.site.state().expires_in = expires_in.into();
    }

    /// Changes what happens to refresh tokens used from now on, and to spent ones that come again.
    pub fn set_rotation(&self, rotation: Rotation) {
        self.site.state().rotation = rotation;
    }

    /// Changes how late the token endpoint answers.
    pub fn set_delay(&self, delay: Duration) {
        self.site.state().delay = delay;
    }

    /// Signs ID tokens with new keys from now on; the old ones stay published, as servers do it.
    pub fn rotate_keys(&self) {
        self.site.state().keys().rotate();
    }

    /// Publishes only the keys that sign now.
    pub fn forget_old_keys(&self) {
        self.site.state().keys().forget_old();
    }

    /// Ends all access tokens issued so far; refresh tokens stay good.
    pub fn expire_access_tokens(&self) {
        for access in self.site.state().access_tokens.values_mut() {
            access.revoked = true;
        }
    }

    /// Ends everything that was granted, as a user or an administrator may at any time. Codes stay good.
    ///
    /// Not counted in [`Stats::families_revoked`], which is about replays.
    pub fn revoke_everything(&self) {
        for grant in &mut self.site.state().grants {
            grant.revoked = true;
        }
    }

    /// How, and how long ago at most, the user behind a token has to have logged in for the API to take it ([RFC 9470 section 3]); `None`
    /// means in any way, at any time.
    ///
    /// [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    pub fn set_api_wants(&self, acr: Option<&str>, max_age: Option<Duration>) {
        self.site.state().api_wants = (acr.map(str::to_owned), max_age);
    }

    /// Whether the API answers 401 to good tokens too.
    pub fn set_api_refuses(&self, refuses: bool) {
        self.site.state().api_refuses = refuses;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("issuer", &self.site.issuer)
            .finish_non_exhaustive()
    }
}

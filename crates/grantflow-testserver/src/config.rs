//! How a server behaves: options by value, fixed before it starts
//! ([RFC 9700 section 4.14.2] on refresh token rotation).
//!
//! [RFC 9700 section 4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::assertion::TestServiceAccount;
use crate::client::TestClient;
use crate::fault::{UnknownName, seconds};
use crate::saml::TestSamlIssuer;
use crate::server::TestServer;

/// The options of a [`TestServer`].
///
/// The defaults are a strict server: access tokens for an hour, refresh tokens that rotate without a grace period, no
/// delay, a free port, every scope granted, and a person who has to log in and consent.
///
/// # Example
///
/// ```
/// use grantflow_testserver::{Config, Rotation};
/// use std::time::Duration;
///
/// let server = Config::new()
///     .rotate(Rotation::Grace(Duration::from_secs(10)))
///     .expires_in(Duration::from_secs(5))
///     .auto_approve("ann")
///     .start()?;
/// # drop(server);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `start`"]
pub struct Config {
    pub(crate) port: u16,
    pub(crate) rotation: Rotation,
    pub(crate) expires_in: ExpiresIn,
    pub(crate) delay: Duration,
    pub(crate) auto_approve: Option<String>,
    pub(crate) grantable: Option<Vec<String>>,
    pub(crate) refresh_tokens: bool,
    pub(crate) device_interval: Duration,
    pub(crate) device_lifetime: Duration,
    pub(crate) clients: Vec<TestClient>,
    pub(crate) service_accounts: Vec<TestServiceAccount>,
    pub(crate) saml_issuers: Vec<TestSamlIssuer>,
    pub(crate) push_required: bool,
    pub(crate) dpop_nonces: bool,
    pub(crate) odd_challenges: bool,
    pub(crate) detail_types: Vec<String>,
    pub(crate) acr_values: Vec<String>,
}

impl Config {
    /// The defaults, with [`TestClient::defaults`] registered.
    pub fn new() -> Self {
        Self {
            port: 0,
            rotation: Rotation::Strict,
            expires_in: ExpiresIn::Stated(Duration::from_secs(3600)),
            delay: Duration::ZERO,
            auto_approve: None,
            grantable: None,
            refresh_tokens: true,
            device_interval: Duration::from_secs(5),
            device_lifetime: Duration::from_secs(1800),
            clients: TestClient::defaults(),
            service_accounts: Vec::new(),
            saml_issuers: Vec::new(),
            push_required: false,
            dpop_nonces: false,
            odd_challenges: false,
            detail_types: Vec::new(),
            acr_values: Vec::new(),
        }
    }

    /// Listens on this port of 127.0.0.1; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What happens to a refresh token that was used.
    pub fn rotate(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// How long access tokens live, and whether token replies say so.
    ///
    /// A plain [`Duration`] is a stated one.
    pub fn expires_in(mut self, expires_in: impl Into<ExpiresIn>) -> Self {
        self.expires_in = expires_in.into();
        self
    }

    /// Makes each reply of the token endpoint late by this much.
    ///
    /// The request is carried out first: a client that is killed while it waits has spent its refresh token. For a
    /// server that is slow before it does anything, use
    /// [`Fault::DelayBeforeCommit`](crate::Fault::DelayBeforeCommit).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Grants every valid authorization request at once, in the name of this user and without a page, those of devices too.
    pub fn auto_approve(mut self, user: impl Into<String>) -> Self {
        self.auto_approve = Some(user.into());
        self
    }

    /// Grants these scopes at most; what else a client asks for is left out, silently, as [RFC 6749 section 3.3]
    /// allows.
    ///
    /// [RFC 6749 section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
    pub fn grant_only<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.grantable = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Issues no refresh tokens.
    pub fn without_refresh_tokens(mut self) -> Self {
        self.refresh_tokens = false;
        self
    }

    /// Tells devices to poll no more often than this; whole seconds, five by default. It is enforced.
    pub fn device_interval(mut self, interval: Duration) -> Self {
        self.device_interval = interval;
        self
    }

    /// How long the codes of a device live; whole seconds, half an hour by default.
    pub fn device_lifetime(mut self, lifetime: Duration) -> Self {
        self.device_lifetime = lifetime;
        self
    }

    /// Registers one more client; one with the same id is replaced.
    pub fn client(mut self, client: TestClient) -> Self {
        self.clients.retain(|known| known.id() != client.id());
        self.clients.push(client);
        self
    }

    /// Registers a service account, whose assertions are traded for tokens; one with the same address is replaced.
    pub fn service_account(mut self, account: TestServiceAccount) -> Self {
        self.service_accounts
            .retain(|known| known.email() != account.email());
        self.service_accounts.push(account);
        self
    }

    /// Takes SAML assertions of this identity provider.
    pub fn saml_issuer(mut self, issuer: TestSamlIssuer) -> Self {
        self.saml_issuers.push(issuer);
        self
    }

    /// Takes pushed authorization requests alone ([RFC 9126 section 5]).
    ///
    /// [RFC 9126 section 5]: https://www.rfc-editor.org/rfc/rfc9126#section-5
    pub fn require_pushed_requests(mut self) -> Self {
        self.push_required = true;
        self
    }

    /// Wants a nonce of its own in every proof of possession, from the token endpoint and from the API
    /// ([RFC 9449 section 8]).
    ///
    /// [RFC 9449 section 8]: https://www.rfc-editor.org/rfc/rfc9449#section-8
    pub fn require_dpop_nonces(mut self) -> Self {
        self.dpop_nonces = true;
        self
    }

    /// Grants authorization details of these types ([RFC 9396]); without any, none.
    ///
    /// [RFC 9396]: https://www.rfc-editor.org/rfc/rfc9396
    pub fn authorization_details_types<S: Into<String>>(
        mut self,
        types: impl IntoIterator<Item = S>,
    ) -> Self {
        self.detail_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Knows these ways to log in: of those that a request asks for (`acr_values`) the first that is known is named in its ID token.
    pub fn acr_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// Writes the schemes of challenges in odd case.
    pub fn odd_challenges(mut self) -> Self {
        self.odd_challenges = true;
        self
    }

    /// Starts the server on a thread of its own.
    ///
    /// # Errors
    ///
    /// The error of the operating system if the port is taken or no thread can be started.
    pub fn start(self) -> io::Result<TestServer> {
        TestServer::start_with(self)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// What happens to a refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// Each refresh spends its token and grants a successor. A spent token that comes again revokes its whole family.
    Strict,
    /// Like [`Rotation::Strict`], but a spent token that comes again within this time is answered with the *same*
    /// successor and a fresh access token, as long as that successor was not used itself.
    ///
    /// The same successor, because then a client that lost a reply and its sibling that got it end up with one
    /// token between them. Once the successor was used, its reply had arrived: the older token is a replay, inside
    /// the period or not.
    Grace(Duration),
    /// Refresh tokens stay as they are, and replies to a refresh carry none, as Google's do.
    Never,
}

/// Reads `strict`, `grace=S` or `never`.
impl FromStr for Rotation {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.split_once('=') {
            None if text == "strict" => Ok(Self::Strict),
            None if text == "never" => Ok(Self::Never),
            Some(("grace", period)) => seconds(period).map(Self::Grace),
            _ => Err(UnknownName::new(format!("no rotation is called {text:?}"))),
        }
    }
}

/// How long access tokens live, and whether clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpiresIn {
    /// Token replies carry `expires_in`, in whole seconds, rounded down.
    Stated(Duration),
    /// Token replies carry no `expires_in`: the client learns of the end by a 401.
    Unstated(Duration),
}

impl ExpiresIn {
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::Stated(lifetime) | Self::Unstated(lifetime) => lifetime,
        }
    }
}

impl From<Duration> for ExpiresIn {
    fn from(lifetime: Duration) -> Self {
        Self::Stated(lifetime)
    }
}

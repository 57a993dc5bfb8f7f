//! How a login is to be done.

use std::time::Duration;

use grantflow_core::{Client, Key, ResponseMode, Scopes};

use crate::{Environment, LoopbackHost};

/// How a login is to be done; the defaults suit most.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_loopback::LoginOptions;
///
/// let options = LoginOptions::new()
///     .login_hint("ann@example.com")
///     .ports([8080, 8090])
///     .time_limit(Duration::from_secs(120));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a login"]
pub struct LoginOptions {
    pub(super) host: Option<LoopbackHost>,
    pub(super) ports: Vec<u16>,
    pub(super) local_server: bool,
    response_mode: Option<ResponseMode>,
    pub(super) time_limit: Duration,
    pub(super) environment: Environment,
    pub(super) always_ask: bool,
    pub(super) parameters: Vec<(String, String)>,
    account: String,
    label: String,
    pub(super) resource: String,
}

impl LoginOptions {
    /// Any free port, five minutes, and the [environment of this process](Environment::of_this_process).
    pub fn new() -> Self {
        Self {
            host: None,
            ports: Vec::new(),
            local_server: true,
            response_mode: None,
            time_limit: TIME_LIMIT,
            environment: Environment::of_this_process(),
            always_ask: false,
            parameters: Vec::new(),
            account: String::new(),
            label: String::new(),
            resource: String::new(),
        }
    }

    /// Receives the redirect at this host; by default at the one that is registered for the client, else at 127.0.0.1.
    pub fn host(mut self, host: LoopbackHost) -> Self {
        self.host = Some(host);
        self
    }

    /// Tries these ports in this order, and no others; by default the one that is registered, else any that is free.
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// Listens nowhere: the user pastes the address at which the browser ended.
    pub fn no_local_server(mut self) -> Self {
        self.local_server = false;
        self
    }

    /// Has the server send its answer in the body of a POST (`form_post`), so that the code is in no history of the browser: for servers
    /// that know how. Nothing can be pasted then, since no address has the answer.
    pub fn form_post(self) -> Self {
        self.response_mode(ResponseMode::FormPost)
    }

    /// Has the server send its answer in this mode; by default in the [client's](Client::with_response_mode). A signed one needs a client
    /// with a [check](Client::with_response_check) of it, such as `grantflow_oidc::ResponseVerifier`.
    pub fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = Some(mode);
        self
    }

    /// How long the user may take; five minutes by default.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Decides about the browser by this environment.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Asks the user even if stored credentials serve.
    pub fn always_ask(mut self) -> Self {
        self.always_ask = true;
        self
    }

    /// Logs in this account, by a name the application chose: it tells several records of one client apart, and is not sent.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// Keeps the record under this label, apart from others that are otherwise alike.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Asks for tokens for this resource (RFC 8707).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = resource.into();
        self
    }

    /// Tells the server whom to expect: the user's name there, as far as it is known.
    pub fn login_hint(self, hint: impl Into<String>) -> Self {
        self.parameter("login_hint", hint)
    }

    /// Sends this with the authorization request; it replaces what the client has for every request under this name.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// How the answer to a request of this client is asked for.
    pub(super) fn response_mode_of(&self, client: &Client) -> ResponseMode {
        self.response_mode.unwrap_or(client.response_mode())
    }

    /// Where the record of this login is kept.
    pub(super) fn key(&self, client: &Client, scopes: Scopes) -> Key {
        Key::new(client, scopes)
            .with_account(self.account.as_str())
            .with_label(self.label.as_str())
            .with_resource(self.resource.as_str())
    }
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self::new()
    }
}

const TIME_LIMIT: Duration = Duration::from_secs(300);

//! The login of an installed application from beginning to end ([RFC 8252 section 4.1]).
//!
//! ```text
//! stored serves? ─yes─▶ Credentials
//!      │ no
//!      ▼
//! can be stored? ─no─▶ error
//!      │ yes
//!      ▼
//! listen ─▶ URL ─▶ browser ─▶ ExpectAnswer ─┬─ redirect ─┬─▶ checked ─▶ page ─▶ code for token ─▶ stored ─▶ Credentials
//!                                 ▲         ├─ pasted ───┘
//!                                 └─────────┴─ another's, or nonsense
//! ```
//!
//! [RFC 8252 section 4.1]: https://www.rfc-editor.org/rfc/rfc8252#section-4.1

mod conversation;
mod device;
mod options;
mod stored;

use grantflow_core::error::{InvalidInput, StoreErrorKind};
use grantflow_core::{
    Authentication, AuthorizationRequest, Client, Cx, Error, Key, Provenance, Record, ResponseMode, Scopes,
    Store, Timestamp, Token, TokenRequest, Transport, TransportHost, blocking, flow, run,
};

pub(crate) use conversation::Event;
use conversation::{Conversation, converse};
#[cfg(feature = "terminal")]
pub use device::device_flow;
pub use device::device_flow_with;
pub use options::LoginOptions;
use stored::{Stored, look_up};

use crate::{LoginError, Message, Prompt, Receiver, browser, redirect};

/// Gives the stored credentials of `client` for `scopes` if they serve; else lets the user log in, and stores what is granted.
///
/// The user is asked at the terminal; [`run_flow_with`] takes another prompt and options. Stored credentials serve if they can be
/// refreshed or have not ended, and were granted for these scopes or more: a second run asks nobody. Where the same client has fewer,
/// all are asked for together and the new record replaces the old.
///
/// What the client has and no record holds goes with the credentials ([`blocking::Credentials::with_client`]): a key that proves it,
/// a check of ID tokens, headers of the provider's APIs.
///
/// # Errors
///
/// See [`run_flow_with`].
///
/// # Example
///
/// ```no_run
/// # fn example(store: impl grantflow_core::Store + 'static, transport: impl grantflow_core::Transport + 'static)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use grantflow_core::Client;
/// use grantflow_loopback::run_flow;
///
/// let client = Client::from_client_secrets(&std::fs::read("client_secrets.json")?)?;
/// let credentials = run_flow(&client, "https://www.googleapis.com/auth/calendar", store, transport)?;
/// println!("{:?}", credentials.access_token()?.remaining);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "terminal")]
pub fn run_flow<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    transport: impl Transport + 'static,
) -> Result<blocking::Credentials, LoginError> {
    run_flow_with(
        client,
        scopes,
        store,
        transport,
        &LoginOptions::new(),
        &crate::TerminalPrompt::new(),
    )
}

/// [`run_flow`] with options and another way to talk to the user.
///
/// # Errors
///
/// [`LoginError::Flow`] with [`Denied`](Error::Denied) if the user said no, or with what else ended the flow;
/// [`LoginError::TimedOut`] if nobody came back; [`LoginError::OtherRecord`] if the store has one place and another client, or
/// another account, is in it; [`LoginError::Listen`] if no port can be had; [`LoginError::NoLoopbackRedirect`] if the client is
/// registered for other redirects. What was stored is still there then.
pub fn run_flow_with<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    transport: impl Transport + 'static,
    options: &LoginOptions,
    prompt: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    let scopes = scopes.try_into().map_err(Into::into)?;
    stored_or(
        |login, key, old| login.ask(key, old),
        client,
        scopes,
        store,
        transport,
        options,
        prompt,
    )
}

/// The stored credentials if they serve, else those of a login of this kind.
fn stored_or(
    log_in: fn(&Login<'_>, Key, Option<Key>) -> Result<Key, LoginError>,
    client: &Client,
    scopes: Scopes,
    store: impl Store + 'static,
    transport: impl Transport + 'static,
    options: &LoginOptions,
    prompt: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    let wanted = options.key(client, scopes);
    let login = Login {
        client,
        store: &store,
        transport: &transport,
        options,
        prompt,
    };
    let key = match look_up(&store, &wanted, login.wall(), options.always_ask)? {
        Stored::Serves(key) => key,
        Stored::Ask { scopes, instead_of } => {
            let key = wanted.with_scopes(scopes);
            // Nobody is asked for a consent that could not be stored: a lock is had only where a save could be made.
            drop(store.lock_for_login(&key, flow::LOCK_PATIENCE)?);
            log_in(&login, key, instead_of)?
        }
    };
    let credentials = blocking::Credentials::new(key, store, transport);
    // A record that was made at another address of the server is refreshed there, as long as that lasts: no secret of this client is
    // for it.
    let is_of_client = |record: Record| record.client().token_endpoint() == client.token_endpoint();
    Ok(
        if has_more_than_records(client) && credentials.record().map_or(true, is_of_client) {
            credentials.with_client(client.clone())
        } else {
            credentials
        },
    )
}

/// Whether the client has what no record holds, so that a handle without it could not refresh, prove its token, check its ID token or
/// call the API as the provider wants it.
fn has_more_than_records(client: &Client) -> bool {
    client.token_constraint().is_some()
        || client.id_token_check().is_some()
        || !client.api_headers().is_empty()
        || matches!(client.authentication(), Authentication::Other(_))
}

/// One login, and what it works with.
struct Login<'a> {
    client: &'a Client,
    store: &'a dyn Store,
    transport: &'a dyn Transport,
    options: &'a LoginOptions,
    prompt: &'a dyn Prompt,
}

impl Login<'_> {
    /// Asks the user, gets the token and stores it. The receiver lives until all of that is done and the browser has its final
    /// page, however it went.
    fn ask(&self, key: Key, instead_of: Option<Key>) -> Result<Key, LoginError> {
        let (mut receiver, redirect_uri) = self.receiver()?;
        let asked = self.ask_at(receiver.as_mut(), redirect_uri, key, instead_of);
        if let Some(receiver) = receiver {
            receiver.finish();
        }
        asked
    }

    fn ask_at(
        &self,
        receiver: Option<&mut Receiver>,
        redirect_uri: String,
        key: Key,
        instead_of: Option<Key>,
    ) -> Result<Key, LoginError> {
        let mut request = AuthorizationRequest::new(self.client, redirect_uri)
            .scopes(key.scopes().clone())?
            .response_mode(self.options.response_mode_of(self.client))
            // The conversation has the shorter limit and so the better error.
            .lifetime(self.options.time_limit.saturating_mul(2));
        if !self.options.resource.is_empty() {
            request = request.resource(self.options.resource.as_str());
        }
        for (name, value) in &self.options.parameters {
            request = request.parameter(name.as_str(), value.as_str())?;
        }
        let begun = self.with_cx(|cx| request.begin(cx))?;
        let (url, pending) = run(begun, &TransportHost::new(self.transport))?;
        browser::check_address(url.as_str())?;

        let asked = converse(Conversation {
            receiver,
            url: &url,
            pending: &pending,
            options: self.options,
            prompt: self.prompt,
        })?;
        let host = TransportHost::new(self.transport);
        let code = run(pending.accept_for(self.client, asked.callback().expose()), &host);
        // The browser is answered before the code is exchanged.
        asked.answer(code.is_ok());
        if let Err(Error::Denied(refusal) | Error::Server(refusal)) = &code {
            self.prompt.say(&Message::Refused(refusal));
        }

        let exchange = TokenRequest::authorization_code(self.client, code?);
        let token = run(exchange.flow(), &host)?;
        self.keep(token, "authorization_code", key, instead_of)
    }

    /// Stores what was granted.
    fn keep(
        &self,
        token: Token,
        source: &'static str,
        key: Key,
        instead_of: Option<Key>,
    ) -> Result<Key, LoginError> {
        let host = TransportHost::new(self.transport).with_store(self.store);
        let provenance = Provenance::new(source, self.wall());
        let record = Record::new(key, self.client.clone(), token, provenance);
        let wanted = record.key().clone();
        let record =
            run(flow::keep(record, instead_of), &host).map_err(|error| self.in_the_way(error, wanted))?;
        self.prompt.say(&Message::LoggedIn {
            asked: record.key().scopes(),
            granted: record.scopes(),
        });
        Ok(record.key().clone())
    }

    /// A receiver, if there is to be one, and the redirect address.
    fn receiver(&self) -> Result<(Option<Receiver>, String), LoginError> {
        let mode = self.options.response_mode_of(self.client);
        self.client.check_response_mode(mode)?;
        // Some providers post whatever is asked for (quirk 45).
        let posted = mode.is_posted() || mode == ResponseMode::Query && self.client.quirks().form_post;
        if posted && !self.options.local_server {
            return Err(InvalidInput::new("form_post", "needs somebody who listens").into());
        }
        let places = redirect::places(self.client, self.options.host, &self.options.ports)?;
        if !self.options.local_server {
            // Nobody listens there: it only has to be an address that the server takes.
            let port = match places.iter().find_map(crate::ReceiverOptions::named_port) {
                Some(port) => port,
                None => self.unlikely_port()?,
            };
            let uri = places.first().map(|place| place.redirect_uri(port));
            return Ok((None, uri.ok_or(LoginError::NoLoopbackRedirect)?));
        }
        let mut last = LoginError::NoLoopbackRedirect;
        for place in &places {
            let place = if posted {
                place.clone().form_post()
            } else {
                place.clone()
            };
            match Receiver::bind(&place) {
                Ok(receiver) => {
                    let uri = receiver.redirect_uri().to_owned();
                    return Ok((Some(receiver), uri));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A port that nobody can have taken with this login in mind.
    fn unlikely_port(&self) -> Result<u16, LoginError> {
        let mut random = [0; 2];
        self.transport.fill(&mut random).map_err(Error::from)?;
        Ok(FIRST_DYNAMIC_PORT | u16::from_be_bytes(random))
    }

    /// A record that came into the one place meanwhile, by its name.
    fn in_the_way(&self, error: Error, wanted: Key) -> LoginError {
        if let Error::Store(failure) = &error
            && failure.kind() == StoreErrorKind::OtherRecord
            && let Ok(keys) = self.store.keys()
            && let Some(stored) = keys.into_iter().find(|key| *key != wanted)
        {
            return LoginError::other_record(stored, wanted);
        }
        error.into()
    }

    fn wall(&self) -> Timestamp {
        self.transport.now().wall
    }

    fn with_cx<T>(&self, with: impl FnOnce(&mut Cx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut fill = |bytes: &mut [u8]| self.transport.fill(bytes);
        with(&mut Cx::new(self.transport.now(), &mut fill))
    }
}

/// RFC 6335 section 6: ports from here on are assigned to nobody.
const FIRST_DYNAMIC_PORT: u16 = 0xc000;

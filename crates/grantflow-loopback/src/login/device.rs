//! The login at another device: a code is shown instead of a browser opened ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)).
//!
//! ```text
//! codes ─▶ EnterCode ─▶ polled for ─┬─ allowed ─▶ stored ─▶ Credentials
//!                                   └─ denied, or the code ended ─▶ error
//! ```

use grantflow_core::{
    Client, DeviceAuthorizationRequest, Error, Key, Scopes, Store, Transport, TransportHost, blocking, run,
};

use super::{Login, stored_or};
use crate::{LoginError, LoginOptions, Message, Prompt};

/// Gives the stored credentials of `client` for `scopes` if they serve; else shows a code at the terminal, which the user enters in a
/// browser of any other device, and stores what is granted.
///
/// For machines without a browser that somebody could use. [`device_flow_with`] takes another prompt and options. Whether stored
/// credentials serve is decided as in [`run_flow`](crate::run_flow).
///
/// # Errors
///
/// See [`device_flow_with`].
///
/// # Example
///
/// ```no_run
/// # fn example(store: impl grantflow_core::Store + 'static, transport: impl grantflow_core::Transport + 'static)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use grantflow_core::Client;
/// use grantflow_loopback::device_flow;
///
/// let client = Client::google("cid.apps.googleusercontent.com")?.with_secret_post("GOCSPX-9xF4");
/// let credentials = device_flow(&client, "openid email", store, transport)?;
/// println!("{:?}", credentials.access_token()?.remaining);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "terminal")]
pub fn device_flow<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    transport: impl Transport + 'static,
) -> Result<blocking::Credentials, LoginError> {
    let (options, prompt) = (LoginOptions::new(), crate::TerminalPrompt::new());
    device_flow_with(client, scopes, store, transport, &options, &prompt)
}

/// [`device_flow`] with options and another way to talk to the user, who is told [`Message::EnterCode`].
///
/// Of the options those count that say where the record is kept, what it is for, and whether the user is always asked. How long the user
/// may take is the server's to say.
///
/// # Errors
///
/// [`LoginError::Flow`] with [`Denied`](Error::Denied) if the user said no, with
/// [`NotInTime`](grantflow_core::NotAuthorized::NotInTime) if nobody did anything, with [`InvalidInput`](Error::InvalidInput) if the client
/// has no device authorization endpoint, or with what else ended the flow; [`LoginError::OtherRecord`] if the store has one place and
/// another client, or another account, is in it. What was stored is still there then.
pub fn device_flow_with<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    transport: impl Transport + 'static,
    options: &LoginOptions,
    prompt: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    let scopes = scopes.try_into().map_err(Into::into)?;
    stored_or(
        |login, key, old| login.show(key, old),
        client,
        scopes,
        store,
        transport,
        options,
        prompt,
    )
}

impl Login<'_> {
    /// Shows the code, waits for the token and stores it.
    fn show(&self, key: Key, instead_of: Option<Key>) -> Result<Key, LoginError> {
        let host = TransportHost::new(self.transport);
        let mut request = DeviceAuthorizationRequest::new(self.client).scopes(key.scopes().clone());
        if !key.resource().is_empty() {
            request = request.resource(key.resource());
        }
        let grant = run(request.flow(), &host)?;
        self.prompt.say(&Message::EnterCode(&grant));
        let token = run(grant.poll(), &host);
        if let Err(Error::Denied(refusal)) = &token {
            self.prompt.say(&Message::Refused(refusal));
        }
        self.keep(token?, "device_code", key, instead_of)
    }
}

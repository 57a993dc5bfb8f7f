//! The login of an installed application: the receiver of `grantflow-loopback` with the transport of `grantflow-ureq`.

use grantflow_core::{Client, Error, Scopes, ServerMetadata, Store, TransportHost, blocking, flow};
use grantflow_loopback::{LoginError, LoginOptions, Prompt};
use grantflow_ureq::UreqTransport;

/// Gives the stored credentials of `client` for `scopes` if they serve; else asks the user in a browser and stores what is
/// granted.
///
/// The conversation goes to the terminal; [`run_flow_with`] takes another prompt and options.
///
/// # Errors
///
/// Why there are no credentials: see [`loopback::run_flow_with`](crate::loopback::run_flow_with).
///
/// # Example
///
/// ```no_run
/// use grantflow::prelude::*;
///
/// let client = grantflow::client_from_file("client_secrets.json")?;
/// let scopes = ["https://www.googleapis.com/auth/calendar"];
/// let credentials = grantflow::run_flow(&client, scopes, FileStore::new("credentials.json"))?;
/// let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?; // a ureq::Agent like any other
/// let events = agent.get("https://www.googleapis.com/calendar/v3/calendars/primary/events").call()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_flow<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
) -> Result<blocking::Credentials, LoginError> {
    grantflow_loopback::run_flow(client, scopes, store, UreqTransport::new()?)
}

/// [`run_flow`] with options and another way to talk to the user.
///
/// # Errors
///
/// See [`loopback::run_flow_with`](crate::loopback::run_flow_with).
pub fn run_flow_with<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    options: &LoginOptions,
    prompt: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    grantflow_loopback::run_flow_with(client, scopes, store, UreqTransport::new()?, options, prompt)
}

/// Gives the stored credentials of `client` for `scopes` if they serve; else shows a code at the terminal, which the user enters in a
/// browser of any other device, and stores what is granted ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)).
///
/// [`device_flow_with`] takes another prompt and options; in an async program, show the
/// [`DeviceGrant`](crate::DeviceGrant) of a [`DeviceAuthorizationRequest`](crate::DeviceAuthorizationRequest), and drive its `poll`.
///
/// # Errors
///
/// Why there are no credentials: see [`loopback::device_flow_with`](crate::loopback::device_flow_with).
///
/// # Example
///
/// ```no_run
/// use grantflow::prelude::*;
///
/// let client = grantflow::discover("https://server.example.com")?.client("television");
/// let credentials = grantflow::device_flow(&client, "openid", FileStore::new("credentials.json"))?;
/// # let _ = credentials;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn device_flow<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
) -> Result<blocking::Credentials, LoginError> {
    grantflow_loopback::device_flow(client, scopes, store, UreqTransport::new()?)
}

/// [`device_flow`] with options and another way to talk to the user.
///
/// # Errors
///
/// See [`loopback::device_flow_with`](crate::loopback::device_flow_with).
pub fn device_flow_with<S: TryInto<Scopes, Error: Into<Error>>>(
    client: &Client,
    scopes: S,
    store: impl Store + 'static,
    options: &LoginOptions,
    prompt: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    grantflow_loopback::device_flow_with(client, scopes, store, UreqTransport::new()?, options, prompt)
}

/// The metadata of an authorization server by its name; `http` is taken on a loopback literal only.
///
/// # Errors
///
/// [`Error::InvalidInput`] for what is no name of a server; the transport's, or the server's.
pub fn discover(issuer: &str) -> Result<ServerMetadata, Error> {
    let issuer = grantflow_core::Issuer::allow_http_for_loopback(issuer)?;
    grantflow_core::run(
        flow::discover(&issuer),
        &TransportHost::new(&UreqTransport::new()?),
    )
}

//! Logins on a device without a browser: a code to show ([RFC 8628 section 3.1], [section 3.2]).
//!
//! ```text
//! DeviceAuthorizationRequest ──to_http──▶ … ──parse──▶ DeviceGrant ──poll──▶ Token
//!                                                          └─ shown: go to this address, enter this code
//! ```
//!
//! [RFC 8628 section 3.1]: https://www.rfc-editor.org/rfc/rfc8628#section-3.1
//! [section 3.2]: https://www.rfc-editor.org/rfc/rfc8628#section-3.2

use std::fmt;
use std::time::Duration;

use super::members::{Member, Members, text};
use super::{object, refusal, scope_text, send, token_reply};
use crate::error::ReplyProblem;
use crate::form::Form;
use crate::{Client, Cx, Endpoint, Error, Request, Response, Scopes, Secret, Step, Timestamp};

/// A request for a code that the user enters at another device, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Client, Cx, DeviceAuthorizationRequest, Endpoint, Now, Scopes};
///
/// let client = Client::new("1406020730", Endpoint::new("https://server.example.com/token")?)
///     .with_device_authorization_endpoint(Endpoint::new("https://server.example.com/device_authorization")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
///
/// let request = DeviceAuthorizationRequest::new(&client).scopes(Scopes::parse("example_scope")?);
/// let _to_send = request.to_http(&mut cx)?;
///
/// let reply = http::Response::builder().header("content-type", "application/json").body(Body::from(
///     r#"{"device_code":"GmRh","user_code":"WDJB-MJHT","verification_uri":"https://example.com/device","expires_in":1800}"#,
/// ))?;
/// let grant = request.parse(&reply, &cx)?;
/// println!("Go to {} and enter {}", grant.verification_uri(), grant.user_code());
/// let _token_to_come = grant.poll();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeviceAuthorizationRequest {
    client: Client,
    scopes: Scopes,
    resources: Vec<String>,
}

impl DeviceAuthorizationRequest {
    /// Asks for a code for `client` ([RFC 8628 section 3.1]).
    ///
    /// [RFC 8628 section 3.1]: https://www.rfc-editor.org/rfc/rfc8628#section-3.1
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            scopes: Scopes::none(),
            resources: Vec::new(),
        }
    }

    /// Asks for these scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Names a resource that the token is for; may be called again for another ([RFC 8707 section 2]).
    ///
    /// [RFC 8707 section 2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no device authorization endpoint, or its secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) answers.
    /// [`Error::InvalidInput`] too if the client authenticates by a certificate, and `cx` has none or the endpoint no TLS;
    /// [`Error::Profile`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        self.client.check_profile()?;
        self.client.check_grant(false)?;
        let endpoint = self.client.device_authorization_endpoint()?;
        let mut form = Form::default();
        let authorization = self
            .client
            .authentication()
            .apply(&self.client, endpoint, &mut form, cx)?;
        if !self.scopes.is_empty() {
            form.push("scope", &scope_text(&self.client, &self.scopes));
        }
        for resource in &self.resources {
            form.push("resource", resource);
        }
        // No standard has it here; without it a login that has to be of a kind could only be so by chance.
        if !self.client.acr_values().is_empty() {
            form.push("acr_values", &self.client.acr_values().join(" "));
        }
        form.post(endpoint, authorization)
    }

    /// Reads the reply; `cx` turns `expires_in` into a time ([RFC 8628 section 3.2]).
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply made no sense: an address that is not https, unless
    /// the endpoint itself is on loopback or `localhost` and the address too, or a code with a control character, is not to be shown to anybody.
    ///
    /// [RFC 8628 section 3.2]: https://www.rfc-editor.org/rfc/rfc8628#section-3.2
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<DeviceGrant, Error> {
        let members = object(reply, cx)?;
        self.read(&members, cx)
            .map_err(|problem| refusal::bad(reply, problem, cx))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<DeviceGrant> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }

    fn read(&self, members: &Members<'_>, cx: &Cx<'_>) -> Result<DeviceGrant, ReplyProblem> {
        let required = |name| text(members.other(name), name)?.ok_or(ReplyProblem::Missing(name));
        let user_code = required("user_code")?;
        // Nobody can enter it, and it would steer the terminal that it is shown on (threat T26).
        if user_code.contains(char::is_control) {
            return Err(ReplyProblem::Invalid("user_code"));
        }
        let lifetime = token_reply::lifetime(members)?.unwrap_or(USUAL_LIFETIME);
        Ok(DeviceGrant {
            client: self.client.clone(),
            scopes: self.scopes.clone(),
            resources: self.resources.clone(),
            device_code: Secret::new(required("device_code")?),
            user_code: Secret::new(user_code),
            verification_uri: self.verification_uri(members)?,
            // Only a convenience: one that cannot be used is left out.
            verification_uri_complete: text(members.other(COMPLETE), COMPLETE)
                .ok()
                .flatten()
                .filter(|address| self.can_be_shown(address))
                .map(Secret::new),
            lifetime,
            expires_at: cx.wall().plus(lifetime),
            ends: cx.now().boot.saturating_add(lifetime),
            interval: interval(members.other("interval")).unwrap_or(USUAL_INTERVAL),
        })
    }

    /// Google's name for it is `verification_url` (quirk 51).
    fn verification_uri(&self, members: &Members<'_>) -> Result<String, ReplyProblem> {
        let of = |name| Ok(text(members.other(name), name)?.map(|address| (name, address)));
        let found =
            of("verification_uri")?.map_or_else(|| of("verification_url"), |found| Ok(Some(found)))?;
        let (name, address) = found.ok_or(ReplyProblem::Missing("verification_uri"))?;
        if !self.can_be_shown(&address) {
            return Err(ReplyProblem::Invalid(name));
        }
        Ok(address.into_owned())
    }

    /// An address that a user may be sent to: a page that nobody on the way can change, and no text that hides what it is.
    fn can_be_shown(&self, address: &str) -> bool {
        can_be_shown(&self.client, address)
    }
}

/// The same for a client, whose server said so.
pub(super) fn can_be_shown(client: &Client, address: &str) -> bool {
    let (page, part) = address.split_once('#').unwrap_or((address, ""));
    let asked = client.device_authorization_endpoint();
    let page = Endpoint::named_by(page, asked.map_or("", Endpoint::as_str));
    page.is_ok() && part.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A login that waits for the user at another device: what to show, and how long.
///
/// The application shows [`user_code`](Self::user_code) and [`verification_uri`](Self::verification_uri), and waits with
/// [`poll`](Self::poll). `Debug` prints neither code.
///
/// Where the wait outlives the process, [`expose_json`](Self::expose_json) and [`from_json`](Self::from_json) keep it.
#[must_use = "a code is shown to the user, and then polled for"]
pub struct DeviceGrant {
    pub(crate) client: Client,
    pub(crate) scopes: Scopes,
    pub(crate) resources: Vec<String>,
    pub(crate) device_code: Secret,
    pub(super) user_code: Secret,
    pub(super) verification_uri: String,
    pub(super) verification_uri_complete: Option<Secret>,
    pub(super) lifetime: Duration,
    pub(super) expires_at: Timestamp,
    /// The end in time since boot, which nobody sets.
    pub(crate) ends: Duration,
    pub(crate) interval: Duration,
}

impl DeviceGrant {
    /// The code that the token is asked for with, for those who poll by themselves with
    /// [`TokenRequest::device_code`](crate::TokenRequest::device_code). It is not to be shown: who has it gets the token.
    #[must_use]
    pub fn device_code(&self) -> &Secret {
        &self.device_code
    }

    /// The resources that the token was asked for, to be named in each [`TokenRequest`](crate::TokenRequest) too
    /// ([RFC 8707 section 2.2]).
    ///
    /// [RFC 8707 section 2.2]: https://www.rfc-editor.org/rfc/rfc8707#section-2.2
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The code that the user enters. It is the server's text, without control characters; what a terminal is not to show else is the
    /// terminal's matter.
    #[must_use]
    pub fn user_code(&self) -> &str {
        self.user_code.expose()
    }

    /// Where the user enters it: `https`, or `http` on this machine if the server is asked so too, in visible ASCII.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        &self.verification_uri
    }

    /// The same address with the code in it, where the server has one: to be shown as a QR code ([RFC 8628 section 3.3.1]), beside the
    /// code and not instead of it, since the user is to compare it.
    ///
    /// [RFC 8628 section 3.3.1]: https://www.rfc-editor.org/rfc/rfc8628#section-3.3.1
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.verification_uri_complete.as_ref().map(Secret::expose)
    }

    /// The host of [`verification_uri`](Self::verification_uri), with its port if it has one: what a user can tell a server by.
    #[must_use]
    pub fn verification_host(&self) -> &str {
        let (_, rest) = self.verification_uri.split_once("://").unwrap_or_default();
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// How long the codes live, from the reply on; half an hour where the server did not say.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// When the codes end.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long [`poll`](Self::poll) waits before each request, to begin with.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The scopes that were asked for.
    #[must_use]
    pub fn requested_scopes(&self) -> &Scopes {
        &self.scopes
    }
}

impl fmt::Debug for DeviceGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceGrant")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// The `interval` that a reply names, such as GitHub's to `slow_down` (quirk 54).
pub(crate) fn named_interval(reply: &Response) -> Option<Duration> {
    let mut members = Members::default();
    members.read(reply.body().as_bytes()).ok()?;
    interval(members.other("interval"))
}

/// `None` where it is absent, null, zero or no number (quirk 52): to poll at once and for ever is what no server wants.
pub(super) fn interval(member: Member<'_>) -> Option<Duration> {
    let interval = token_reply::seconds(member?)?;
    (!interval.is_zero()).then(|| interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL))
}

const COMPLETE: &str = "verification_uri_complete";
/// RFC 8628 section 3.5: "If no value is provided, clients MUST use 5 as the default".
pub(super) const USUAL_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// A server that says more counts in something else than seconds, and its code would end before the first request (threat T53).
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);
/// That of the example of RFC 8628 section 3.2, which wants the member always.
pub(super) const USUAL_LIFETIME: Duration = Duration::from_secs(1800);

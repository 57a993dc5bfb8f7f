//! Pushed authorization requests ([RFC 9126]): what is asked for goes from server to server, and the browser carries a reference.
//!
//! ```text
//! AuthorizationRequest ──push──▶ (PushedAuthorizationRequest, PendingAuthorization)
//!                                        │ POST, authenticated
//!                                        └─▶ 201, request_uri ──▶ AuthorizationUrl: client_id and request_uri alone
//! ```
//!
//! [RFC 9126]: https://www.rfc-editor.org/rfc/rfc9126

use std::fmt;

use super::members::text;
use super::{another_proof, object, refusal, token_reply};
use crate::authorization::AuthorizationUrl;
use crate::error::ReplyProblem;
use crate::form::Form;
use crate::token::PROOF;
use crate::{Client, Cx, Error, Next, Proven, Request, Response, Secret, Step, TransportError};

/// A request for authorization on its way to the server, and how to read the reply.
///
/// [`AuthorizationRequest::push`](crate::AuthorizationRequest::push) makes one.
///
/// # Example
///
/// ```
/// # use grantflow_core::{Body, Cx, Now};
/// # let mut n = 0;
/// # let mut fill = |bytes: &mut [u8]| { n += 1; bytes.fill(n); Ok(()) };
/// # let mut cx = Cx::new(Now::default(), &mut fill);
/// use grantflow_core::{AuthorizationRequest, Client, Endpoint};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_authorization_endpoint(Endpoint::new("https://server.example.com/authorize")?)
///     .with_pushed_authorization_request_endpoint(Endpoint::new("https://server.example.com/par")?);
/// let (pushed, pending) = AuthorizationRequest::new(&client, "https://client.example.org/cb").push(&mut cx)?;
/// let _to_send = pushed.to_http(&mut cx)?;
///
/// let reply = http::Response::builder()
///     .status(201)
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc","expires_in":60}"#))?;
/// assert_eq!(
///     pushed.parse(&reply, &cx)?.as_str(),
///     "https://server.example.com/authorize?client_id=s6BhdRkqt3&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc",
/// );
/// # let _ = pending;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PushedAuthorizationRequest {
    client: Client,
    /// All parameters but `client_id`, form-encoded: the state is among them.
    parameters: Secret,
}

impl PushedAuthorizationRequest {
    pub(crate) fn new(client: &Client, parameters: Secret) -> Self {
        let client = client.clone();
        Self { client, parameters }
    }

    /// The request on the wire ([RFC 9126 section 2.1]): the client authenticates as at the token endpoint, and proves the key that its
    /// tokens are bound to, where they are ([RFC 9449 section 10.1]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no endpoint for it, or its secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) and
    /// [`TokenConstraint::prove`](crate::TokenConstraint::prove) answer. [`Error::InvalidInput`] too if the client authenticates by a
    /// certificate, and `cx` has none or the endpoint no TLS; [`Error::Profile`].
    ///
    /// [RFC 9126 section 2.1]: https://www.rfc-editor.org/rfc/rfc9126#section-2.1
    /// [RFC 9449 section 10.1]: https://www.rfc-editor.org/rfc/rfc9449#section-10.1
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        let endpoint = self.client.pushed_authorization_request_endpoint()?;
        let mut proof = Form::default();
        let authorization = self
            .client
            .authentication()
            .apply(&self.client, endpoint, &mut proof, cx)?;
        if !proof.has("client_id") {
            // As a parameter of the authorization request it is required, however the client authenticates.
            proof.push("client_id", self.client.id());
        }
        // What is pushed has the provider's names already.
        let form = Form::encoded(self.parameters.expose()).and(&proof.renamed(self.client.quirks()));
        let mut request = form.post(endpoint, authorization)?;
        if let Some(constraint) = self.client.token_constraint() {
            let to = Proven::request(request.method(), request.uri());
            if let Some(proof) = constraint.prove(&to, cx)? {
                request.headers_mut().insert(PROOF, proof);
            }
        }
        Ok(request)
    }

    /// Reads the reply: the address to open, which has to be opened before
    /// [`AuthorizationUrl::expires_at`] ([RFC 9126 section 2.2]).
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply made no sense.
    ///
    /// [RFC 9126 section 2.2]: https://www.rfc-editor.org/rfc/rfc9126#section-2.2
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<AuthorizationUrl, Error> {
        let members = object(reply, cx)?;
        let bad = |problem| refusal::bad(reply, problem, cx);
        let request_uri = text(members.other("request_uri"), "request_uri").map_err(bad)?;
        let request_uri = request_uri.ok_or_else(|| bad(ReplyProblem::Missing("request_uri")))?;
        let fits = request_uri.len() <= LONGEST && request_uri.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(bad(ReplyProblem::Invalid("request_uri")));
        }
        let lifetime = token_reply::lifetime(&members).map_err(bad)?;
        let expires_at = lifetime.map(|lifetime| cx.wall().plus(lifetime));
        AuthorizationUrl::standing_for(&self.client, ("request_uri", &request_uri), expires_at)
    }

    /// Whether a reply, which was read so, asks for the same request with another proof ([RFC 9449 section 8]), as
    /// [`to_http`](Self::to_http) makes one; [`flow`](Self::flow) does so by itself. Ask for each reply, and send once more at most.
    ///
    /// [RFC 9449 section 8]: https://www.rfc-editor.org/rfc/rfc9449#section-8
    pub fn is_worth_another_proof(&self, reply: &Response, read: &Result<AuthorizationUrl, Error>) -> bool {
        let endpoint = self.client.pushed_authorization_request_endpoint();
        endpoint.is_ok_and(|endpoint| another_proof(&self.client, endpoint, reply, read))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<AuthorizationUrl> {
        Step::begin(move |cx| self.send(true, cx))
    }

    /// A reply that asks for another proof gets one, once.
    fn send(self, again: bool, cx: &mut Cx<'_>) -> Result<Step<AuthorizationUrl>, Error> {
        let request = self.to_http(cx)?;
        let read = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            let read = self.parse(&reply, cx);
            if self.is_worth_another_proof(&reply, &read) && again {
                return self.send(false, cx);
            }
            Ok(Step::Done(read?))
        };
        Ok(Step::Send(request, Next::new(read)))
    }
}

/// Prints no parameter: a hint names a person.
impl fmt::Debug for PushedAuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushedAuthorizationRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Longer than any that is known; it goes into an address.
const LONGEST: usize = 2048;

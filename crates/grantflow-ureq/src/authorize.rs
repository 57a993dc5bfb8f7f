//! Credentials on a ureq agent: the header for allowed origins, one refresh and one replay on 401.
//!
//! ```text
//! request ─▶ allowed origin? ─no──▶ sent as it is
//!               │ yes
//!               ▼
//!            header ─▶ send ─▶ 401? ─no─▶ reply
//!               ▲               │ yes
//!               └── replayable ─┴─ refreshed by its rejected token; else the 401
//! ```
//!
//! A token that is bound to a client certificate goes only where the agent shows that. One that is bound to a key goes with a proof; an
//! API that asks for another proof gets one, if the request can be sent again.

use std::io::Read;

use grantflow_core::blocking::{ApiCall, Credentials};
use grantflow_core::error::InvalidInput;
use grantflow_core::native::never_by_proxy;
use grantflow_core::{Body, CertificateThumbprint, Error, Heard};
use ureq::config::{Config, RedirectAuthHeaders};
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, header, request};
use ureq::middleware::MiddlewareNext;
use ureq::{Agent, AsSendBody, SendBody};

use crate::certificate::shown_by;

/// Credentials that can authorize ureq.
pub trait Authorize {
    /// An agent like any other, that adds the `Authorization` header to requests for the allowed origins and to no others.
    ///
    /// It sends through `agent`, with its connections, cookies and middleware, and copies its settings. On 401 the token is
    /// refreshed, and a request without a body is sent again, once; for bodies see [`Middleware::replay_bodies`]. A 401 that
    /// asks for another login of the user ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3)) costs neither, unless the
    /// request has settings of its own and errors for statuses, which hide what is asked for. A redirect is
    /// followed as `agent` is set to, without the header; what
    /// [belongs to it](Credentials::api_headers), such as the name of a project, is no secret and stays, as does the proof of a
    /// bound token, which is for the first address alone. A token for a loopback origin goes by no proxy, whatever `agent` has. Why no
    /// header can be had comes as [`ureq::Error::Other`] that holds
    /// the [`Error`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if `agent` carries authorization over redirects; [`Error::NoOrigins`] if the credentials
    /// know no origin at all, or why that cannot be told ([`Credentials::origins`]).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(credentials: grantflow_core::blocking::Credentials) -> Result<(), Box<dyn std::error::Error>> {
    /// use grantflow_ureq::Authorize;
    ///
    /// let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?;
    /// let events = agent.get("https://www.googleapis.com/calendar/v3/calendars/primary/events").call()?;
    /// # Ok(())
    /// # }
    /// ```
    fn authorize(&self, agent: &Agent) -> Result<Agent, Error>;

    /// The same as a value for a configuration of one's own.
    ///
    /// # Errors
    ///
    /// As [`authorize`](Self::authorize).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(credentials: grantflow_core::blocking::Credentials) -> Result<(), grantflow_core::Error> {
    /// use grantflow_ureq::Authorize;
    /// use ureq::Agent;
    ///
    /// let middleware = credentials.middleware(&Agent::new_with_defaults())?.replay_bodies(64 * 1024);
    /// let agent: Agent = Agent::config_builder().middleware(middleware).build().into();
    /// # Ok(())
    /// # }
    /// ```
    fn middleware(&self, agent: &Agent) -> Result<Middleware, Error>;
}

impl Authorize for Credentials {
    fn authorize(&self, agent: &Agent) -> Result<Agent, Error> {
        Ok(self.middleware(agent)?.agent())
    }

    fn middleware(&self, agent: &Agent) -> Result<Middleware, Error> {
        if agent.config().redirect_auth_headers() != RedirectAuthHeaders::Never {
            let problem = "carries authorization over redirects";
            return Err(InvalidInput::new("agent", problem).into());
        }
        if self.origins()?.is_empty() {
            return Err(Error::NoOrigins);
        }
        Ok(Middleware {
            credentials: self.clone(),
            inner: agent.clone(),
            shown: shown_by(agent),
            replay: None,
        })
    }
}

/// Adds the header of credentials to requests, and sends them through an agent of its own.
///
/// It is the end of a chain: what comes after it in a configuration is not run, since ureq lets a middleware go on only once
/// and a refused request is sent twice.
#[derive(Clone, Debug)]
#[must_use = "a middleware does nothing until an agent has it"]
pub struct Middleware {
    credentials: Credentials,
    inner: Agent,
    /// What connections of the agent show.
    shown: Option<CertificateThumbprint>,
    replay: Option<usize>,
}

impl Middleware {
    /// Keeps bodies of at most `limit` bytes in memory, so that they too can be sent again after a 401. A larger body goes out
    /// chunked then, whatever its length was told to be, and is not sent again.
    pub fn replay_bodies(mut self, limit: usize) -> Self {
        self.replay = Some(limit);
        self
    }

    /// An agent with this middleware and the settings of the agent that it sends through.
    #[must_use]
    pub fn agent(self) -> Agent {
        let like = self.inner.config();
        let timeouts = like.timeouts();
        let config = Config::builder()
            .http_status_as_error(like.http_status_as_error())
            .https_only(like.https_only())
            .ip_family(like.ip_family())
            .tls_config(like.tls_config().clone())
            .proxy(like.proxy().cloned())
            .no_delay(like.no_delay())
            .max_redirects(like.max_redirects())
            .max_redirects_will_error(like.max_redirects_will_error())
            .save_redirect_history(like.save_redirect_history())
            .user_agent(like.user_agent().clone())
            .accept(like.accept().clone())
            .accept_encoding(like.accept_encoding().clone())
            .timeout_per_read(like.timeout_per_read())
            .timeout_per_write(like.timeout_per_write())
            .timeout_global(timeouts.global)
            .timeout_per_call(timeouts.per_call)
            .timeout_resolve(timeouts.resolve)
            .timeout_connect(timeouts.connect)
            .timeout_send_request(timeouts.send_request)
            .timeout_await_100(timeouts.await_100)
            .timeout_send_body(timeouts.send_body)
            .timeout_recv_response(timeouts.recv_response)
            .timeout_recv_body(timeouts.recv_body)
            .max_response_header_size(like.max_response_header_size())
            .input_buffer_size(like.input_buffer_size())
            .output_buffer_size(like.output_buffer_size())
            .max_idle_connections(like.max_idle_connections())
            .max_idle_connections_per_host(like.max_idle_connections_per_host())
            .max_idle_age(like.max_idle_age())
            .allow_non_standard_methods(like.allow_non_standard_methods());
        config.middleware(self).build().into()
    }

    /// Sends once.
    fn send(
        &self,
        call: &ApiCall,
        parts: &request::Parts,
        body: impl AsSendBody,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = Request::from_parts(parts.clone(), body);
        call.put_on(request.headers_mut()).map_err(other)?;
        let direct = self.inner.config().proxy().is_some() && never_by_proxy(request.uri());
        let is_known = call.header_name() == header::AUTHORIZATION;
        if is_known && !direct {
            return self.inner.run(request);
        }
        let mut config = self.inner.configure_request(request);
        if direct {
            config = config.proxy(None);
        }
        if !is_known {
            // Redirects drop the header that they know, and this one they do not.
            config = config.max_redirects(0).max_redirects_will_error(false);
        }
        self.inner.run(config.build())
    }

    /// Sends what can be sent again, as often as its replies are worth it.
    fn send_again(
        &self,
        call: &mut ApiCall,
        parts: &request::Parts,
        body: impl AsSendBody + Copy,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        loop {
            let reply = self.send(call, parts, body);
            match heard(call, &reply) {
                Heard::Done => return reply,
                Heard::Again => {}
                Heard::Refused if call.renew().map_err(other)? => {}
                Heard::Refused => return reply,
            }
        }
    }

    /// Sends what cannot be sent again; a 401 still has the token refreshed, for the next request.
    fn send_once(
        &self,
        call: &mut ApiCall,
        parts: &request::Parts,
        body: SendBody<'_>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let reply = self.send(call, parts, body);
        if heard(call, &reply) == Heard::Refused {
            // The 401 tells the caller; why no other token can be had, the next request will.
            drop(call.renew());
        }
        reply
    }
}

/// What the reply means, where one came.
fn heard(call: &mut ApiCall, reply: &Result<Response<ureq::Body>, ureq::Error>) -> Heard {
    match reply {
        Ok(reply) => call.heard(reply.status(), reply.headers()),
        Err(ureq::Error::StatusCode(status)) => match StatusCode::from_u16(*status) {
            Ok(status) => call.heard(status, &HeaderMap::new()),
            Err(_) => Heard::Done,
        },
        Err(_) => Heard::Done,
    }
}

impl ureq::middleware::Middleware for Middleware {
    fn handle(
        &self,
        request: Request<SendBody<'_>>,
        _next: MiddlewareNext<'_>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let call = match self.credentials.api_call(request.method(), request.uri()) {
            Ok(call) => call,
            Err(Error::OriginNotAllowed(_)) => return self.inner.run(request),
            Err(error) => return Err(other(error)),
        };
        let call = &mut call.over_certificate(self.shown);
        let (request, is_changed) = self.without_status_as_error(request, call.needs_proof());
        let reply = self.authorized(call, request)?;
        let status = reply.status();
        let is_error = status.is_client_error() || status.is_server_error();
        if is_changed && is_error {
            return Err(ureq::Error::StatusCode(status.as_u16()));
        }
        Ok(reply)
    }
}

impl Middleware {
    /// Has refusals come as replies where the agent makes errors of them: those would hide what the API asks for, a login
    /// ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3)) or another proof. Whether the caller is owed such an error then.
    ///
    /// What a request with settings of its own wants can be set, not read: it keeps them, unless there is a proof to ask for.
    fn without_status_as_error<'a>(
        &self,
        request: Request<SendBody<'a>>,
        needs_proof: bool,
    ) -> (Request<SendBody<'a>>, bool) {
        let is_strict = self.inner.config().http_status_as_error();
        if !is_strict && !needs_proof {
            return (request, false);
        }
        let known = request.extensions().len();
        let request = self.inner.configure_request(request).build();
        let has_own = request.extensions().len() == known;
        if has_own && !needs_proof {
            return (request, false);
        }
        let config = self.inner.configure_request(request);
        (config.http_status_as_error(false).build(), is_strict)
    }

    fn authorized(
        &self,
        call: &mut ApiCall,
        request: Request<SendBody<'_>>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let bare = ![Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        let limit = match self.replay {
            Some(limit) => limit,
            // Whether there is a body shows by reading alone; here there is none but in the rarest case.
            None if bare => 0,
            None => return self.send_once(call, &parts, body),
        };
        let mut rest = body.into_reader();
        let mut start = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut rest).take(most).read_to_end(&mut start);
        let start = Body::from(start);
        read?;
        if start.len() > limit {
            let mut whole = start.as_bytes().chain(rest);
            self.send_once(call, &parts, SendBody::from_reader(&mut whole))
        } else if start.is_empty() && bare {
            self.send_again(call, &parts, ())
        } else {
            self.send_again(call, &parts, start.as_bytes())
        }
    }
}

fn other(error: Error) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

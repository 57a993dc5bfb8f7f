//! The server's thread: connections in, replies out, and the faults that play between the two.
//!
//! ```text
//! request ──▶ fault that spares the server? ──no──▶ carried out ──▶ fault that spoils the reply? ──▶ wait ──▶ reply
//!                        └──yes────────────────────────────────────────────────────────────────────▲
//! ```
//!
//! A request is counted and logged as it is carried out, before any wait: what tests read is what has been committed.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::sync::oneshot;

use crate::dpop;
use crate::fault::{Endpoint, Fault, RetryAfter};
use crate::message::{Content, Inbound, Reply};
use crate::site::{self, Site, Turn};
use crate::state::{Clock, random};
use crate::stats::{LoggedRequest, Stats};
use crate::wire::WireBody;

/// Serves until told to stop; connections that are open then are cut.
pub(crate) async fn serve(listener: TcpListener, site: Arc<Site>, stop: oneshot::Receiver<()>) {
    tokio::spawn(accept(listener, site));
    // An error means that the handle is gone, which is a reason to stop as well.
    _ = stop.await;
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will be closed soon.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        _ = stream.set_nodelay(true);
        let connection = {
            let mut state = site.state();
            state.stats.connections += 1;
            state.stats.connections
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&site), connection, request));
            // The error of a connection is its client's business, or the fault that was asked for.
            _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    site: Arc<Site>,
    connection: u64,
    request: Request<Incoming>,
) -> Result<Response<WireBody>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(wire(Reply::json(413, &json!({ "error": "body_too_large" }))));
    };
    let body = body.to_bytes().into();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let inbound = Inbound::new(parts.method.to_string(), path, query, parts.headers, body);
    if let Some(reply) = site::observe(&site, &inbound.path) {
        return Ok(wire(reply));
    }
    let fault = take_fault(&site, &inbound);
    site.changed.notify_all();
    if let Some(Fault::DelayBeforeCommit(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    // Made before anybody can see that the reply is held, so that no release is missed.
    let released = site.released.notified();
    let (reply, wait) = carry_out(&site, &inbound, connection, fault);
    site.changed.notify_all();
    match wait {
        Wait::For(Duration::ZERO) => {}
        Wait::For(delay) => tokio::time::sleep(delay).await,
        Wait::UntilReleased => released.await,
    }
    reply.map(wire).ok_or(Dropped)
}

/// What keeps a reply back.
enum Wait {
    For(Duration),
    UntilReleased,
}

/// The connection is to be closed without a reply.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

fn take_fault(site: &Site, inbound: &Inbound) -> Option<Fault> {
    let endpoint = site::endpoint(inbound)?;
    let mut state = site.state();
    let mut fault = state.faults.take(endpoint);
    if fault.is_none() && matches!(endpoint, Endpoint::Refresh | Endpoint::Poll) {
        fault = state.faults.take(Endpoint::Token);
    }
    state.stats.faults += u64::from(fault.is_some());
    fault
}

/// Does what was asked, unless a fault comes first. No reply means a dropped connection.
fn carry_out(site: &Site, inbound: &Inbound, connection: u64, fault: Option<Fault>) -> (Option<Reply>, Wait) {
    let endpoint = site::endpoint(inbound);
    let mut state = site.state();
    let mut note = note(inbound, connection, state.clock.since_start());
    count(&mut state.stats, endpoint);
    note.fault = fault.as_ref().map(Fault::to_string);
    let spared = fault.as_ref().filter(|fault| {
        let later = endpoint == Some(Endpoint::Authorization) && fault.is_in_authorization_response();
        fault.spares_the_server() && !later
    });
    let reply = if let Some(fault) = spared {
        if let Fault::Error(code) = fault {
            note.error = Some(code.clone());
        }
        instead(fault, endpoint, &state.clock)
    } else {
        let mut turn = Turn {
            config: &site.config,
            issuer: &site.issuer,
            port: site.port,
            request: inbound,
            state: &mut state,
            note: &mut note,
            fault: fault.clone(),
            jkt: None,
            details: Vec::new(),
        };
        spoil(fault.as_ref(), site::route(&mut turn))
    };
    note.status = reply.as_ref().map(|reply| reply.status);
    if endpoint == Some(Endpoint::Api) && note.status == Some(401) {
        state.stats.api_unauthorized += 1;
    }
    let is_token = matches!(
        endpoint,
        Some(Endpoint::Token | Endpoint::Refresh | Endpoint::Poll)
    );
    let delay = if is_token { state.delay } else { Duration::ZERO };
    let wait = match fault {
        Some(Fault::Delay(more)) => Wait::For(delay.saturating_add(more)),
        Some(Fault::Hold) => {
            state.stats.held += 1;
            Wait::UntilReleased
        }
        _ => Wait::For(delay),
    };
    state.record(note);
    (reply, wait)
}

fn note(inbound: &Inbound, connection: u64, at: Duration) -> LoggedRequest {
    let mut headers: Vec<String> = inbound
        .headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .collect();
    headers.sort_unstable();
    let names = inbound.query.names().chain(inbound.form.names());
    let harmless = names.map(|name| if is_harmless(name) { name } else { "(other)" });
    let mut parameters: Vec<String> = harmless.map(str::to_owned).collect();
    parameters.sort_unstable();
    let parameter = |name| {
        inbound
            .form
            .value(name)
            .or_else(|| inbound.query.value(name))
            .map(str::to_owned)
    };
    LoggedRequest {
        at,
        connection,
        method: inbound.method.clone(),
        path: inbound.path.clone(),
        grant_type: parameter("grant_type"),
        client_id: parameter("client_id"),
        headers,
        parameters,
        body_length: inbound.body.len() as u64,
        ..LoggedRequest::default()
    }
}

/// Whether a parameter's name may be logged: a body that is no form at all is one long name, secrets included.
fn is_harmless(name: &str) -> bool {
    name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn count(stats: &mut Stats, endpoint: Option<Endpoint>) {
    stats.requests += 1;
    match endpoint {
        Some(Endpoint::Authorization) => stats.authorization_requests += 1,
        Some(Endpoint::Token | Endpoint::Refresh | Endpoint::Poll) => stats.token_requests += 1,
        Some(Endpoint::Metadata) => stats.metadata_requests += 1,
        Some(Endpoint::Api) => stats.api_requests += 1,
        Some(Endpoint::Keys) => stats.key_requests += 1,
        Some(
            Endpoint::Device | Endpoint::PushedAuthorization | Endpoint::Revocation | Endpoint::Introspection,
        )
        | None => {}
    }
}

/// What a fault answers that spares the server.
fn instead(fault: &Fault, endpoint: Option<Endpoint>, clock: &Clock) -> Option<Reply> {
    let reply = match fault {
        Fault::Status(code) => trouble(*code),
        Fault::TooManyRequests(retry_after) => {
            let reply = trouble(429);
            match retry_after {
                RetryAfter::Seconds(seconds) => reply.header("retry-after", seconds.to_string()),
                RetryAfter::Date(delay) => {
                    reply.header("retry-after", http_date(clock.now().saturating_add(*delay)))
                }
                RetryAfter::Unstated => reply,
            }
        }
        Fault::Error(code) if endpoint == Some(Endpoint::Api) => {
            let status = if code == "insufficient_scope" { 403 } else { 401 };
            let challenge = format!("Bearer realm=\"grantflow-testserver\", error=\"{code}\"");
            Reply::oauth_error(status, code, "a fault that was asked for")
                .header("www-authenticate", challenge)
        }
        Fault::Error(code) => {
            let status = if code == "invalid_client" { 401 } else { 400 };
            Reply::oauth_error(status, code, "a fault that was asked for")
        }
        Fault::Unavailable(seconds) => trouble(503).header("retry-after", seconds.to_string()),
        Fault::SlowDown(seconds) => {
            Reply::json(400, &json!({ "error": "slow_down", "interval": seconds })).no_store()
        }
        Fault::NewNonce => dpop::asks_for(endpoint, &random("nonce-"), "DPoP"),
        Fault::Redirect => Reply::new(307).header("location", "/elsewhere"),
        _ => return None,
    };
    Some(reply)
}

/// What a fault makes of the reply to a request that was carried out.
fn spoil(fault: Option<&Fault>, mut reply: Reply) -> Option<Reply> {
    match fault {
        Some(Fault::DropAfterCommit) => return None,
        Some(Fault::StatusAfterCommit(code)) => return Some(trouble(*code)),
        Some(Fault::PendingAs200) if reply.status == 400 => reply.status = 200,
        Some(Fault::Html) => return Some(trouble(200)),
        Some(Fault::Empty) => reply.body = Content::Bytes(Vec::new()),
        Some(Fault::Malformed) => {
            let mut bytes = reply.take_bytes();
            bytes.truncate(bytes.len() / 2);
            reply.body = Content::Bytes(if bytes.is_empty() { b"{".to_vec() } else { bytes });
        }
        Some(Fault::Truncated) => reply.body = Content::Truncated(reply.take_bytes()),
        Some(Fault::Huge(padding)) => reply.body = Content::Padded(*padding, reply.take_bytes()),
        Some(Fault::Endless) => reply.body = Content::Endless,
        _ => {}
    }
    Some(reply)
}

/// A page as proxies and portals send it.
fn trouble(status: u16) -> Reply {
    Reply::html(
        status,
        format!("<!doctype html><title>{status}</title><p>Something stands between you and the server.\n"),
    )
}

fn http_date(since_1970: Duration) -> String {
    let latest = Duration::from_secs(253_402_300_799); // the end of the year 9999, the last that HTTP can write
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_1970.min(latest))
}

fn wire(reply: Reply) -> Response<WireBody> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(WireBody::from(reply.body)).unwrap_or_else(|_| {
        // A configured redirect URI or error code that fits into no header.
        let mut response = Response::new(WireBody::from(Content::Bytes(Vec::new())));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Larger than any body a test sends to `/api/echo`.
const BODY_LIMIT: usize = 64 << 20;

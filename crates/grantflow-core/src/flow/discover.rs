//! The metadata of a server, wherever it keeps them ([RFC 8414 section 3](https://www.rfc-editor.org/rfc/rfc8414#section-3)).
//!
//! ```text
//! RFC 8414 ─ nothing there ─▶ OpenID before the path ─ nothing there ─▶ OpenID behind the path ─▶ Done
//! ```
//!
//! The order is that of the Model Context Protocol; an issuer without a path has one place of OpenID.

use http::StatusCode;

use crate::error::ReplyProblem;
use crate::exchange::well_known;
use crate::{Cx, Error, Issuer, MetadataRequest, Next, Response, ServerMetadata, Step, TransportError};

/// Asks a server for its metadata: first at the place of RFC 8414, and where nothing is there, at those of OpenID Connect
/// ([RFC 8414 section 5](https://www.rfc-editor.org/rfc/rfc8414#section-5)).
///
/// # Example
///
/// ```
/// use grantflow_core::{Issuer, Step, flow};
///
/// let step = flow::discover(&Issuer::new("https://server.example.com")?);
/// assert!(matches!(step, Step::Begin(_)));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
pub fn discover(issuer: &Issuer) -> Step<ServerMetadata> {
    discover_as(issuer, |request| request)
}

/// The same with requests that ask for more, or less.
pub(crate) fn discover_as(
    issuer: &Issuer,
    request: impl Fn(MetadataRequest) -> MetadataRequest,
) -> Step<ServerMetadata> {
    let has_path = !matches!(well_known::split(issuer.as_str()).1, "" | "/");
    let before_path = has_path.then(|| MetadataRequest::openid_before_path(issuer));
    // The last is asked last.
    let mut places = vec![MetadataRequest::openid(issuer)];
    places.extend(before_path);
    let places = places.into_iter().map(&request).collect();
    ask(request(MetadataRequest::new(issuer)), places)
}

fn ask(request: MetadataRequest, mut otherwise: Vec<MetadataRequest>) -> Step<ServerMetadata> {
    Step::begin(move |cx| {
        let http = request.to_http(cx)?;
        let read = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            match (request.parse(&reply, cx), otherwise.pop()) {
                (Ok(metadata), _) => Ok(Step::Done(metadata)),
                (Err(error), Some(other)) if is_elsewhere(&reply, &error) => Ok(ask(other, otherwise)),
                (Err(error), _) => Err(error),
            }
        };
        Ok(Step::Send(http, Next::new(read)))
    })
}

/// Servers that keep their metadata elsewhere refuse, or answer every address with the same page.
pub(crate) fn is_elsewhere(reply: &Response, error: &Error) -> bool {
    let status = reply.status();
    let is_busy = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    let is_page = matches!(error, Error::BadReply(bad) if bad.problem() == ReplyProblem::MediaType);
    (status.is_client_error() && !is_busy) || is_page
}

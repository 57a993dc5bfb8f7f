//! The metadata of a server, wherever it keeps them ([RFC 8414 section 3](https://www.rfc-editor.org/rfc/rfc8414#section-3)).

use http::StatusCode;

use crate::{Cx, Issuer, MetadataRequest, Next, Response, ServerMetadata, Step, TransportError};

/// Asks a server for its metadata: first at the place of RFC 8414, and where nothing is there, at that of OpenID Connect.
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
    let openid = MetadataRequest::openid(issuer);
    ask(MetadataRequest::new(issuer), Some(openid))
}

fn ask(request: MetadataRequest, otherwise: Option<MetadataRequest>) -> Step<ServerMetadata> {
    Step::begin(move |cx| {
        let http = request.to_http(cx)?;
        let read = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            match otherwise {
                Some(other) if is_elsewhere(reply.status()) => Ok(ask(other, None)),
                _ => Ok(Step::Done(request.parse(&reply, cx)?)),
            }
        };
        Ok(Step::Send(http, Next::new(read)))
    })
}

/// Servers that keep their metadata elsewhere answer in one of these ways.
fn is_elsewhere(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::FORBIDDEN
    )
}

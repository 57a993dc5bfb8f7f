//! One request to a metadata server, and what makes its reply one to believe (threat T42,
//! [the documentation](https://cloud.google.com/compute/docs/metadata/querying-metadata#requirements)).
//!
//! ```text
//! Send ─┬─ lacks `Metadata-Flavor: Google` ─▶ error: a captive portal, or somebody else
//!       ├─ 429, 5xx ─▶ Wait ─▶ Send …
//!       └─ 200 ─▶ Done
//! ```

use std::time::Duration;

use grantflow_core::error::{InvalidInput, ReplyProblem};
use grantflow_core::transport::TimeLimit;
use grantflow_core::{BadReply, Body, Cx, Error, Next, Outcome, Request, Response, Step, TransportError};
use http::{HeaderName, HeaderValue};

use super::address::MetadataAddress;

/// What is asked of a metadata server.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    address: String,
    limit: Option<Duration>,
}

impl Exchange {
    /// Asks for this path, query and all.
    pub(super) fn new(address: &MetadataAddress, path: &str) -> Self {
        Self {
            address: address.url(path),
            limit: None,
        }
    }

    /// The reply has to be there by then.
    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    fn to_http(&self) -> Result<Request, Error> {
        let mut request = http::Request::get(&self.address)
            .header(FLAVOR, GOOGLE)
            .body(Body::empty())
            .map_err(|_| InvalidInput::new("request to a metadata server", "makes no address"))?;
        if let Some(limit) = self.limit {
            request.extensions_mut().insert(TimeLimit(limit));
        }
        Ok(request)
    }

    /// The reply, if it is a metadata server's and a good one.
    pub(super) fn once(&self) -> Result<Step<Response>, Error> {
        let next = |reply: Result<Response, TransportError>, _: &mut Cx<'_>| Ok(Step::Done(checked(reply?)?));
        Ok(Step::Send(self.to_http()?, Next::new(next)))
    }

    /// The same, asked for again while the server is in trouble. Nobody who does not answer is asked again.
    pub(super) fn patiently(self) -> Step<Response> {
        Step::begin(move |_| self.again(&PAUSES))
    }

    fn again(self, pauses: &'static [Duration]) -> Result<Step<Response>, Error> {
        Ok(self
            .once()?
            .then(move |reply, _| match (reply, pauses.split_first()) {
                (Ok(reply), _) => Ok(Step::Done(reply)),
                (Err(Error::BadReply(bad)), Some((pause, pauses))) if is_in_trouble(&bad) => {
                    let next = move |waited: Result<(), _>, _: &mut Cx<'_>| match waited {
                        Ok(()) => self.again(pauses),
                        Err(_) => Err(Error::Cancelled),
                    };
                    Ok(Step::Wait(*pause, Next::new(next)))
                }
                (Err(error), _) => Err(error),
            }))
    }
}

/// Refuses what no metadata server would have said: whoever else is at the address does not know the header.
fn checked(reply: Response) -> Result<Response, BadReply> {
    let bad = |problem| BadReply::new(reply.status(), problem);
    if reply.headers().get(FLAVOR) != Some(&GOOGLE) {
        return Err(bad(ReplyProblem::MissingHeader("Metadata-Flavor: Google")));
    }
    if reply.status().is_redirection() {
        return Err(bad(ReplyProblem::Redirect));
    }
    if !reply.status().is_success() {
        return Err(bad(ReplyProblem::Status));
    }
    Ok(reply)
}

fn is_in_trouble(reply: &BadReply) -> bool {
    let asks_for_patience = Error::from(reply.clone()).outcome() != Outcome::Permanent;
    reply.problem() == ReplyProblem::Status && asks_for_patience
}

const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

/// Between one try and the next.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

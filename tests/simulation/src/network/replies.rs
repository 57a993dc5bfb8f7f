//! What the server and the API answer.

use grantflow_core::{Body, Response};
use http::header;

use super::Aim;
use crate::device::PollVerdict;
use crate::server::{Grant, Verdict};
use crate::world::{SECOND, State};

const CHALLENGE: &str =
    r#"Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#;

impl State {
    /// What the server answers where nothing goes wrong.
    pub(super) fn reply_to(&self, ask: usize) -> Response {
        let ask = &self.ledger.asks[ask];
        let body = match (ask.aim, ask.verdict) {
            _ if ask.wants_proof => r#"{"error":"use_dpop_nonce"}"#.to_owned(),
            (Aim::Device | Aim::Backchannel | Aim::Push | Aim::Introspect | Aim::Described, _) => {
                ask.codes.clone().unwrap_or_default()
            }
            (Aim::Poll, None) => {
                let code = ask.poll.map_or("invalid_grant", PollVerdict::code);
                format!(r#"{{"error":"{code}"}}"#)
            }
            (Aim::Refresh | Aim::Poll | Aim::Source | Aim::Code, Some(Verdict::Granted(grant))) => {
                self.token_reply(grant)
            }
            (Aim::Refresh | Aim::Source | Aim::Code, _) => r#"{"error":"invalid_grant"}"#.to_owned(),
            _ => "{}".to_owned(),
        };
        let mut reply = reply(ask.status.max(100), "application/json", body);
        if let Some(nonce) = self.nonce() {
            let nonce = http::HeaderValue::try_from(nonce).expect("it is a letter and digits");
            reply.headers_mut().insert("dpop-nonce", nonce);
        }
        if ask.aim == Aim::Source {
            let date = http::HeaderValue::try_from(self.server_date()).expect("a date is letters and digits");
            reply.headers_mut().insert(header::DATE, date);
        }
        if ask.aim == Aim::Described && ask.status == 401 {
            let challenge = http::HeaderValue::from_static(CHALLENGE);
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if ask.wants_proof && ask.aim == Aim::Api {
            let challenge = http::HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        reply
    }

    fn token_reply(&self, grant: Grant) -> String {
        let issue = self.server.issue(grant);
        let lifetime = issue.and_then(|issue| {
            let age = self.now.saturating_sub(issue.issued).div_ceil(SECOND);
            Some(issue.lifetime?.saturating_sub(age))
        });
        let of_source = self
            .server
            .family(grant)
            .is_some_and(|family| family.is_of_source);
        let bound = self.scenario.bound && !of_source;
        let token_type = if bound { "DPoP" } else { "Bearer" };
        let mut body = format!(
            r#"{{"token_type":"{token_type}","access_token":"{}""#,
            grant.access_token()
        );
        if let Some(lifetime) = lifetime {
            body.push_str(&format!(r#","expires_in":{lifetime}"#));
        }
        if of_source {
            body.push_str(r#","issued_token_type":"urn:ietf:params:oauth:token-type:access_token""#);
        } else if self.scenario.rotates || grant.number == 0 {
            body.push_str(&format!(r#","refresh_token":"{}""#, grant.refresh_token()));
        }
        body.push('}');
        body
    }
}

pub(super) fn reply(status: u16, media_type: &'static str, body: String) -> Response {
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).expect("the model has three-digit codes only");
    let value = http::HeaderValue::from_static(media_type);
    reply.headers_mut().insert(header::CONTENT_TYPE, value);
    reply
}

pub(super) fn throttled(status: u16, seconds: Option<u64>) -> Response {
    let mut reply = reply(status, "text/plain", "later".to_owned());
    if let Some(seconds) = seconds {
        reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    reply
}

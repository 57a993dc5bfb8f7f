//! The grant of a signed assertion ([RFC 7523 section 2.1]), for any server.
//!
//! ```text
//! sign ─▶ Send(assertion) ─▶ ExpectToken ─┬─ granted ─▶ Done
//!   ▲                                     └─ refused, and the server's clock shows why ──┐
//!   └──────────────── with the server's time, once ──────────────────────────────────────┘
//! ```
//!
//! [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1

use std::time::{Duration, UNIX_EPOCH};

use grantflow_core::error::{ErrorCode, InvalidInput};
use grantflow_core::flow::TokenSource;
use grantflow_core::{
    Authentication, Client, Cx, Error, Key, Next, Response, Scopes, Secret, Step, Timestamp, Token,
    TokenRequest, TransportError,
};
use grantflow_jwt::{ClaimsSet, Header, Signer};
use serde::Serialize;
use serde_json::Value;

use crate::signed::{refused, signed};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An assertion as a grant: who vouches for whom, to which server, for how long.
///
/// It is signed anew for each token. As a [`TokenSource`] it makes [`Credentials`](grantflow_core::Credentials) like any other.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Endpoint, Issuer};
/// use grantflow_jwt::{Algorithm, Signer, SigningKey};
/// use grantflow_oidc::JwtBearer;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?.with_key_id("2026-01");
/// let client = Client::new("reports", Endpoint::new("https://server.example.com/token")?)
///     .with_issuer(Issuer::new("https://server.example.com")?);
/// let source = JwtBearer::new(client, Signer::local(key, Algorithm::EdDsa)?, "reports.read")?.subject("ann");
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtBearer {
    client: Client,
    key: Key,
    signer: Signer,
    issuer: String,
    audience: String,
    subject: String,
    lifetime: Duration,
    backdated: Duration,
    scope_in: ScopeIn,
    claims: Vec<(String, Value)>,
    token_type: bool,
    answered: Answered,
}

/// What the server gives for an assertion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answered {
    AccessToken,
    IdToken,
}

/// Where the scopes of an assertion stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ScopeIn {
    /// In the request, as [RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1) has it.
    Request,
    /// In the claim `scope` of the assertion, as Google has it.
    Assertion,
}

impl JwtBearer {
    /// An assertion that `client` makes of itself for these scopes: `iss` and `sub` are its id, `aud` is the server's issuer, or
    /// its token endpoint where no issuer is known.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn new(
        client: Client,
        signer: Signer,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        let scopes = scopes.try_into().map_err(Into::into)?;
        let key = Key::new(&client, scopes).with_subject(client.id());
        Ok(Self {
            key,
            signer,
            issuer: client.id().to_owned(),
            audience: client.issuer_or_endpoint().to_owned(),
            subject: client.id().to_owned(),
            client,
            lifetime: LIFETIME,
            backdated: Duration::ZERO,
            scope_in: ScopeIn::Request,
            claims: Vec::new(),
            token_type: false,
            answered: Answered::AccessToken,
        })
    }

    /// Vouches for this subject. It is part of the key: one subject's token is never another's.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self.key = self.key.with_subject(&*self.subject);
        self
    }

    /// Says that this one vouches, and not the client. It is part of the key.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self.labelled()
    }

    /// Names the server like this.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// The assertion lives so long; an hour unless said otherwise. The token lives as long as its server says.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Issued so long ago, for servers whose clock is behind; at most five minutes, and none unless said otherwise.
    #[must_use]
    pub fn backdated(mut self, by: Duration) -> Self {
        self.backdated = by.min(LONGEST_BACKDATING);
        self
    }

    /// Puts the scopes there.
    #[must_use]
    pub fn scope_in(mut self, place: ScopeIn) -> Self {
        self.scope_in = place;
        self
    }

    /// Says `typ` in the header too, as oauth2client and google-auth do.
    #[must_use]
    pub fn with_token_type(mut self) -> Self {
        self.token_type = true;
        self
    }

    /// For a server that answers with an ID token alone, as Google's does to the claim `target_audience`: that is then the token
    /// ([`presented`](crate::presented)).
    #[must_use]
    pub fn answered_by_id_token(mut self) -> Self {
        self.answered = Answered::IdToken;
        self
    }

    /// Adds a claim, or replaces one of the same name, as oauth2client's extra claims do. What is claimed makes a difference to
    /// the token, so all added claims are part of the key, in its label.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if JSON cannot write the value.
    pub fn claim(mut self, name: impl Into<String>, value: impl Serialize) -> Result<Self, Error> {
        let (name, value) = (name.into(), serde_json::to_value(value));
        let value = value.map_err(|_| InvalidInput::new("claim", "cannot be written as JSON"))?;
        self.claims.retain(|(known, _)| *known != name);
        self.claims.push((name, value));
        Ok(self.labelled())
    }

    /// What makes a difference to the token and has no part of the key of its own.
    fn labelled(mut self) -> Self {
        let voucher = (self.issuer != self.client.id()).then(|| ("iss", Value::from(&*self.issuer)));
        // A claim that was added comes later, and replaces it here as in the assertion.
        let added = self.claims.iter().map(|(name, value)| (&**name, value.clone()));
        let all = voucher.into_iter().chain(added);
        let texts: Vec<_> = all.map(|(name, value)| (name, value.to_string())).collect();
        let parts = texts.iter().map(|(name, text)| (*name, &**text));
        self.key = if texts.is_empty() {
            self.key.with_label("")
        } else {
            self.key.with_label_parts(parts)
        };
        self
    }

    /// Under another key than the one that all of this makes.
    #[must_use]
    pub fn kept_under(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// The assertion as it is at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::NotSigned`] if the key cannot be used.
    pub fn assertion(&self, now: Timestamp) -> Result<Step<Secret>, Error> {
        signed(&self.signer, &self.header().map_err(refused)?, &self.claims(now)?)
    }

    fn header(&self) -> Result<Header, grantflow_jwt::Error> {
        let header = self.signer.header()?;
        if self.token_type {
            header.typed()
        } else {
            Ok(header)
        }
    }

    /// In the order of oauth2client, so that an assertion of the same time is the same text.
    fn claims(&self, now: Timestamp) -> Result<ClaimsSet, Error> {
        let issued = now.minus(self.backdated).unix_seconds();
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let scope = (self.scope_in == ScopeIn::Assertion).then(|| self.key.scopes().to_string());
        let own = [
            ("aud", Some(Value::from(&*self.audience))),
            ("scope", scope.map(Value::from)),
            ("iat", Some(issued.into())),
            ("exp", Some(issued.saturating_add(lifetime).into())),
            ("iss", Some((&*self.issuer).into())),
            ("sub", (!self.subject.is_empty()).then(|| (&*self.subject).into())),
        ];
        let is_replaced = |name: &str| self.claims.iter().any(|(added, _)| added == name);
        let own = own.iter().filter(|(name, _)| !is_replaced(name));
        let own = own.filter_map(|(name, value)| Some((*name, value.as_ref()?)));
        let added = self.claims.iter().map(|(name, value)| (&**name, value));
        own.chain(added)
            .try_fold(ClaimsSet::new(), |claims, (name, value)| {
                claims.with(name, value).map_err(refused)
            })
    }
}

impl TokenSource for JwtBearer {
    fn token(&self) -> Step<Token> {
        let grant = self.clone();
        Step::begin(move |cx| {
            let now = cx.wall();
            grant.ask(now, Try::First)
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        "jwt_bearer"
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Try {
    First,
    WithAnotherProof,
    WithServersTime,
}

impl JwtBearer {
    fn ask(self, now: Timestamp, which: Try) -> Result<Step<Token>, Error> {
        Ok(self
            .assertion(now)?
            .and_then(move |assertion, cx| self.present(assertion, now, which, cx)))
    }

    fn present(
        self,
        assertion: Secret,
        now: Timestamp,
        which: Try,
        cx: &mut Cx<'_>,
    ) -> Result<Step<Token>, Error> {
        let mut request = TokenRequest::extension(&self.client, GRANT_TYPE, [("assertion", assertion)]);
        if matches!(self.client.authentication(), Authentication::None) {
            request = request.anonymous();
        }
        if self.scope_in == ScopeIn::Request {
            request = request.scopes(self.key.scopes().clone());
        }
        if !self.key.resource().is_empty() {
            request = request.resource(self.key.resource());
        }
        let http = request.to_http(cx)?;
        let next = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            let read = match self.answered {
                Answered::AccessToken => request.parse(&reply, cx),
                Answered::IdToken => crate::bearer::reply(&request, &reply, cx),
            };
            if which != Try::WithAnotherProof && request.is_worth_another_proof(&reply, &read) {
                // It asks for a proof with its nonce; the assertion is signed anew, since many servers take each once.
                return self.ask(now, Try::WithAnotherProof);
            }
            match read {
                Ok(token) => Ok(Step::Done(token)),
                Err(error) => match self.servers_time(&error, &reply, now) {
                    Some(theirs) if which != Try::WithServersTime => self.ask(theirs, Try::WithServersTime),
                    _ => Err(error),
                },
            }
        };
        Ok(Step::Send(http, Next::new(next)))
    }

    /// The server's time, if it refused the assertion and its clock is so far from ours that this may be why.
    fn servers_time(&self, error: &Error, reply: &Response, now: Timestamp) -> Option<Timestamp> {
        let Error::Server(refusal) = error else {
            return None;
        };
        if *refusal.code() != ErrorCode::InvalidGrant {
            return None;
        }
        let date = reply.headers().get(http::header::DATE)?.to_str().ok()?;
        let since = httpdate::parse_http_date(date)
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?;
        let theirs = Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?);
        let apart = theirs.since(now).max(now.since(theirs));
        (SMALLEST_SKEW..=LARGEST_SKEW).contains(&apart).then_some(theirs)
    }
}

/// As long as Google takes one for.
const LIFETIME: Duration = Duration::from_secs(3600);
const LONGEST_BACKDATING: Duration = Duration::from_secs(300);
/// Less than this is no reason to refuse an assertion.
const SMALLEST_SKEW: Duration = Duration::from_secs(5);
/// A clock in another zone of time is off by at most 26 hours; a date further away is not believed.
const LARGEST_SKEW: Duration = Duration::from_secs(26 * 3600);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use grantflow_core::Endpoint;
    use grantflow_jwt::Algorithm;

    use super::*;

    #[test]
    fn whoever_vouches_is_part_of_the_key() {
        let client = Client::new("cid", Endpoint::new("https://as.example/token").unwrap());
        let grant = || {
            let signer = Signer::remote(Algorithm::Rs256, "key");
            JwtBearer::new(client.clone(), signer, "a").unwrap()
        };
        let digest = |grant: JwtBearer| grant.key().digest();
        assert_eq!(digest(grant().issuer("cid")), digest(grant()));
        assert_ne!(digest(grant().issuer("one")), digest(grant()));
        assert_ne!(digest(grant().issuer("one")), digest(grant().issuer("two")));
        let claimed = |issuer| grant().issuer(issuer).claim("tenant", 7).unwrap();
        assert_ne!(digest(claimed("one")), digest(claimed("two")));
    }
}

//! The grant of a signed assertion ([RFC 7523 section 2.1], [section 3]), as Google takes it of service accounts.
//!
//! It is really verified, with `ring` and by code that shares nothing with the client's: RS256, the key of the account, this
//! server as audience, times by this server's clock, an hour at most.
//!
//! [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
//! [section 3]: https://www.rfc-editor.org/rfc/rfc7523#section-3

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::authorize::scope_list;
use crate::client_auth::Refusal;
use crate::jws::{Jws, PublicKey};
use crate::site::Turn;
use crate::state::{Authentication, Grant};
use crate::token::issue;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// As long as Google lets an assertion live.
const LONGEST: u64 = 3600;

/// An account that asks for itself, or for users of its domain, by assertions that it signs.
///
/// # Example
///
/// ```
/// use grantflow_testserver::{Config, TestServiceAccount};
///
/// # let pem = "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA\n-----END RSA PUBLIC KEY-----";
/// let account = TestServiceAccount::new("svc@project.example", pem)
///     .expect("PEM of an RSA public key")
///     .speaks_for("ann@example.com");
/// let server = Config::new().service_account(account).start()?;
/// # drop(server);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct TestServiceAccount {
    email: String,
    public_key: PublicKey,
    subjects: Vec<String>,
}

impl TestServiceAccount {
    /// The account with this address and this key: PKCS #1 in PEM (`RSA PUBLIC KEY`), as `openssl rsa -RSAPublicKey_out` writes it.
    /// `None` if that is no such PEM.
    pub fn new(email: impl Into<String>, public_key_pem: &str) -> Option<Self> {
        let body = public_key_pem.split_once("-----BEGIN RSA PUBLIC KEY-----")?.1;
        let body = body.split_once("-----END RSA PUBLIC KEY-----")?.0;
        let text: String = body.split_whitespace().collect();
        Some(Self {
            email: email.into(),
            public_key: PublicKey::RsaDer(STANDARD.decode(text).ok()?),
            subjects: Vec::new(),
        })
    }

    /// Lets it ask on behalf of this user too.
    #[must_use]
    pub fn speaks_for(mut self, user: impl Into<String>) -> Self {
        self.subjects.push(user.into());
        self
    }

    pub(crate) fn email(&self) -> &str {
        &self.email
    }
}

impl fmt::Debug for TestServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServiceAccount")
            .field("email", &self.email)
            .field("subjects", &self.subjects)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// Trades an assertion for a token; no client authenticates.
pub(crate) fn grant(turn: &mut Turn<'_>) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    if !turn.request.is_form() || form.repeated().is_some() {
        return Err(Refusal::new(
            "invalid_request",
            "the body must be a form without repeats",
        ));
    }
    let assertion = form
        .value("assertion")
        .ok_or(Refusal::new("invalid_request", "assertion is missing"))?;
    let claims = verified(turn, assertion)?;
    let scope = claims
        .scope
        .as_deref()
        .or(form.value("scope"))
        .unwrap_or_default();
    let scope = scope_list(scope).ok_or(Refusal::new("invalid_scope", "no such scope"))?;
    let grant = turn.state.add_grant(Grant {
        user: claims.sub.unwrap_or_else(|| claims.iss.clone()),
        client: claims.iss,
        scope: scope.clone(),
        details: Vec::new(),
        authentication: Authentication::default(),
        jkt: None,
        revoked: false,
    });
    turn.state.stats.assertions += 1;
    Ok(issue(turn, grant, (scope, None), None))
}

fn verified(turn: &Turn<'_>, assertion: &str) -> Result<Claims, Refusal> {
    let refuse = |why| Refusal::new("invalid_grant", why);
    let malformed = || refuse("the assertion is no signed token");
    let jws = Jws::parse(assertion).ok_or_else(malformed)?;
    if jws.header.alg != "RS256" {
        return Err(refuse("the algorithm is not RS256"));
    }
    let claims: Claims = serde_json::from_slice(&jws.payload).map_err(|_| malformed())?;
    let mut accounts = turn.config.service_accounts.iter();
    let account = accounts
        .find(|account| account.email == claims.iss)
        .ok_or(refuse("the account is not known"))?;
    if !jws.is_signed_with(&account.public_key) {
        return Err(refuse("the signature is not that of the account's key"));
    }
    if claims.aud != format!("{}/token", turn.issuer) {
        return Err(refuse("the assertion is for another server"));
    }
    let now = turn.state.clock.now().as_secs();
    // A second more, since a client's clock need not tick with ours.
    if claims.iat > now + 1 || claims.exp <= now || claims.exp.saturating_sub(claims.iat) > LONGEST {
        return Err(refuse("the assertion must be short-lived and of this time"));
    }
    let may_speak_for = |user: &String| *user == account.email || account.subjects.contains(user);
    if !claims.sub.as_ref().is_none_or(may_speak_for) {
        return Err(Refusal::new(
            "unauthorized_client",
            "the account does not speak for this user",
        ));
    }
    Ok(claims)
}

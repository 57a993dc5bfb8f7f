//! The grant of a SAML assertion ([RFC 7522 section 2.1], [section 3]), as far as a stand-in for XML goes.
//!
//! ```text
//! <Assertion><Issuer>…</Issuer><Subject>…</Subject><Audience>…</Audience><NotOnOrAfter>seconds</NotOnOrAfter><Mac>…</Mac></Assertion>
//! ```
//!
//! It is no SAML, and is really checked: who issued it, that it is for this server, that it lives, and an HMAC with the issuer's key
//! over all that stands before it. XML signatures are the identity provider's and the server's matter, and no client reads them.
//!
//! [RFC 7522 section 2.1]: https://www.rfc-editor.org/rfc/rfc7522#section-2.1
//! [section 3]: https://www.rfc-editor.org/rfc/rfc7522#section-3

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::authorize::scope_list;
use crate::client_auth::{Refusal, authenticate};
use crate::keys::hmac;
use crate::site::Turn;
use crate::state::{Authentication, Grant};
use crate::token::issue;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// An identity provider whose assertions the server takes, and who makes them.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_testserver::{Config, TestSamlIssuer};
///
/// let issuer = TestSamlIssuer::new("https://idp.example", "a key of the test");
/// let server = Config::new().saml_issuer(issuer.clone()).start()?;
/// let assertion = issuer.assertion("ann", &server.url("/token"), server.now() + Duration::from_secs(60));
/// assert!(assertion.starts_with("<Assertion>"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct TestSamlIssuer {
    name: String,
    key: String,
}

impl TestSamlIssuer {
    /// The issuer with this name and this key, which must not have `<`.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
        }
    }

    /// Vouches for a subject to an audience, until so long after 1970.
    #[must_use]
    pub fn assertion(&self, subject: &str, audience: &str, end: Duration) -> String {
        let (issuer, end) = (&self.name, end.as_secs());
        let said = format!(
            "<Assertion><Issuer>{issuer}</Issuer><Subject>{subject}</Subject><Audience>{audience}</Audience>\
             <NotOnOrAfter>{end}</NotOnOrAfter>"
        );
        let mac = self.mac(&said);
        format!("{said}<Mac>{mac}</Mac></Assertion>")
    }

    fn mac(&self, said: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac(self.key.as_bytes(), said.as_bytes()))
    }
}

impl fmt::Debug for TestSamlIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSamlIssuer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Trades an assertion for a token. A client that says who it is has to prove it; RFC 7522 section 3.1: "not required".
pub(crate) fn grant(turn: &mut Turn<'_>) -> Result<Value, Refusal> {
    let form = &turn.request.form;
    if !turn.request.is_form() || form.repeated().is_some() {
        return Err(Refusal::new(
            "invalid_request",
            "the body must be a form without repeats",
        ));
    }
    let says_who = form.value("client_id").is_some()
        || form.value("client_assertion").is_some()
        || turn.request.header("authorization").is_some();
    let client = match says_who {
        true => authenticate(turn)?.id().to_owned(),
        false => String::new(),
    };
    let encoded = form
        .value("assertion")
        .ok_or(Refusal::new("invalid_request", "assertion is missing"))?;
    let user = subject(turn, encoded)?;
    let scope = scope_list(form.value("scope").unwrap_or_default());
    let scope = scope.ok_or(Refusal::new("invalid_scope", "no such scope"))?;
    let grant = turn.state.add_grant(Grant {
        client,
        user,
        scope: scope.clone(),
        details: Vec::new(),
        authentication: Authentication::default(),
        revoked: false,
        jkt: None,
    });
    turn.state.stats.assertions += 1;
    Ok(issue(turn, grant, (scope, None), None))
}

fn subject(turn: &Turn<'_>, encoded: &str) -> Result<String, Refusal> {
    let refuse = |why| Refusal::new("invalid_grant", why);
    let malformed = || refuse("the assertion is none");
    let xml = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed())?;
    let xml = String::from_utf8(xml).map_err(|_| malformed())?;
    let (said, mac) = xml.split_once("<Mac>").ok_or_else(malformed)?;
    let mac = mac.strip_suffix("</Mac></Assertion>").ok_or_else(malformed)?;
    let element = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let name = element("Issuer").ok_or_else(malformed)?;
    let mut issuers = turn.config.saml_issuers.iter();
    let issuer = issuers
        .find(|issuer| issuer.name == name)
        .ok_or(refuse("the issuer is not known"))?;
    if !bool::from(issuer.mac(said).as_bytes().ct_eq(mac.as_bytes())) {
        return Err(refuse("the MAC is not that of the issuer's key"));
    }
    if element("Audience") != Some(&format!("{}/token", turn.issuer)) {
        return Err(refuse("the assertion is for another server"));
    }
    let end = element("NotOnOrAfter").and_then(|end| end.parse().ok());
    if end.is_none_or(|end: u64| end <= turn.state.clock.now().as_secs()) {
        return Err(refuse("the assertion is over"));
    }
    let subject = element("Subject").filter(|subject| !subject.is_empty());
    Ok(subject.ok_or_else(malformed)?.to_owned())
}

//! An authorization request as it stands on the wire, in the address or pushed ([RFC 6749 section 4.1.1]).
//!
//! [RFC 6749 section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1

use super::mode::ResponseMode;
use super::query::QueryWriter;
use super::request::{AuthorizationRequest, Drawn};
use crate::Error;
use crate::error::InvalidInput;

impl AuthorizationRequest<'_> {
    pub(super) fn write(&self, mut query: QueryWriter, client_id: Option<&str>, drawn: &Drawn) -> String {
        let quirks = self.client.quirks();
        let mut push = |name, value: &str| match quirks.name_of(name) {
            same if same == name => query.push(name, value),
            other => query.push_any(other, value),
        };
        if !quirks.no_response_type {
            push("response_type", self.response_type.as_str());
        }
        if let Some(client_id) = client_id {
            push("client_id", client_id);
        }
        push("redirect_uri", &self.redirect_uri);
        let scopes = self.scopes.as_str();
        match scopes {
            "" => {}
            _ if quirks.comma_scopes => push("scope", &scopes.replace(' ', ",")),
            _ => push("scope", scopes),
        }
        query.push_plain("state", drawn.state.expose());
        if !quirks.without_pkce {
            query.push_with("code_challenge", |text| drawn.verifier.push_challenge(text));
            query.push_plain("code_challenge_method", "S256");
        }
        if let Some(nonce) = &drawn.nonce {
            query.push_plain("nonce", nonce.expose());
        }
        if let Some(thumbprint) = self.client.dpop_jkt() {
            query.push("dpop_jkt", thumbprint);
        }
        let mode = self.mode();
        if !mode.is_usual() {
            query.push("response_mode", mode.as_str());
        }
        for resource in &self.resources {
            query.push("resource", resource);
        }
        let presets = self.client.parameters().iter();
        let presets = presets
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !self.sets(name));
        let own = self.parameters.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in presets.chain(own).filter(|(_, value)| !value.is_empty()) {
            query.push_any(name, value);
        }
        query.finish()
    }

    /// An ID token is never in an address, which servers and browsers keep; and it is signed itself.
    pub(super) fn check_response_type(&self) -> Result<(), Error> {
        if !self.response_type.has_id_token() {
            return Ok(());
        }
        self.client.check_grant(false)?;
        let problem = if !self.scopes.contains("openid") {
            "comes with the scope openid alone"
        } else if self.mode() != ResponseMode::FormPost {
            "comes by form_post alone"
        } else if self.client.quirks().no_response_type {
            "cannot be asked for at this server"
        } else {
            return Ok(());
        };
        Err(InvalidInput::new("ID token in the redirect", problem).into())
    }

    /// How the answer comes: an ID token in no other way than posted.
    pub(super) fn mode(&self) -> ResponseMode {
        match self.client.answers_in(self.response_mode) {
            mode if mode.is_usual() && self.response_type.has_id_token() => ResponseMode::FormPost,
            mode => mode,
        }
    }

    /// The value of a parameter that is neither the flow's nor empty.
    pub(super) fn sent(&self, name: &str) -> Option<&str> {
        let own = self.parameters.iter().map(|(known, value)| (&**known, &**value));
        let presets = self.client.parameters().iter();
        let presets = presets.map(|(known, value)| (known.as_str(), value.as_str()));
        let mut found = own.chain(presets).filter(|(known, _)| *known == name);
        found
            .next()
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn sets(&self, name: &str) -> bool {
        self.parameters.iter().any(|(known, _)| known == name)
    }

    /// Room for the query, so that the text does not grow and leave copies of the state behind: names and what is random,
    /// and each value as if it were nothing but characters to encode.
    pub(super) fn expected_length(&self) -> usize {
        let presets = self.client.parameters().iter();
        let values = presets.map(|(name, value)| name.len() + value.len());
        let own = self
            .parameters
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let resources = self.resources.iter().map(|resource| resource.len() + 9);
        let fixed = self.client.id().len() + self.redirect_uri.len() + self.scopes.as_str().len();
        FIXED + 3 * (fixed + values.chain(own).chain(resources).sum::<usize>())
    }
}

pub(super) fn check_parameter(name: &str) -> Result<(), Error> {
    if is_protected(name) {
        return Err(InvalidInput::new("parameter", "belongs to the flow itself").into());
    }
    if name.is_empty() {
        return Err(InvalidInput::new("parameter", "has no name").into());
    }
    Ok(())
}

pub(super) fn is_protected(name: &str) -> bool {
    PROTECTED.contains(&name)
}

/// What the flow sends itself, and what would change what is asked or how it is answered.
const PROTECTED: [&str; 13] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "dpop_jkt",
    "resource",
    "request",
    "request_uri",
    "response_mode",
];

/// The names of the parameters of the flow, three random values and a thumbprint.
const FIXED: usize = 408;

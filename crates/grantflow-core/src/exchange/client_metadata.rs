//! What a client says of itself ([RFC 7591 section 2]): to register, or in a document of its own.
//!
//! [RFC 7591 section 2]: https://www.rfc-editor.org/rfc/rfc7591#section-2

use std::fmt;

use serde_json::{Map, Value};

use crate::error::InvalidInput;
use crate::{Endpoint, Error, Scopes};

/// The metadata of a client, as it registers itself or as its own document has them.
///
/// # Example
///
/// ```
/// use grantflow_core::{ClientMetadata, Endpoint};
///
/// let metadata = ClientMetadata::new("Notes", ["http://127.0.0.1/callback"])
///     .native()
///     .with_text("client_uri", "https://notes.example.com");
/// // The document that an authorization server fetches where the client id is its address:
/// let document = metadata.document(&Endpoint::new("https://notes.example.com/client.json")?)?;
/// assert!(document.contains(r#""client_id":"https://notes.example.com/client.json""#));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientMetadata {
    members: Map<String, Value>,
}

impl ClientMetadata {
    /// A client of this name that gets users back at these addresses, by codes, and refreshes what it was granted.
    pub fn new<S: Into<String>>(
        client_name: impl Into<String>,
        redirect_uris: impl IntoIterator<Item = S>,
    ) -> Self {
        let redirect_uris: Vec<String> = redirect_uris.into_iter().map(Into::into).collect();
        let metadata = Self { members: Map::new() };
        metadata
            .with_text("client_name", client_name)
            .with_texts("redirect_uris", redirect_uris)
            .with_texts("grant_types", ["authorization_code", "refresh_token"])
            .with_texts("response_types", ["code"])
    }

    /// An installed application (OpenID Connect Registration section 2, `application_type`): some servers take redirects to loopback
    /// from such alone.
    #[must_use]
    pub fn native(self) -> Self {
        self.with_text("application_type", "native")
    }

    /// How the client authenticates to the token endpoint, by the registered name. Where it says nothing, the server's own list chooses:
    /// `none` if that is in it, else a secret.
    #[must_use]
    pub fn with_authentication_method(self, method: impl Into<String>) -> Self {
        self.with_text(METHOD, method)
    }

    /// The scopes that the client will ask for.
    #[must_use]
    pub fn with_scopes(self, scopes: &Scopes) -> Self {
        self.with_text("scope", scopes.to_string())
    }

    /// What somebody whom the server believes has signed about this software ([RFC 7591 section 2.3]).
    ///
    /// [RFC 7591 section 2.3]: https://www.rfc-editor.org/rfc/rfc7591#section-2.3
    #[must_use]
    pub fn with_software_statement(self, statement: impl Into<String>) -> Self {
        self.with_text("software_statement", statement)
    }

    /// A member that is a text, such as `client_uri`, `logo_uri`, `jwks_uri`, `software_id` ([RFC 7591 section 2]); it replaces one of the
    /// same name.
    ///
    /// [RFC 7591 section 2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
    #[must_use]
    pub fn with_text(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.members.insert(name.into(), Value::String(value.into()));
        self
    }

    /// A member that is a list of texts, such as `contacts` or `grant_types`; it replaces one of the same name.
    #[must_use]
    pub fn with_texts<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        let values = values.into_iter().map(|value| Value::String(value.into()));
        self.members.insert(name.into(), values.collect());
        self
    }

    /// Any other member, as JSON: the keys of the client (`jwks`), or a flag such as `dpop_bound_access_tokens`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is no JSON.
    pub fn with_json(mut self, name: impl Into<String>, json: &str) -> Result<Self, Error> {
        // What serde_json says holds the value.
        let value = serde_json::from_str(json).map_err(|_| InvalidInput::new("member", "is no JSON"))?;
        self.members.insert(name.into(), value);
        Ok(self)
    }

    /// The redirect addresses.
    pub fn redirect_uris(&self) -> impl Iterator<Item = &str> {
        let list = self.members.get("redirect_uris").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// How the client authenticates, where it says so.
    #[must_use]
    pub fn authentication_method(&self) -> Option<&str> {
        self.members.get(METHOD)?.as_str()
    }

    /// The document to be served at `client_id`, which is its own address
    /// ([draft-ietf-oauth-client-id-metadata-document](https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/)).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the address cannot be a client id, or if the client authenticates by a secret: nobody could share one.
    pub fn document(&self, client_id: &Endpoint) -> Result<String, Error> {
        check_client_id(client_id)?;
        let method = self.authentication_method().unwrap_or("none");
        if method.starts_with("client_secret_") {
            return Err(InvalidInput::new("document", "is of a client with a secret").into());
        }
        let mut members = self.members.clone();
        members.insert("client_id".to_owned(), Value::from(client_id.as_str()));
        members.insert(METHOD.to_owned(), Value::from(method));
        Ok(Value::Object(members).to_string())
    }

    /// The members, to be sent.
    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

/// Prints the names of the members: a software statement is a credential of a kind.
impl fmt::Debug for ClientMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.members.keys()).finish()
    }
}

/// Section 3 of the draft: https, "MUST contain a path component", no dot segments, no fragment, no user information; a query it
/// "SHOULD NOT" have. Endpoints have none of the last two but the query.
pub(crate) fn check_client_id(address: &Endpoint) -> Result<(), Error> {
    let bad = |problem| Err(InvalidInput::new("client id", problem).into());
    let text = address.as_str();
    if Endpoint::new(text).is_err() {
        return bad("is not https, and so no address of a client's document");
    }
    let path = super::well_known::split(text).1;
    if matches!(path, "" | "/") || path.starts_with(['?']) || path.starts_with("/?") {
        return bad("has no path, and so is no address of a client's document");
    }
    if path.split(['/', '?']).any(|part| matches!(part, "." | "..")) {
        return bad("has a dot for a path, and so is no address of a client's document");
    }
    Ok(())
}

pub(super) const METHOD: &str = "token_endpoint_auth_method";

//! `client_secrets.json`: a client as Google's console and other providers give it to download.
//!
//! It is an object with the single member `web` or `installed`, whose properties are those of the client
//! ([RFC 6749 section 2](https://www.rfc-editor.org/rfc/rfc6749#section-2)).

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Client;
use super::json_object::{JsonObject, beginning};
use crate::authorization::check_redirect_uri;
use crate::error::ClientSecretsProblem;
use crate::{Cx, Endpoint, Error, Issuer, LoadError, Next, Origin, Secret, Source, Step};

/// What kind of application a client was registered as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientType {
    /// It runs on a server, and its redirect addresses are registered to the letter.
    Web,
    /// It runs on a user's device, and takes redirects on any port of the loopback interface (RFC 8252 section 7.3).
    Installed,
}

impl ClientType {
    /// The name of the member that holds the client.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Installed => "installed",
        }
    }
}

impl Client {
    /// Reads a `client_secrets.json`, of a client of type `web` or `installed`.
    ///
    /// It has to have `client_id`, `auth_uri` and `token_uri`, and may have `client_secret` (sent in the body), `redirect_uris`,
    /// `revoke_uri` and `issuer`; other properties are ignored. Addresses may be `http` on a loopback literal.
    ///
    /// A client whose `auth_uri` and `token_uri` are both Google's gets what [`Client::google`] knows besides; and if it is
    /// `installed`, its redirects go to `127.0.0.1` where `localhost` is registered, as Google allows: the name may resolve
    /// to an address where somebody else listens.
    ///
    /// # Errors
    ///
    /// [`Error::ClientSecrets`], which names the property that cannot be used and prints no value.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{Client, ClientType};
    ///
    /// let client = Client::from_client_secrets(br#"{"installed": {
    ///     "client_id": "cid.apps.googleusercontent.com",
    ///     "client_secret": "GOCSPX-9xF4",
    ///     "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    ///     "token_uri": "https://oauth2.googleapis.com/token",
    ///     "redirect_uris": ["http://localhost"]
    /// }}"#)?;
    /// assert_eq!(client.id(), "cid.apps.googleusercontent.com");
    /// assert_eq!(client.client_type(), Some(ClientType::Installed));
    /// assert_eq!(client.redirect_uris(), ["http://127.0.0.1"]);
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    pub fn from_client_secrets(json: &[u8]) -> Result<Self, Error> {
        let file = JsonObject::parse(decoded(json)?)?.ok_or(ClientSecretsProblem::NotOneClient)?;
        let mut clients = file.iter();
        let (Some((name, client)), None) = (clients.next(), clients.next()) else {
            return Err(ClientSecretsProblem::NotOneClient.into());
        };
        let client_type = match name {
            "web" => ClientType::Web,
            "installed" => ClientType::Installed,
            other => return Err(ClientSecretsProblem::UnknownClientType(beginning(other)).into()),
        };
        let client = JsonObject::parse(client.get())?;
        let properties = Properties {
            client: client.ok_or(ClientSecretsProblem::Invalid(client_type.as_str()))?,
            client_type,
        };
        properties.client()
    }

    /// Reads a `client_secrets.json` from `path`, as [`from_client_secrets`](Self::from_client_secrets) does.
    ///
    /// The host reads the file; [`Error::ClientSecrets`] if it cannot, or refuses to.
    pub fn load_client_secrets(path: impl Into<PathBuf>) -> Step<Self> {
        let path = path.into();
        Step::Load(
            Source::File(path.clone()),
            Next::new(
                move |file: Result<Vec<u8>, LoadError>, _: &mut Cx<'_>| match file {
                    Ok(json) => Self::from_client_secrets(&Zeroizing::new(json)).map(Step::Done),
                    Err(why) => Err(ClientSecretsProblem::Unreadable { path, why }.into()),
                },
            ),
        )
    }
}

/// The properties of the client in the file.
struct Properties<'a> {
    client: JsonObject<'a>,
    client_type: ClientType,
}

impl Properties<'_> {
    fn client(&self) -> Result<Client, Error> {
        let id = self.required("client_id")?;
        let secret = self.text("client_secret")?.map(Secret::new);
        let authorization_endpoint = endpoint("auth_uri", self.required("auth_uri")?)?;
        let token_endpoint = endpoint("token_uri", self.required("token_uri")?)?;
        configured("client_id", &id)?;
        configured("client_secret", secret.as_ref().map_or("", Secret::expose))?;

        // Only where both are Google's: else a file could have codes of Google's users sent elsewhere in Google's name.
        let google = is_google(&authorization_endpoint) && is_google(&token_endpoint);
        let mut client = if google {
            let mut preset = Client::google(id)?;
            preset.facts().token_endpoint = token_endpoint;
            preset
        } else {
            Client::new(id, token_endpoint)
        };
        client.facts().client_type = Some(self.client_type);
        client = client
            .with_authorization_endpoint(authorization_endpoint)
            .with_redirect_uris(self.redirect_uris(google)?);
        if let Some(secret) = secret {
            client = client.with_secret_post(secret);
        }
        if let Some(address) = self.text("revoke_uri")? {
            client = client.with_revocation_endpoint(endpoint("revoke_uri", address)?);
        }
        if let Some(name) = self.text("issuer")? {
            let issuer = Issuer::allow_http_for_loopback(name);
            client = client.with_issuer(issuer.map_err(|_| ClientSecretsProblem::Invalid("issuer"))?);
        }
        Ok(client)
    }

    fn redirect_uris(&self, google: bool) -> Result<Vec<String>, ClientSecretsProblem> {
        let uris: Option<Vec<String>> = self.client.get("redirect_uris")?;
        let mut uris = uris.unwrap_or_default();
        for uri in &mut uris {
            check_redirect_uri(uri).map_err(|_| ClientSecretsProblem::Invalid("redirect_uris"))?;
            if google && self.client_type == ClientType::Installed {
                to_loopback_literal(uri);
            }
        }
        Ok(uris)
    }

    fn required(&self, property: &'static str) -> Result<String, ClientSecretsProblem> {
        self.text(property)?.ok_or(ClientSecretsProblem::Missing {
            property,
            client_type: self.client_type.as_str(),
        })
    }

    /// The text of a property; `None` if it is absent, null or empty.
    fn text(&self, property: &'static str) -> Result<Option<String>, ClientSecretsProblem> {
        let text: Option<String> = self.client.get(property)?;
        Ok(text.filter(|text| !text.is_empty()))
    }
}

/// Refuses what the templates of Google's samples hold.
fn configured(property: &'static str, text: &str) -> Result<(), ClientSecretsProblem> {
    if text.starts_with("[[") {
        return Err(ClientSecretsProblem::NotConfigured(property));
    }
    Ok(())
}

fn endpoint(property: &'static str, address: String) -> Result<Endpoint, ClientSecretsProblem> {
    Endpoint::allow_http_for_loopback(address).map_err(|_| ClientSecretsProblem::Invalid(property))
}

fn is_google(endpoint: &Endpoint) -> bool {
    let google = ["https://accounts.google.com", "https://*.googleapis.com"];
    let uri = endpoint.as_str().parse();
    uri.is_ok_and(|uri| {
        google
            .map(Origin::new)
            .into_iter()
            .flatten()
            .any(|origin| origin.covers(&uri))
    })
}

fn to_loopback_literal(uri: &mut String) {
    const LOCALHOST: &str = "http://localhost";
    let rest = uri.strip_prefix(LOCALHOST);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?'])) {
        uri.replace_range(..LOCALHOST.len(), "http://127.0.0.1");
    }
}

/// The text of the file, which some editors begin with a byte order mark.
fn decoded(json: &[u8]) -> Result<&str, ClientSecretsProblem> {
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    std::str::from_utf8(json).map_err(|error| {
        let before = json.get(..error.valid_up_to()).unwrap_or_default();
        let lines: Vec<&[u8]> = before.split(|byte| *byte == b'\n').collect();
        ClientSecretsProblem::NotJson {
            line: lines.len(),
            column: lines.last().map_or(0, |line| line.len()) + 1,
        }
    })
}

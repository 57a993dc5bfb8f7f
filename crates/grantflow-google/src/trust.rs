//! Which addresses in a file of credentials are obeyed (threat T38): a file from elsewhere must not say where assertions and refresh
//! tokens are sent.

use grantflow_core::error::InvalidInput;
use grantflow_core::{Client, Endpoint, Error, Issuer, Origin};

/// The universe of most projects.
pub(crate) const GOOGLE: &str = "googleapis.com";

/// What Google's key files have named as `token_uri`.
const GOOGLES: [&str; 4] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://www.googleapis.com/oauth2/v3/token",
];

/// The token endpoints that a file of credentials may name; without any of one's own, Google's.
///
/// # Example
///
/// ```
/// use grantflow_core::Endpoint;
/// use grantflow_google::TrustedEndpoints;
///
/// let emulator = Endpoint::allow_http_for_loopback("http://127.0.0.1:8080/token")?;
/// let trusted = TrustedEndpoints::google().and_endpoint(emulator);
/// # let _ = trusted;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedEndpoints {
    endpoints: Vec<Endpoint>,
    universes: Vec<String>,
}

impl TrustedEndpoints {
    /// Google's alone.
    #[must_use]
    pub fn google() -> Self {
        Self::default()
    }

    /// This address too.
    #[must_use]
    pub fn and_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// `https://oauth2.<universe>/token` too, where `universe` is a domain of Trusted Partner Cloud or Google Distributed Cloud.
    #[must_use]
    pub fn and_universe(mut self, universe: impl Into<String>) -> Self {
        self.universes.push(universe.into());
        self
    }

    pub(crate) fn universe(&self, named: Option<&str>, file: &'static str) -> Result<String, InvalidInput> {
        let universe = named.filter(|universe| !universe.is_empty()).unwrap_or(GOOGLE);
        if universe == GOOGLE || self.universes.iter().any(|known| known == universe) {
            return Ok(universe.to_owned());
        }
        Err(InvalidInput::new(
            file,
            "names a universe_domain that is not trusted: TrustedEndpoints::and_universe names it",
        ))
    }

    /// The token endpoint of a file that names `token_uri` and lives in this universe.
    pub(crate) fn token_endpoint(
        &self,
        token_uri: Option<&str>,
        universe: &str,
        file: &'static str,
    ) -> Result<Endpoint, InvalidInput> {
        let usual = format!("https://oauth2.{universe}/token");
        let token_uri = token_uri.filter(|uri| !uri.is_empty()).unwrap_or(&usual);
        if let Some(endpoint) = self.endpoints.iter().find(|known| known.as_str() == token_uri) {
            return Ok(endpoint.clone());
        }
        if token_uri == usual || (universe == GOOGLE && GOOGLES.contains(&token_uri)) {
            let unusable = |_| InvalidInput::new(file, "has a universe_domain that is no name of a host");
            return Endpoint::new(token_uri).map_err(unusable);
        }
        Err(InvalidInput::new(
            file,
            "names a token_uri that is not Google's: TrustedEndpoints::and_endpoint names it",
        ))
    }
}

/// What is registered at Google under this id, in a universe: the server by its one name, and the origins of its APIs.
pub(crate) fn client(id: &str, endpoint: Endpoint, universe: &str) -> Result<Client, Error> {
    let is_googles = universe == GOOGLE && endpoint.as_str().starts_with("https://");
    let client = Client::new(id, endpoint).with_origins([Origin::new(&format!("https://*.{universe}"))?]);
    Ok(if is_googles {
        client.with_issuer(Issuer::new("https://accounts.google.com")?)
    } else {
        client
    })
}

/// Whether it is one of those that Google's files have named.
pub(crate) fn is_googles(endpoint: &Endpoint) -> bool {
    GOOGLES.contains(&endpoint.as_str())
}

/// What [`problem`] is about.
pub(crate) const KEY_FILE: &str = "service account key";

pub(crate) fn problem(problem: &'static str) -> Error {
    InvalidInput::new(KEY_FILE, problem).into()
}

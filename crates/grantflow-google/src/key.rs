//! A service account's key file ([its guide](https://developers.google.com/identity/protocols/oauth2/service-account)).

use std::fmt;
use std::sync::Arc;

use grantflow_core::{Client, Endpoint, Error, Scopes};
use grantflow_jwt::{Algorithm, Signer, SigningKey};
use grantflow_oidc::refused;
use serde::Deserialize;

use crate::id_token::ServiceAccountIdToken;
use crate::quota::QuotaProject;
use crate::self_signed::SelfSigned;
use crate::service_account::ServiceAccount;
use crate::trust::{self, GOOGLE, KEY_FILE, TrustedEndpoints, problem};

/// The key of a service account, and what its file says of it. The key is read once and never printed.
///
/// # Example
///
/// ```no_run
/// use grantflow_google::ServiceAccountKey;
///
/// let json = std::fs::read_to_string("key.json")?;
/// let key = ServiceAccountKey::from_json(&json)?;
/// let source = key.credentials(["https://www.googleapis.com/auth/devstorage.read_only"])?;
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServiceAccountKey {
    email: String,
    signer: Signer,
    key: Arc<SigningKey>,
    client: Client,
    project_id: Option<String>,
    quota_project: Option<QuotaProject>,
    universe: String,
}

/// The file. What else it has is not needed.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "type", default)]
    kind: Option<&'a str>,
    #[serde(default)]
    client_email: Option<String>,
    #[serde(default)]
    private_key: Option<String>,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    quota_project_id: Option<String>,
    #[serde(default)]
    universe_domain: Option<String>,
}

impl ServiceAccountKey {
    /// Reads a key file whose addresses are Google's.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] that names what is missing or cannot be used, never a value.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::from_json_trusting(json, &TrustedEndpoints::google())
    }

    /// Reads a key file whose addresses are among these.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_trusting(json: &str, trusted: &TrustedEndpoints) -> Result<Self, Error> {
        // serde_json's errors print values, so they go no further.
        let file: File<'_> = serde_json::from_str(json.trim_start_matches('\u{feff}'))
            .map_err(|_| problem("is not JSON of a key file"))?;
        match file.kind {
            Some("service_account") => {}
            Some(_) => return Err(problem("is of another type than service_account")),
            None => return Err(problem("has no type")),
        }
        let present = |value: Option<String>| value.filter(|value| !value.is_empty());
        let email = present(file.client_email).ok_or(problem("has no client_email"))?;
        let pem = present(file.private_key).ok_or(problem("has no private_key"))?;
        let universe = trusted.universe(file.universe_domain.as_deref(), KEY_FILE)?;
        let endpoint = trusted.token_endpoint(file.token_uri.as_deref(), &universe, KEY_FILE)?;
        let mut key = SigningKey::from_pem(&pem).map_err(refused)?;
        if let Some(key_id) = present(file.private_key_id) {
            key = key.with_key_id(key_id);
        }
        let key = Self {
            project_id: present(file.project_id),
            ..Self::of(email, key, endpoint, universe)?
        };
        match present(file.quota_project_id) {
            Some(project) => key.with_quota_project(project),
            None => Ok(key),
        }
    }

    /// Counts calls to this project, whatever the file says: they then carry the header `x-goog-user-project`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if no header can have it.
    pub fn with_quota_project(mut self, project: impl Into<String>) -> Result<Self, Error> {
        self.quota_project = Some(QuotaProject::new(project)?);
        Ok(self)
    }

    /// The key of the account with this address, from elsewhere than a key file, such as a PKCS #12 file turned into PEM.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the key is not RSA: Google signs with RS256 alone.
    pub fn new(email: impl Into<String>, key: SigningKey) -> Result<Self, Error> {
        let trusted = TrustedEndpoints::google();
        Self::of(
            email.into(),
            key,
            trusted.token_endpoint(None, GOOGLE, KEY_FILE)?,
            GOOGLE.to_owned(),
        )
    }

    pub(crate) fn of(
        email: String,
        key: SigningKey,
        endpoint: Endpoint,
        universe: String,
    ) -> Result<Self, Error> {
        if !key.fits(Algorithm::Rs256) {
            return Err(problem(
                "has a private key that is not RSA, and Google takes RS256 alone",
            ));
        }
        let key = Arc::new(key);
        let signer = Signer::local(Arc::clone(&key), Algorithm::Rs256).map_err(refused)?;
        let client = trust::client(&email, endpoint, &universe)?
            .with_revocation_endpoint(Endpoint::new(format!("https://oauth2.{universe}/revoke"))?);
        Ok(Self {
            email,
            signer,
            key,
            client,
            project_id: None,
            quota_project: None,
            universe,
        })
    }

    /// Tokens for these scopes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn credentials(
        &self,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<ServiceAccount, Error> {
        ServiceAccount::new(self, scopes)
    }

    /// Tokens for one API, signed here and sent nowhere: `audience` is its address, such as `https://pubsub.googleapis.com/`
    /// ([AIP-4111](https://google.aip.dev/auth/4111)).
    #[must_use]
    pub fn with_audience(&self, audience: impl Into<String>) -> SelfSigned {
        SelfSigned::new(self, audience.into())
    }

    /// ID tokens for a service behind Cloud Run, Identity-Aware Proxy or the like: `audience` is its address, or its client id
    /// ([the guide](https://cloud.google.com/docs/authentication/get-id-token)).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if JSON cannot write the audience, which it can.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use grantflow_google::ServiceAccountKey;
    /// let key = ServiceAccountKey::from_json(&std::fs::read_to_string("key.json")?)?;
    /// let source = key.id_token("https://service-1234.run.app")?;
    /// // let credentials = Credentials::from_source(source, transport);
    /// # let _ = source;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id_token(&self, audience: impl Into<String>) -> Result<ServiceAccountIdToken, Error> {
        ServiceAccountIdToken::new(self, audience.into())
    }

    /// Signs bytes with RS256, as Cloud Storage's signed addresses want it; the name of the key comes with the signature.
    ///
    /// # Errors
    ///
    /// [`Error::NotSigned`] if the system gives no randomness.
    pub fn sign_blob(&self, bytes: &[u8]) -> Result<(Option<&str>, Vec<u8>), Error> {
        let signature = self.key.sign_bytes(Algorithm::Rs256, bytes).map_err(refused)?;
        Ok((self.key.key_id(), signature))
    }

    /// The account's address.
    #[must_use]
    pub fn service_account_email(&self) -> &str {
        &self.email
    }

    /// The project that the account belongs to, where its file says so.
    #[must_use]
    pub fn project_id(&self) -> Option<&str> {
        self.project_id.as_deref()
    }

    /// The project that calls are counted to, for the header `x-goog-user-project`.
    #[must_use]
    pub fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_ref().map(QuotaProject::as_str)
    }

    /// The domain of its APIs: `googleapis.com` but for other clouds.
    #[must_use]
    pub fn universe_domain(&self) -> &str {
        &self.universe
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The client of tokens for Google's own APIs, which count calls to a project.
    pub(crate) fn client_of_apis(&self) -> Client {
        let client = self.client.clone();
        match &self.quota_project {
            Some(project) => project.on(client),
            None => client,
        }
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// Prints no key.
impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey")
            .field("email", &self.email)
            .field("key_id", &self.key.key_id())
            .field("token_endpoint", &self.client.token_endpoint().as_str())
            .finish_non_exhaustive()
    }
}

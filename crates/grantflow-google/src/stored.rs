//! Service accounts as oauth2client stored them: every form of its `to_json()` from 1.5 to 4.1.3.
//!
//! | class | key | scopes | more claims |
//! |---|---|---|---|
//! | `ServiceAccountCredentials` | `_private_key_pkcs8_pem`, or `_private_key_pkcs12` in base64 | `_scopes`, one text | `_kwargs` |
//! | `_JWTAccessCredentials` | the same | none: it signs for an API | `_kwargs`, its `aud` |
//! | `_ServiceAccountCredentials` (1.5) | `_private_key_pkcs8_text` | `_scopes` | `_kwargs` |
//! | `SignedJwtAssertionCredentials` (1.x) | `private_key`, base64 of PEM or PKCS #12 | `scope`, one text | `kwargs` |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantflow_core::{Error, Scopes};
use grantflow_jwt::SigningKey;
use grantflow_oidc::refused;
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::key::ServiceAccountKey;
use crate::self_signed::SelfSigned;
use crate::service_account::ServiceAccount;
use crate::trust::{GOOGLE, KEY_FILE, TrustedEndpoints, problem};

/// A service account that oauth2client stored: its key, and what it asked for. The token that was stored with it is left behind.
///
/// # Example
///
/// ```no_run
/// use grantflow_google::StoredServiceAccount;
///
/// let stored = StoredServiceAccount::from_json(&std::fs::read_to_string("credentials.json")?)?;
/// let source = stored.credentials()?;
/// // let credentials = Credentials::from_source(source, transport);
/// # let _ = source;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoredServiceAccount {
    key: ServiceAccountKey,
    scopes: Scopes,
    claims: Map<String, Value>,
}

/// The file, in all forms at once.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "_class", default)]
    class: String,
    #[serde(rename = "_service_account_email", alias = "service_account_name", default)]
    email: Option<String>,
    #[serde(rename = "_scopes", alias = "scope", default)]
    scopes: Option<String>,
    #[serde(rename = "_private_key_id", default)]
    key_id: Option<String>,
    #[serde(rename = "_private_key_pkcs8_pem", alias = "_private_key_pkcs8_text", default)]
    pem: Option<Zeroizing<String>>,
    #[serde(rename = "_private_key_pkcs12", default)]
    pkcs12: Option<Zeroizing<String>>,
    /// PEM or PKCS #12.
    #[serde(rename = "private_key", default)]
    either: Option<Zeroizing<String>>,
    #[serde(rename = "_private_key_password", alias = "private_key_password", default)]
    password: Option<Zeroizing<String>>,
    #[serde(rename = "_kwargs", alias = "kwargs", default)]
    claims: Option<Map<String, Value>>,
    #[serde(default)]
    token_uri: Option<String>,
}

/// The closed table: no name in a file makes anything be loaded.
const CLASSES: [&str; 4] = [
    "ServiceAccountCredentials",
    "_JWTAccessCredentials",
    "_ServiceAccountCredentials",
    "SignedJwtAssertionCredentials",
];

impl StoredServiceAccount {
    /// Reads what `to_json()` wrote, if its `token_uri` is Google's.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] that names what is missing or cannot be used, never a value.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::from_json_trusting(json, &TrustedEndpoints::google())
    }

    /// The same with other token endpoints that may be named.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_trusting(json: &str, trusted: &TrustedEndpoints) -> Result<Self, Error> {
        // serde_json's errors print values, so they go no further.
        let file: File = serde_json::from_str(json).map_err(|_| problem("is not JSON of oauth2client"))?;
        if !CLASSES.contains(&file.class.as_str()) {
            return Err(problem("is not of a class of service accounts of oauth2client"));
        }
        let present = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let email = present(&file.email).ok_or(problem("has no service account's address"))?;
        let endpoint = trusted.token_endpoint(file.token_uri.as_deref(), GOOGLE, KEY_FILE)?;
        let scopes = Scopes::parse(file.scopes.as_deref().unwrap_or_default())?;
        let mut key = file.key()?;
        if let Some(key_id) = present(&file.key_id) {
            key = key.with_key_id(key_id);
        }
        Ok(Self {
            key: ServiceAccountKey::of(email, key, endpoint, GOOGLE.to_owned())?,
            scopes,
            claims: file.claims.unwrap_or_default(),
        })
    }

    /// The key, for other scopes or another user than those that were stored.
    #[must_use]
    pub fn key(&self) -> &ServiceAccountKey {
        &self.key
    }

    /// The scopes that were stored.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Tokens for the scopes that were stored, of the user who was stored with them, with the claims that were stored.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a claim cannot be one.
    pub fn credentials(&self) -> Result<ServiceAccount, Error> {
        let mut account = self.key.credentials(self.scopes.clone())?;
        for (name, value) in &self.claims {
            account = match (name.as_str(), value.as_str()) {
                ("sub", Some(user)) => account.with_subject(user),
                _ => account.with_claim(name, value)?,
            };
        }
        Ok(account)
    }

    /// Tokens that the account signs for an API itself, where the address of one was stored.
    #[must_use]
    pub fn self_signed(&self) -> Option<SelfSigned> {
        let audience = self.claims.get("aud")?.as_str()?;
        Some(self.key.with_audience(audience))
    }
}

impl File {
    fn key(&self) -> Result<SigningKey, Error> {
        if let Some(pem) = self.pem.as_ref().filter(|pem| !pem.is_empty()) {
            return SigningKey::from_pem(pem).map_err(refused);
        }
        let encoded = self.pkcs12.as_ref().or(self.either.as_ref());
        let encoded = encoded
            .filter(|text| !text.is_empty())
            .ok_or(problem("has no private key"))?;
        let bytes = STANDARD.decode(encoded.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| problem("has a private key that is not base64"))?);
        if let Ok(text) = str::from_utf8(&bytes)
            && text.contains("-----BEGIN ")
        {
            return SigningKey::from_pem(text).map_err(refused);
        }
        from_pkcs12(
            &bytes,
            self.password
                .as_ref()
                .map_or(PASSWORD, |password| password.as_str()),
        )
    }
}

#[cfg(feature = "pkcs12")]
fn from_pkcs12(der: &[u8], password: &str) -> Result<SigningKey, Error> {
    SigningKey::from_pkcs12(der, password).map_err(refused)
}

#[cfg(not(feature = "pkcs12"))]
fn from_pkcs12(_: &[u8], _: &str) -> Result<SigningKey, Error> {
    Err(problem(
        "is PKCS #12, which is read with the feature `pkcs12`; `openssl pkcs12 -legacy -nodes` makes a PEM file of one",
    ))
}

#[cfg(feature = "pkcs12")]
impl ServiceAccountKey {
    /// The key of the account with this address from a PKCS #12 file, as Google gave them out before there were key files in JSON; its
    /// password is `notasecret` unless another was set.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the file cannot be read with the password, or its key is not RSA.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use grantflow_google::ServiceAccountKey;
    ///
    /// let file = std::fs::read("key.p12")?;
    /// let key = ServiceAccountKey::from_p12("svc@project.iam.gserviceaccount.com", &file, None)?;
    /// # let _ = key;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_p12(email: impl Into<String>, der: &[u8], password: Option<&str>) -> Result<Self, Error> {
        Self::new(email, from_pkcs12(der, password.unwrap_or(PASSWORD))?)
    }
}

/// That of all files that Google made.
const PASSWORD: &str = "notasecret";

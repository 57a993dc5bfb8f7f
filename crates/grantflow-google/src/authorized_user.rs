//! A user's grant in gcloud's file ([what writes it](https://cloud.google.com/sdk/gcloud/reference/auth/application-default/login)).

use grantflow_core::error::{CredentialsFileProblem, InvalidInput};
use grantflow_core::flow::TokenSource;
use grantflow_core::{
    AsyncTransport, Client, Credentials, Error, Key, Scopes, Secret, Step, Token, TokenRequest, Transport,
    blocking,
};
use serde::Deserialize;

use crate::credentials_file::{AUTHORIZED_USER, Member, parse};
use crate::quota::QuotaProject;
use crate::trust::{self, TrustedEndpoints, is_googles};

/// The grant of a user whom `gcloud auth application-default login` asked: a refresh token that Google does not replace, so that
/// it can be presented any number of times, by any number of programs.
///
/// Its tokens are kept in memory. The file is gcloud's: it is not written, and the grant is gcloud's to revoke. A token has the
/// scopes that the user consented to, whatever a program asks for.
///
/// # Example
///
/// ```
/// use grantflow_google::AuthorizedUser;
///
/// let source = AuthorizedUser::from_json(
///     r#"{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "1//r", "quota_project_id": "p"}"#,
/// )?;
/// assert_eq!(source.quota_project(), Some("p"));
/// // let credentials = source.build_blocking(transport);
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedUser {
    client: Client,
    key: Key,
    refresh_token: Secret,
    quota_project: Option<QuotaProject>,
    universe: String,
}

/// The file. What else it has is not needed.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type", default)]
    kind: Member,
    #[serde(default)]
    client_id: Member,
    #[serde(default)]
    client_secret: Member,
    #[serde(default)]
    refresh_token: Member,
    #[serde(default)]
    token_uri: Member,
    #[serde(default)]
    account: Member,
    #[serde(default)]
    quota_project_id: Member,
    #[serde(default)]
    universe_domain: Member,
}

impl AuthorizedUser {
    /// Reads a file whose addresses are Google's.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] that names what is missing or cannot be used, never a value.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::from_json_trusting(json, &TrustedEndpoints::google())
    }

    /// Reads a file whose addresses are among these.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_trusting(json: &str, trusted: &TrustedEndpoints) -> Result<Self, Error> {
        Self::read(json.as_bytes(), trusted).map_err(|problem| {
            let problem = match problem {
                CredentialsFileProblem::Unusable(problem) => return problem.into(),
                CredentialsFileProblem::Missing { property, .. } => match property {
                    "type" => "has no type",
                    "client_id" => "has no client_id",
                    "client_secret" => "has no client_secret",
                    _ => "has no refresh_token",
                },
                CredentialsFileProblem::Type(_) => "is of another type than authorized_user",
                _ => "is not a JSON object",
            };
            InvalidInput::new(USER_FILE, problem).into()
        })
    }

    pub(crate) fn read(json: &[u8], trusted: &TrustedEndpoints) -> Result<Self, CredentialsFileProblem> {
        let file: File = parse(json)?;
        let required = |member: Member, name| member.text(name, AUTHORIZED_USER, USER_FILE);
        let optional = |member: Member| member.optional(USER_FILE);
        let kind = required(file.kind, "type")?;
        if kind != AUTHORIZED_USER {
            return Err(CredentialsFileProblem::Type(kind.chars().take(40).collect()));
        }
        let client_id = required(file.client_id, "client_id")?;
        let client_secret = Secret::new(required(file.client_secret, "client_secret")?);
        let refresh_token = Secret::new(required(file.refresh_token, "refresh_token")?);
        let universe = trusted.universe(optional(file.universe_domain)?.as_deref(), USER_FILE)?;
        let token_uri = optional(file.token_uri)?;
        let endpoint = trusted.token_endpoint(token_uri.as_deref(), &universe, USER_FILE)?;
        let client = trust::client(&client_id, endpoint, &universe);
        let client = client
            .map_err(|_| InvalidInput::new(USER_FILE, "has a universe_domain that is no name of a host"))?;
        let client = client.with_secret_post(client_secret);
        // gcloud has one client for all its users, and leaves `account` empty: what tells two users apart is the refresh token.
        let token = Key::new(&client, Scopes::none()).with_label(refresh_token.expose());
        let key = Key::new(&client, Scopes::none())
            .with_account(optional(file.account)?.unwrap_or_default())
            .with_label_parts([("authorized_user", &*token.digest())]);
        let user = Self {
            client,
            key,
            refresh_token,
            quota_project: None,
            universe,
        };
        match optional(file.quota_project_id)? {
            Some(project) => user.with_quota_project(project).map_err(|_| {
                InvalidInput::new(USER_FILE, "has a quota_project_id that no header may have").into()
            }),
            None => Ok(user),
        }
    }

    /// Counts calls to this project, whatever the file says: they then carry the header `x-goog-user-project`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if no header can have it.
    pub fn with_quota_project(mut self, project: impl Into<String>) -> Result<Self, Error> {
        let project = QuotaProject::new(project)?;
        self.client = project.on(self.client);
        self.quota_project = Some(project);
        Ok(self)
    }

    /// The user, where the file names them.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        Some(self.key.account()).filter(|account| !account.is_empty())
    }

    /// The project that calls are counted to.
    #[must_use]
    pub fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_ref().map(QuotaProject::as_str)
    }

    /// The domain of the APIs: `googleapis.com` but for other clouds.
    #[must_use]
    pub fn universe_domain(&self) -> &str {
        &self.universe
    }

    /// A live handle for async programs, its token kept in memory.
    pub fn build(self, transport: impl AsyncTransport + 'static) -> Credentials {
        Credentials::from_source(self, transport)
    }

    /// The same for blocking programs.
    pub fn build_blocking(self, transport: impl Transport + 'static) -> blocking::Credentials {
        blocking::Credentials::from_source(self, transport)
    }
}

impl TokenSource for AuthorizedUser {
    /// No scopes are sent: those that the user consented to are then meant, and others would be refused.
    fn token(&self) -> Step<Token> {
        let ours = self.refresh_token.clone();
        let refresh = TokenRequest::refresh(&self.client, ours.clone()).flow();
        if is_googles(self.client.token_endpoint()) {
            // Google replaces none; one that comes is one more.
            return refresh;
        }
        refresh.and_then(move |token, _| match &token.refresh_token {
            // The file is another program's, and the next run would send the one that is spent.
            Some(successor) if !successor.eq_ct(&ours) => Err(Error::Unsupported(
                "keep a refresh token that the server has replaced: log in to this server instead",
            )),
            _ => Ok(Step::Done(token)),
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn client(&self) -> &Client {
        &self.client
    }

    fn name(&self) -> &str {
        AUTHORIZED_USER
    }
}

const USER_FILE: &str = "authorized_user file";

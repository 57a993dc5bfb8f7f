//! What was found of default credentials, and where ([AIP-4110](https://google.aip.dev/auth/4110)).

use std::fmt;
use std::path::PathBuf;

use grantflow_core::flow::TokenSource;
use grantflow_core::{AsyncTransport, Client, Credentials, Key, Step, Token, Transport, blocking};

use crate::authorized_user::AuthorizedUser;
use crate::key::ServiceAccountKey;
use crate::metadata::{MetadataAddress, MetadataToken};
use crate::service_account::ServiceAccount;

/// Default credentials that were found; [`build`](Self::build) makes them a live handle.
#[derive(Clone, Debug)]
pub struct Found {
    place: Place,
    source: FoundSource,
}

/// Where default credentials were found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// In the file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    Variable(PathBuf),
    /// In gcloud's file.
    Gcloud(PathBuf),
    /// At the metadata server.
    Metadata(MetadataAddress),
}

/// Whose tokens they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FoundSource {
    /// A service account's, by its key; the second is what asks for the scopes.
    ServiceAccount(Box<ServiceAccountKey>, ServiceAccount),
    /// A user's.
    AuthorizedUser(AuthorizedUser),
    /// Those of the account that the machine runs as.
    Metadata(MetadataToken),
}

impl Found {
    pub(crate) fn new(place: Place, source: FoundSource) -> Self {
        Self { place, source }
    }

    /// Where they were found.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whose tokens they are, to ask for more: a service account's key signs and speaks for users, a metadata server gives ID tokens.
    #[must_use]
    pub fn source(&self) -> &FoundSource {
        &self.source
    }

    /// The project that calls are counted to: that of the program, else of `GOOGLE_CLOUD_QUOTA_PROJECT`, else of the file.
    #[must_use]
    pub fn quota_project(&self) -> Option<&str> {
        match &self.source {
            FoundSource::ServiceAccount(key, _) => key.quota_project(),
            FoundSource::AuthorizedUser(user) => user.quota_project(),
            FoundSource::Metadata(source) => source.quota_project(),
        }
    }

    /// A live handle for async programs, its token kept in memory.
    pub fn build(self, transport: impl AsyncTransport + 'static) -> Credentials {
        Credentials::from_source(self, transport)
    }

    /// The same for blocking programs.
    pub fn build_blocking(self, transport: impl Transport + 'static) -> blocking::Credentials {
        blocking::Credentials::from_source(self, transport)
    }

    fn inner(&self) -> &dyn TokenSource {
        match &self.source {
            FoundSource::ServiceAccount(_, account) => account,
            FoundSource::AuthorizedUser(user) => user,
            FoundSource::Metadata(source) => source,
        }
    }
}

/// For people: the variable that names the file, or whose file it is.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(path) => write!(f, "{}, named by GOOGLE_APPLICATION_CREDENTIALS", path.display()),
            Self::Gcloud(path) => write!(f, "{}, gcloud's file", path.display()),
            Self::Metadata(address) => write!(f, "the metadata server at {address}"),
        }
    }
}

impl TokenSource for Found {
    fn token(&self) -> Step<Token> {
        self.inner().token()
    }

    fn key(&self) -> &Key {
        self.inner().key()
    }

    fn client(&self) -> &Client {
        self.inner().client()
    }

    fn name(&self) -> &str {
        self.inner().name()
    }
}

//! Application Default Credentials, the first three places ([AIP-4110](https://google.aip.dev/auth/4110)).
//!
//! ```text
//! GOOGLE_APPLICATION_CREDENTIALS ─set─▶ Load ─┬─ service_account, authorized_user ─▶ Found
//!        │ not set                            └─ absent, another type, malformed ──▶ error
//!        ▼
//! gcloud's file ─▶ Load ─┬─ service_account, authorized_user ─▶ Found
//!                        ├─ another type, malformed ──────────▶ error
//!                        ▼ absent
//! metadata server ─▶ Send(probe) ─┬─ Metadata-Flavor: Google ─▶ Found
//!                                 └─ else ────────────────────▶ error: what each place said
//! ```

use std::path::{Path, PathBuf};

use grantflow_core::error::{CredentialsFileProblem, FileTried, MetadataTried, NoDefaultCredentials};
use grantflow_core::{Cx, Error, LoadError, Next, Scopes, Source, Step};

use crate::credentials_file::CredentialsFile;
use crate::environment::Environment;
use crate::found::{Found, FoundSource, Place};
use crate::metadata::MetadataServer;
use crate::trust::TrustedEndpoints;

/// The search for the credentials that a machine has for its programs.
///
/// Of files, those of type `service_account` and `authorized_user` are taken. What is there and cannot be used ends the search: to go
/// on would give the program another identity than the one that was meant.
///
/// # Example
///
/// ```no_run
/// # fn example(host: &impl grantflow_core::Host) -> Result<(), grantflow_core::Error> {
/// use grantflow_google::{DefaultCredentials, Environment};
///
/// let environment = Environment::read(|name| std::env::var_os(name));
/// let search = DefaultCredentials::new(environment, ["https://www.googleapis.com/auth/cloud-platform"])?;
/// let found = grantflow_core::run(search.find(), host)?; // a host that loads files
/// println!("{}", found.place());
/// // let credentials = found.build_blocking(transport);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DefaultCredentials {
    environment: Environment,
    scopes: Scopes,
    trusted: TrustedEndpoints,
    quota_project: Option<String>,
}

impl DefaultCredentials {
    /// Searches where this environment says, for tokens with these scopes. A user's token has the scopes that the user consented to.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn new(
        environment: Environment,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            environment,
            scopes: scopes.try_into().map_err(Into::into)?,
            trusted: TrustedEndpoints::google(),
            quota_project: None,
        })
    }

    /// Obeys the addresses in files that are among these.
    #[must_use]
    pub fn trusting(mut self, trusted: TrustedEndpoints) -> Self {
        self.trusted = trusted;
        self
    }

    /// Counts calls to this project, whatever `GOOGLE_CLOUD_QUOTA_PROJECT` and the file say: they then carry the header
    /// `x-goog-user-project`.
    #[must_use]
    pub fn quota_project(mut self, project: impl Into<String>) -> Self {
        self.quota_project = Some(project.into());
        self
    }

    /// The first step. The flow ends in [`Error::DefaultCredentials`] where nothing is found, or something that cannot be used.
    pub fn find(self) -> Step<Found> {
        let mut tried = NoDefaultCredentials::unasked();
        match self.environment.credentials_file.clone() {
            Some(path) => load(path.clone(), move |file, cx| match self.read(file, &path) {
                Ok(file) => self.found(file, Place::Variable(path), cx),
                Err(answer) => {
                    tried.variable = answer;
                    Err(tried.into())
                }
            }),
            None => {
                tried.variable = FileTried::Unnamed;
                self.at_gcloud(tried)
            }
        }
    }

    fn at_gcloud(self, mut tried: NoDefaultCredentials) -> Step<Found> {
        let Some(path) = self.environment.gcloud_file.clone() else {
            tried.gcloud = FileTried::Unnamed;
            return self.at_metadata(tried);
        };
        load(path.clone(), move |file, cx| match self.read(file, &path) {
            Ok(file) => self.found(file, Place::Gcloud(path), cx),
            Err(answer) => {
                let is_absent = matches!(
                    answer,
                    FileTried::NotLoaded {
                        why: LoadError::NotFound,
                        ..
                    }
                );
                tried.gcloud = answer;
                if is_absent {
                    return Ok(self.at_metadata(tried));
                }
                Err(tried.into())
            }
        })
    }

    fn at_metadata(self, mut tried: NoDefaultCredentials) -> Step<Found> {
        let settings = self.environment.metadata.clone();
        if settings.switched_off {
            tried.metadata = MetadataTried::SwitchedOff;
            return Step::begin(move |_| Err(tried.into()));
        }
        let (address, probed) = match (settings.address, settings.probe) {
            (Ok(address), Ok(probed)) => (address, probed),
            (Err(problem), _) | (_, Err(problem)) => {
                tried.metadata = MetadataTried::Address(problem);
                return Step::begin(move |_| Err(tried.into()));
            }
        };
        let probe = MetadataServer::new(probed).probe(settings.timeout);
        probe.then(move |answer, _| {
            tried.metadata = match answer {
                Ok(()) => {
                    let mut source = MetadataServer::new(address.clone()).credentials(self.scopes.clone())?;
                    if let Some(project) = self.counted_to() {
                        source = source.with_quota_project(project)?;
                    }
                    return Ok(Step::Done(Found::new(
                        Place::Metadata(address),
                        FoundSource::Metadata(source),
                    )));
                }
                Err(Error::Transport(error)) => MetadataTried::NoReply(error),
                Err(Error::BadReply(reply)) => MetadataTried::BadReply(reply),
                Err(error) => return Err(error),
            };
            Err(tried.into())
        })
    }

    /// The project that code or the environment name.
    fn counted_to(&self) -> Option<&str> {
        self.quota_project
            .as_deref()
            .or(self.environment.quota_project.as_deref())
    }

    fn read(&self, file: Result<Vec<u8>, LoadError>, path: &Path) -> Result<CredentialsFile, FileTried> {
        let json = file.map_err(|why| FileTried::NotLoaded {
            path: path.to_owned(),
            why,
        })?;
        // A `Body` clears its bytes when it goes.
        let json = grantflow_core::Body::from(json);
        let unusable = |problem: CredentialsFileProblem| FileTried::Unusable {
            path: path.to_owned(),
            problem,
        };
        CredentialsFile::read(json.as_bytes(), &self.trusted).map_err(unusable)
    }

    fn found(&self, file: CredentialsFile, place: Place, _: &mut Cx<'_>) -> Result<Step<Found>, Error> {
        let project = self.counted_to();
        let source = match file {
            CredentialsFile::ServiceAccount(mut key) => {
                if let Some(project) = project {
                    key = key.with_quota_project(project)?;
                }
                let account = key.credentials(self.scopes.clone())?;
                FoundSource::ServiceAccount(Box::new(key), account)
            }
            CredentialsFile::AuthorizedUser(mut user) => {
                if let Some(project) = project {
                    user = user.with_quota_project(project)?;
                }
                FoundSource::AuthorizedUser(user)
            }
        };
        Ok(Step::Done(Found::new(place, source)))
    }
}

fn load(
    path: PathBuf,
    then: impl FnOnce(Result<Vec<u8>, LoadError>, &mut Cx<'_>) -> Result<Step<Found>, Error> + Send + 'static,
) -> Step<Found> {
    Step::Load(Source::File(path), Next::new(then))
}

//! Google's credentials, and the one call that finds those of this machine ([AIP-4110](https://google.aip.dev/auth/4110)).

use grantflow_core::{
    AsyncTransport, AsyncTransportHost, Credentials, Error, Scopes, Transport, TransportHost, blocking,
    drive, run,
};
pub use grantflow_google::*;

use crate::WithFiles;

/// What the variables of this process say of default credentials now.
#[must_use]
pub fn environment() -> Environment {
    Environment::read(|name| match name {
        // Of the user database, where the variable is not set.
        "HOME" => std::env::home_dir().map(Into::into),
        name => std::env::var_os(name),
    })
}

/// Finds the credentials that this machine has for its programs, for async ones: the file of `GOOGLE_APPLICATION_CREDENTIALS`, else
/// that of `gcloud auth application-default login`, else the metadata server.
///
/// For options, such as a project that calls are counted to or endpoints that are trusted, there is [`DefaultCredentials`] with
/// [`WithFiles`].
///
/// # Errors
///
/// [`Error::DefaultCredentials`] that says what each place answered.
///
/// # Example
///
/// ```no_run
/// # #[cfg(feature = "reqwest")]
/// # async fn example() -> Result<(), grantflow::Error> {
/// use grantflow::reqwest::ReqwestTransport;
///
/// let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
/// let credentials = grantflow::google::default_credentials(scopes, ReqwestTransport::new()?).await?;
/// let header = credentials.header().await?;
/// # Ok(())
/// # }
/// ```
pub async fn default_credentials<T: AsyncTransport + 'static>(
    scopes: impl TryInto<Scopes, Error: Into<Error>>,
    transport: T,
) -> Result<Credentials, Error> {
    let search = DefaultCredentials::new(environment(), scopes)?;
    let transport = WithFiles::new(transport);
    let found = drive(search.find(), &AsyncTransportHost::new(&transport)).await?;
    Ok(found.build(transport.into_inner()))
}

/// The same for blocking programs.
///
/// # Errors
///
/// As [`default_credentials`].
///
/// # Example
///
/// ```no_run
/// # #[cfg(feature = "ureq")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grantflow::prelude::*;
///
/// let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
/// let credentials = grantflow::google::default_credentials_blocking(scopes, UreqTransport::new()?)?;
/// let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?; // a ureq::Agent like any other
/// let buckets = agent.get("https://storage.googleapis.com/storage/v1/b?project=p").call()?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "ureq"))]
/// # fn main() {}
/// ```
pub fn default_credentials_blocking<T: Transport + 'static>(
    scopes: impl TryInto<Scopes, Error: Into<Error>>,
    transport: T,
) -> Result<blocking::Credentials, Error> {
    let search = DefaultCredentials::new(environment(), scopes)?;
    let transport = WithFiles::new(transport);
    let found = run(search.find(), &TransportHost::new(&transport))?;
    Ok(found.build_blocking(transport.into_inner()))
}

//! The store and the transport that a command works with.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};

use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use grantflow::blocking::Credentials;
use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow::{Error, Key, NotAuthorized, Record, Store as _, Timestamp, Transport as _};

use crate::args::{Args, place};
use crate::exit::{FAILED, Failure, STORE, USAGE};
use crate::guard::Watched;

/// The variable that names the store where the option does not.
const VARIABLE: &str = "GRANTFLOW_STORE";

/// The store of a command and how it was named.
pub(crate) struct Session {
    pub(crate) store: FileStore,
    pub(crate) location: String,
    pub(crate) transport: Watched,
    /// Whether nobody named the store.
    own: bool,
}

impl Session {
    /// Opens the store that was named, or the user's own. Nothing is written yet.
    pub(crate) fn open(args: &Args) -> Result<Self, Failure> {
        let named = match &args.store {
            Some(path) => Some(path.clone()),
            None => by_variable()?,
        };
        let own = named.is_none();
        let path = named.map_or_else(users_own, Ok)?;
        Ok(Self {
            location: format!("file:{}", path.display()),
            store: FileStore::new(path),
            transport: transport(args.ca_file.as_deref())?,
            own,
        })
    }

    /// Makes the user's own directory for a login; a directory that was named is the store's to make.
    pub(crate) fn make_directory(&self) -> Result<(), Failure> {
        let Some(directory) = self.store.path().parent().filter(|_| self.own) else {
            return Ok(());
        };
        make_private(directory).map_err(|error| {
            Failure::new(STORE, format!("cannot make {}: {error}", directory.display()))
                .hint("name another place with --store file:PATH")
        })
    }

    /// The one key of the store.
    pub(crate) fn key(&self) -> Result<Key, Failure> {
        let key = self.store.keys()?.into_iter().next();
        key.ok_or_else(|| self.nothing_stored())
    }

    /// The one record of the store.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let record = self.store.read(&self.key()?)?;
        record.ok_or_else(|| self.nothing_stored())
    }

    /// The credentials of the store.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        Ok(Credentials::new(
            self.key()?,
            self.store.clone(),
            self.transport.clone(),
        ))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.transport.now().wall
    }

    fn nothing_stored(&self) -> Failure {
        let failure = Failure::from(Error::from(NotAuthorized::NothingStored));
        failure.hint(format!(
            "nothing is in {}: run `grantflow login`, or name the place with --store",
            self.location
        ))
    }
}

/// An empty variable is one that is not set.
fn by_variable() -> Result<Option<PathBuf>, Failure> {
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match place(&text) {
        Ok(path) => Ok(Some(path)),
        Err(why) => Err(Failure::new(
            USAGE,
            format!("the store in {VARIABLE} cannot be used: {why}"),
        )),
    }
}

/// `credentials.json` in the user's own data directory.
fn users_own() -> Result<PathBuf, Failure> {
    let names = AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "grantflow".to_owned(),
        app_name: "grantflow".to_owned(),
    };
    let directories = choose_app_strategy(names).map_err(|_| {
        Failure::new(FAILED, "this user has no home directory").hint("name a store with --store file:PATH")
    })?;
    Ok(directories.data_dir().join("credentials.json"))
}

fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

fn transport(ca_file: Option<&Path>) -> Result<Watched, Failure> {
    let mut builder = UreqTransport::builder();
    if let Some(file) = ca_file {
        builder = builder.ca_file(file);
    }
    match (builder.build(), ca_file) {
        (Ok(transport), _) => Ok(Watched(transport)),
        (Err(Error::Transport(error)), Some(file)) => {
            let why = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Err(Failure::new(
                USAGE,
                format!("cannot use the certificates in {}: {why}", file.display()),
            ))
        }
        (Err(error), _) => Err(error.into()),
    }
}

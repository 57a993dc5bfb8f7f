//! The store and the transport that a command works with.

use std::fs;
use std::path::{Path, PathBuf};

use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use grantflow::blocking::Credentials;
use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow::{Key, NotAuthorized, Record, Store as _, Transport as _};

use crate::args::Args;
use crate::exit::{FAILED, Failure, USAGE};
use crate::guard;

/// The store of a command and how it was named.
pub(crate) struct Session {
    pub(crate) store: FileStore,
    pub(crate) location: String,
    pub(crate) transport: UreqTransport,
}

impl Session {
    /// Opens the store that was named, or the user's own.
    pub(crate) fn open(args: &Args) -> Result<Self, Failure> {
        let path = match &args.store {
            Some(store) => named(store)?,
            None => own()?,
        };
        let location = format!("file:{}", path.display());
        Ok(Self {
            store: FileStore::new(&path),
            location,
            transport: transport(args.ca_file.as_deref())?,
        })
    }

    /// The one key of the store.
    pub(crate) fn key(&self) -> Result<Key, Failure> {
        let keys = self.store.keys()?;
        match keys.as_slice() {
            [key] => Ok(key.clone()),
            [] => Err(grantflow::Error::from(NotAuthorized::NothingStored).into()),
            _ => Err(Failure::new(USAGE, "the store holds several credentials")),
        }
    }

    /// The one record of the store.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let record = self.store.read(&self.key()?)?;
        record.ok_or_else(|| grantflow::Error::from(NotAuthorized::NothingStored).into())
    }

    /// The credentials of the store, watched by the interrupt handler.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        let credentials = Credentials::new(self.key()?, self.store.clone(), self.transport.clone());
        guard::watch(&credentials);
        Ok(credentials)
    }

    pub(crate) fn now(&self) -> grantflow::Timestamp {
        self.transport.now().wall
    }
}

fn named(store: &str) -> Result<PathBuf, Failure> {
    match store.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(Failure::new(USAGE, "this store is not known").hint("name one as file:PATH")),
    }
}

/// `credentials.json` in the user's own data directory.
fn own() -> Result<PathBuf, Failure> {
    let names = AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "grantflow".to_owned(),
        app_name: "grantflow".to_owned(),
    };
    let directories = choose_app_strategy(names).map_err(|_| {
        Failure::new(FAILED, "this user has no home directory").hint("name a store with --store file:PATH")
    })?;
    let directory = directories.data_dir();
    make_private(&directory).map_err(|error| {
        Failure::new(
            crate::exit::STORE,
            format!("cannot make {}: {error}", directory.display()),
        )
    })?;
    Ok(directory.join("credentials.json"))
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

pub(crate) fn transport(ca_file: Option<&Path>) -> Result<UreqTransport, Failure> {
    let mut builder = UreqTransport::builder();
    if let Some(file) = ca_file {
        builder = builder.ca_file(file);
    }
    Ok(builder.build()?)
}

//! Stores of every kind, opened by their names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use grantflow::store::{DataKey, Encrypted, FileStore, GivenKeys, KeyFile, KeyId, KeySource, MultiStore};
#[cfg(feature = "keyring")]
use grantflow::store::{Keyring, KeyringKey, KeyringStore};
use grantflow::{Secret, Store, StoreError};

use crate::args::Args;
use crate::exit::{FAILED, Failure, USAGE};
use crate::patience::Telling;
use crate::place::{Item, Kind, Place, SealingKey};

/// The variable that names the store where the option does not.
pub(crate) const STORE_VARIABLE: &str = "GRANTFLOW_STORE";

/// The variable that names the sealing key where the option does not.
pub(crate) const KEY_VARIABLE: &str = "GRANTFLOW_SEALING_KEY";

/// A store that was decided for.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) place: Place,
    pub(crate) by: By,
    /// Where its key is, if it is sealed.
    pub(crate) key: Option<SealingKey>,
}

/// Who named the store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum By {
    Option,
    Variable,
    /// Nobody: it is the user's own.
    Nobody,
}

impl Named {
    /// The store that the command line or the environment names, else the user's own.
    pub(crate) fn read(args: &Args) -> Result<Self, Failure> {
        let by_variable = variable(STORE_VARIABLE, "the store", Place::parse);
        let (place, by) = match (&args.store, by_variable) {
            (Some(place), _) => (place.clone(), By::Option),
            (None, Some(place)) => (place?, By::Variable),
            (None, None) => (users_own()?, By::Nobody),
        };
        let key = sealing_key(args)?;
        let key = match (place.sealed, key) {
            (true, None) => {
                return Err(Failure::new(USAGE, format!("{place} needs a key that seals it")).hint(format!(
                    "name one with --sealing-key or {KEY_VARIABLE}: keyring:APPLICATION/USER, file:PATH or env:NAME"
                )));
            }
            // Said by name, one in the clear is meant; else it would be so without anybody knowing (threat T63).
            (false, Some(key)) if args.sealing_key.is_some() || by == By::Nobody => {
                return Err(Failure::new(
                    USAGE,
                    format!("there is a sealing key, {key}, and {place} is not sealed"),
                )
                .hint("name a sealed store: --store file+sealed:PATH or multistore+sealed:DIRECTORY"));
            }
            (sealed, key) => key.filter(|_| sealed),
        };
        if let (Kind::File(store), Some(SealingKey::File(file))) = (&place.kind, &key)
            && is_same(store, file)
        {
            return Err(Failure::new(
                USAGE,
                format!("the key that seals {place} cannot be in the same file"),
            )
            .hint("name another file with --sealing-key, best on another disk"));
        }
        Ok(Self { place, by, key })
    }
}

/// Whether two names are of one file, which need not be there yet.
fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let directory = path.parent().and_then(|parent| parent.canonicalize().ok());
        match (directory, path.file_name()) {
            (Some(directory), Some(name)) => directory.join(name),
            _ => path,
        }
    };
    whole(one) == whole(other)
}

/// Where the sealing key is, as the command line or the environment says.
pub(crate) fn sealing_key(args: &Args) -> Result<Option<SealingKey>, Failure> {
    match &args.sealing_key {
        Some(key) => Ok(Some(key.clone())),
        None => variable(KEY_VARIABLE, "the sealing key", SealingKey::parse).transpose(),
    }
}

/// Takes the sealing key out of the environment, which every program that is started from here would get (threat T61).
pub(crate) fn take_secret(args: &Args) -> Option<Secret> {
    // What cannot be read is told when the store is opened.
    let Ok(Some(SealingKey::Variable(name))) = sealing_key(args) else {
        return None;
    };
    let secret = std::env::var(&name).ok().filter(|value| !value.is_empty())?;
    let emptied = dotenvy::from_read_override(format!("{name}=''\n").as_bytes());
    emptied.is_ok().then(|| Secret::new(secret))
}

/// What a variable says; an empty one is one that is not set.
fn variable<T>(
    name: &str,
    what: &str,
    parse: impl Fn(&std::ffi::OsStr) -> Result<T, &'static str>,
) -> Option<Result<T, Failure>> {
    let text = std::env::var_os(name).filter(|text| !text.is_empty())?;
    let refused = |why| Failure::new(USAGE, format!("{what} in {name} cannot be used: {why}"));
    Some(parse(&text).map_err(refused))
}

/// The user's own store: a directory for any number of records; the file of one record where that is in use already.
fn users_own() -> Result<Place, Failure> {
    let home = data_directory()?;
    let file = home.join("credentials.json");
    let kind = if file.symlink_metadata().is_ok() {
        Kind::File(file)
    } else {
        Kind::Multistore(home.join("credentials"))
    };
    Ok(Place { kind, sealed: false })
}

/// The user's own data directory. The locks of items of the password manager lie there, too.
pub(crate) fn data_directory() -> Result<PathBuf, Failure> {
    let names = AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "grantflow".to_owned(),
        app_name: "grantflow".to_owned(),
    };
    let directories = choose_app_strategy(names).map_err(|_| {
        Failure::new(FAILED, "this user has no home directory").hint("name a store with --store file:PATH")
    })?;
    Ok(directories.data_dir())
}

/// Opens a store. Nothing is read or written yet.
pub(crate) fn open(named: &Named, secret: Option<&Secret>) -> Result<Arc<dyn Store>, Failure> {
    let place = &named.place;
    let store = match (&place.kind, &named.key) {
        (Kind::Keyring(item), _) => keyring_store(item)?,
        (_, Some(_)) => Telling::new(sealed(named, secret)?),
        (Kind::File(path), None) => Telling::new(FileStore::new(path)),
        (Kind::Multistore(path), None) => Telling::new(MultiStore::new(path)),
    };
    Ok(Arc::new(store))
}

/// Opens a store that is sealed.
pub(crate) fn sealed(named: &Named, secret: Option<&Secret>) -> Result<Encrypted, Failure> {
    let place = &named.place;
    match (&place.kind, &named.key) {
        (Kind::File(path), Some(key)) => Ok(Encrypted::new(FileStore::new(path), Source(keys(key, secret)?))),
        (Kind::Multistore(path), Some(key)) => {
            Ok(Encrypted::new(MultiStore::new(path), Source(keys(key, secret)?)))
        }
        _ => Err(not_sealed(place)),
    }
}

pub(crate) fn not_sealed(place: &Place) -> Failure {
    Failure::new(USAGE, format!("{place} is not sealed"))
        .hint("name a sealed store: --store file+sealed:PATH or multistore+sealed:DIRECTORY")
}

/// Opens what keeps the sealing key; `secret` is the value of the variable that may be named.
pub(crate) fn keys(key: &SealingKey, secret: Option<&Secret>) -> Result<Box<dyn KeySource>, Failure> {
    Ok(match key {
        SealingKey::File(path) => Box::new(KeyFile::new(path)),
        SealingKey::Keyring(item) => keyring_key(item)?,
        SealingKey::Variable(name) => Box::new(given(name, secret)?),
    })
}

fn given(name: &str, secret: Option<&Secret>) -> Result<GivenKeys, Failure> {
    const MAKE: &str =
        "a new key is made by `openssl rand -base64 32`; keep it, since nothing else opens what it seals";
    let secret = secret.ok_or_else(|| {
        Failure::new(
            USAGE,
            format!("the variable {name}, which is to hold the sealing key, is not set"),
        )
        .hint(MAKE)
    })?;
    let key = DataKey::parse(secret.expose()).map_err(|_| {
        Failure::new(
            USAGE,
            format!("the variable {name} holds no key: that is 32 random bytes, in base64 or hex"),
        )
        .hint(MAKE)
    })?;
    Ok(GivenKeys::new(key))
}

/// A source of any kind.
#[derive(Debug)]
struct Source(Box<dyn KeySource>);

impl KeySource for Source {
    fn keys(&self) -> Result<Vec<DataKey>, StoreError> {
        self.0.keys()
    }

    fn add(&self, new: DataKey, before: Option<KeyId>) -> Result<Vec<DataKey>, StoreError> {
        self.0.add(new, before)
    }
}

#[cfg(feature = "keyring")]
fn keyring_store(item: &Item) -> Result<Telling, Failure> {
    Ok(Telling::new(store_of(item)?))
}

#[cfg(feature = "keyring")]
fn store_of(item: &Item) -> Result<KeyringStore, Failure> {
    Ok(KeyringStore::new(
        Keyring::system(),
        &item.application,
        &item.user,
        data_directory()?,
    ))
}

#[cfg(feature = "keyring")]
fn keyring_key(item: &Item) -> Result<Box<dyn KeySource>, Failure> {
    let key = KeyringKey::new(
        Keyring::system(),
        &item.application,
        &item.user,
        data_directory()?,
    );
    Ok(Box::new(key))
}

/// What an item holds, whoever wrote it.
#[cfg(feature = "keyring")]
pub(crate) fn kept(item: &Item) -> Result<Option<Secret>, Failure> {
    Ok(store_of(item)?.expose_item()?)
}

#[cfg(not(feature = "keyring"))]
pub(crate) fn kept(_: &Item) -> Result<Option<Secret>, Failure> {
    Err(without_keyring())
}

#[cfg(not(feature = "keyring"))]
fn keyring_store(_: &Item) -> Result<Telling, Failure> {
    Err(without_keyring())
}

#[cfg(not(feature = "keyring"))]
fn keyring_key(_: &Item) -> Result<Box<dyn KeySource>, Failure> {
    Err(without_keyring())
}

#[cfg(not(feature = "keyring"))]
fn without_keyring() -> Failure {
    Failure::new(USAGE, "this grantflow was built without the password manager")
        .hint("build it with the feature `keyring`, or name a file: file:PATH, or file+sealed:PATH")
}

/// Makes a directory for its owner alone, and those above it.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

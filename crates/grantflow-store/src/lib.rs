//! Where Grantflow keeps records on this machine.
//!
//! # In scope
//!
//! - [`FileStore`] (feature `file`): one record in one file, whole after every crash, one writer among all processes
//! - [`MultiStore`] (feature `multistore`): any number of records in one directory, each as safe as that one file
//! - [`Encrypted`] (feature `encrypted`): the records of a file, a directory or a password manager, sealed
//! - [`KeyringStore`] (feature `keyring`): one record in the system's password manager
//! - [`MemoryStore`] (feature `memory`): records that end with the process
//! - [`import`] (feature `import`): files of oauth2client, gcloud and google-auth become records, and records such files
//! - [`OnThread`] (feature `async`): any blocking store as an async one, on every runtime
//!
//! # Out of scope
//!
//! - stores shared by machines: they need compare-and-swap, not file locks
//!
//! # Example
//!
//! ```
//! use grantflow_core::{Store, StoreExt};
//! # use grantflow_core::{Client, Key, Provenance, Record, Scopes, Timestamp, Token};
//! # #[cfg(feature = "memory")] {
//! use std::time::Duration;
//! use grantflow_store::MemoryStore;
//!
//! # let client = Client::google("cid")?;
//! # let key = Key::new(&client, Scopes::parse("openid")?);
//! # let now = Timestamp::from_unix_seconds(1_800_000_000);
//! # let provenance = Provenance::new("example", now);
//! # let record = Record::new(key.clone(), client, Token::bearer("ya29", now), provenance);
//! let store = MemoryStore::new();
//! store.put(record, Duration::from_secs(5))?;
//! assert_eq!(store.keys()?, [key]);
//! # }
//! # Ok::<(), grantflow_core::Error>(())
//! ```

#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "file")]
mod form;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "multistore")]
mod multistore;
#[cfg(feature = "async")]
mod on_thread;

#[cfg(feature = "encrypted")]
pub use encrypted::{DataKey, Encrypted, GivenKeys, KeyFile, KeyId, KeySource, Resealed, Sealable};
#[cfg(feature = "file")]
pub use file::{FileStore, RESERVED};
#[cfg(all(feature = "keyring", feature = "encrypted"))]
pub use keyring::KeyringKey;
#[cfg(feature = "keyring")]
pub use keyring::{Keyring, KeyringStore, Probe};
#[cfg(feature = "memory")]
pub use memory::MemoryStore;
#[cfg(feature = "multistore")]
pub use multistore::MultiStore;
#[cfg(feature = "async")]
pub use on_thread::OnThread;

//! The stores that a herd meets, each opened by what a command line can say: its name and a directory.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::Store;
use grantflow_store::{Encrypted, FileStore, KeyFile, Keyring, KeyringStore, MultiStore};

/// A kind of store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    File,
    Multistore,
    Encrypted,
    Keyring,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::File, Self::Multistore, Self::Encrypted, Self::Keyring];

    /// The name in tables and on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Multistore => "multistore",
            Self::Encrypted => "encrypted",
            Self::Keyring => "keyring",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the records are files in the directory it is opened in.
    pub(crate) fn is_on_disk(self) -> bool {
        self != Self::Keyring
    }

    /// The store in this directory; each call is as a process of its own would have it.
    pub(crate) fn open(self, dir: &Path) -> Arc<dyn Store> {
        match self {
            Self::File => Arc::new(FileStore::new(dir.join("credentials.json"))),
            Self::Multistore => Arc::new(MultiStore::new(dir.join("records"))),
            Self::Encrypted => {
                let keys = KeyFile::new(dir.join("keys").join("data-key.json"));
                Arc::new(Encrypted::new(MultiStore::new(dir.join("records")), keys))
            }
            Self::Keyring => {
                // The directory is the scene's alone, and so is the item that is named after it.
                let user = dir.display().to_string();
                let keyring = Keyring::system().time_limit(KEYRING_LIMIT);
                Arc::new(KeyringStore::new(
                    keyring,
                    "grantflow-stampede",
                    &user,
                    dir.join("locks"),
                ))
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A hundred processes ask one daemon, on a machine that has other work too.
const KEYRING_LIMIT: Duration = Duration::from_secs(60);

//! Tells where what could not be read has gone: the save of a new login sets it aside.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use grantflow::loopback::Visible;

use crate::output::note;
use crate::place::Kind;
use crate::session::Session;

/// What had been set aside before.
pub(crate) struct Aside {
    directory: Option<PathBuf>,
    names: BTreeSet<OsString>,
}

impl Aside {
    /// Looks at what is there. In the password manager there is nothing to look at.
    pub(crate) fn before(session: &Session) -> Self {
        let directory = match session.kind() {
            Kind::File(path) => path.parent().map(|parent| match parent.as_os_str() {
                here if here.is_empty() => PathBuf::from("."),
                _ => parent.to_owned(),
            }),
            Kind::Multistore(path) => Some(path.clone()),
            Kind::Keyring(_) => None,
        };
        let names = directory.as_deref().map(names).unwrap_or_default();
        Self { directory, names }
    }

    /// Says what is there besides.
    pub(crate) fn tell(&self) {
        let Some(directory) = &self.directory else { return };
        for name in names(directory).difference(&self.names) {
            let path = directory.join(name).display().to_string();
            note(&format!(
                "what was stored before could not be read; it is now {}",
                Visible(&path)
            ));
        }
    }
}

/// A directory that cannot be listed tells nothing.
fn names(directory: &Path) -> BTreeSet<OsString> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().contains(".corrupt-"))
        .collect()
}

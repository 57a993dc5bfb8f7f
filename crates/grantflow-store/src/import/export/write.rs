//! A file for its owner alone, whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::import::{ForeignFileError, Problem};

/// Puts the content into a new file beside the place (`0600`), syncs it, and gives it its name.
pub(super) fn write(path: &Path, content: &[u8], replacing: bool) -> Result<(), ForeignFileError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => return Err(Problem::SymbolicLink.into()),
        Ok(found) if !found.is_file() => return Err(Problem::NotAFile.into()),
        Ok(_) if !replacing => return Err(Problem::Exists.into()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let prepared = Prepared::beside(path, 0)?;
    if replacing {
        return prepared.replace(path, content);
    }
    let file = prepared.filled(content)?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => ForeignFileError::from(Problem::Exists),
            _ => error.error.into(),
        })?;
    Ok(sync(directory(path))?)
}

/// A file beside a place, with room; it is removed if it does not get that place's name.
pub(in crate::import) struct Prepared(NamedTempFile);

impl Prepared {
    pub(in crate::import) fn beside(path: &Path, room: usize) -> Result<Self, ForeignFileError> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Opened here, and written as a file: the errors of what is made there name a file that nobody knows of.
        let mut file = tempfile::Builder::new()
            .prefix(".grantflow-")
            .suffix(".saving")
            .make_in(directory(path), |name| options.open(name))?;
        // Written, since space cannot be reserved everywhere.
        io::copy(&mut io::repeat(0).take(room as u64), file.as_file_mut())?;
        Ok(Self(file))
    }

    /// Puts the content into it, and it into the place of whatever is there.
    pub(in crate::import) fn replace(self, path: &Path, content: &[u8]) -> Result<(), ForeignFileError> {
        self.filled(content)?.persist(path).map_err(|error| error.error)?;
        Ok(sync(directory(path))?)
    }

    fn filled(self, content: &[u8]) -> io::Result<NamedTempFile> {
        let mut named = self.0;
        let file = named.as_file_mut();
        file.rewind()?;
        file.write_all(content)?;
        file.set_len(content.len() as u64)?;
        file.sync_all()?;
        Ok(named)
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Waits until the name is on disk, where a directory can be synced.
#[cfg(unix)]
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

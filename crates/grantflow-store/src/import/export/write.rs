//! A file for its owner alone, whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use crate::import::{ForeignFileError, Problem};

/// Puts the content into a new file beside the place (`0600`), syncs it, and gives it its name.
pub(in crate::import) fn write(path: &Path, content: &[u8], replacing: bool) -> Result<(), ForeignFileError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => return Err(Problem::SymbolicLink.into()),
        Ok(found) if !found.is_file() => return Err(Problem::NotAFile.into()),
        Ok(_) if !replacing => return Err(Problem::Exists.into()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".grantflow-")
        .suffix(".saving")
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    if replacing {
        file.persist(path).map_err(|error| error.error)?;
    } else {
        file.persist_noclobber(path)
            .map_err(|error| match error.error.kind() {
                ErrorKind::AlreadyExists => ForeignFileError::from(Problem::Exists),
                _ => error.error.into(),
            })?;
    }
    Ok(sync(directory)?)
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

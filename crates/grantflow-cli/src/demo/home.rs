//! The directory of a demo: nothing of the user's is touched, and nothing is left behind.

use std::fs;
use std::path::PathBuf;

use crate::exit::{FAILED, Failure};
use crate::guard;

/// A directory that is its user's alone, removed at the end.
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn make() -> Result<Self, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(FAILED, format!("cannot make a directory: {error}"));
        let base = std::env::temp_dir();
        for number in 0..1000 {
            let path = base.join(format!("grantflow-demo-{}-{number}", std::process::id()));
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            {
                use std::os::unix::fs::DirBuilderExt as _;
                builder.mode(0o700);
            }
            match builder.create(&path) {
                Ok(()) => {
                    guard::watch_home(&path);
                    return Ok(Self(path));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Failure::new(
            FAILED,
            "cannot make a directory: every name is taken",
        ))
    }

    /// Where the credentials are.
    pub(super) fn file(&self) -> PathBuf {
        self.place("credentials.json")
    }

    /// A file of this name, in a directory below, which a store makes: where this one is gone, an interrupted demo makes nothing again.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.0.join("kept").join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed is revoked all the same.
        let _ = fs::remove_dir_all(&self.0);
    }
}

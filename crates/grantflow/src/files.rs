//! Files that a program names: the one thing of the disk that this crate reads itself.

use std::path::PathBuf;

use grantflow_core::error::{TransportError, TransportErrorKind};
use grantflow_core::{Client, EntropyError, Error, Host, LoadError, Now, Request, Response, Source, run};

use crate::with_files::load;

/// Reads a client from a `client_secrets.json`, as Google's console gives it: a regular file of at most 64 KiB.
///
/// # Errors
///
/// [`Error::ClientSecrets`] if the file cannot be read or used; the message names the file or the property.
///
/// # Example
///
/// ```no_run
/// let client = grantflow::client_from_file("client_secrets.json")?;
/// println!("{}", client.id());
/// # Ok::<(), grantflow::Error>(())
/// ```
pub fn client_from_file(path: impl Into<PathBuf>) -> Result<Client, Error> {
    run(Client::load_client_secrets(path), &Files)
}

/// A host that loads files and does nothing else.
struct Files;

impl Host for Files {
    fn now(&self) -> Now {
        Now::default()
    }

    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError::new())
    }

    fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::new(TransportErrorKind::Other).before_sending())
    }

    fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        load(&source)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = client_from_file("no/such/client_secrets.json").unwrap_err();
        assert!(matches!(error, Error::ClientSecrets(_)));
        assert!(
            error.to_string().contains("no/such/client_secrets.json"),
            "{error}"
        );
    }
}

//! What may lie in the place of a record and is none: another program's, or other secrets of this library.

use std::fmt;

/// What lies in the place of a record, and is none. A login leaves it alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Foreign {
    /// Credentials of oauth2client, gcloud or google-auth, which can be imported.
    Credentials,
    /// The data keys of a sealed store.
    DataKeys,
    /// A private key or a certificate.
    PrivateKey,
    /// Something else, which nothing of a record can be seen in.
    Other,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "credentials of another library",
            Self::DataKeys => "the data keys of a sealed store",
            Self::PrivateKey => "a key or a certificate",
            Self::Other => "something else",
        })
    }
}

//! The metadata server of Google's clouds ([its documentation](https://cloud.google.com/compute/docs/metadata/overview)).

mod address;
mod exchange;
mod identity;
mod server;
mod token;

pub use address::MetadataAddress;
pub use identity::MetadataIdToken;
pub use server::MetadataServer;
pub use token::MetadataToken;

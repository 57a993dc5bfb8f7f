//! OAuth 2.0 for programs: obtains credentials, keeps them, applies them. With all features this page has examples, and the guides text.
#![cfg_attr(
    all(
        feature = "file",
        feature = "google",
        feature = "keyring",
        feature = "loopback",
        feature = "middleware",
        feature = "reqwest",
        feature = "ureq"
    ),
    doc = include_str!("../README.md")
)]
//!
//! # In scope
//!
//! - everything of `grantflow-core` at the root of this crate
//! - adapters and stores behind features: [`ureq`], `reqwest`, [`loopback`], [`store`]
//! - [`run_flow`]: the login of an installed application in one call; [`device_flow`]: that of a device
//!
//! - the guides: [the whole dance](guide::concepts), [the life of a token](guide::life_of_a_token),
//!   [when a call fails](guide::errors), [client ids](guide::client_ids), [bound tokens](guide::bound_tokens),
//!   [from a 401 to a login](guide::mcp), [from oauth2client](guide::from_oauth2client), `guide::providers` (feature `providers`)
//!
//! # Out of scope
//!
//! - rules of OAuth, which are all in `grantflow-core`: this crate is glue

mod files;
#[cfg(feature = "google")]
pub mod google;
#[cfg(all(feature = "loopback", feature = "ureq"))]
mod installed;
mod with_files;

pub use files::client_from_file;
pub use grantflow_core::*;
#[cfg(all(feature = "loopback", feature = "ureq"))]
pub use installed::{device_flow, device_flow_with, discover, run_flow, run_flow_with};
pub use with_files::WithFiles;

/// Keys and signed tokens (features `oidc`, `google`).
#[cfg(feature = "oidc")]
pub mod jwt {
    pub use grantflow_jwt::*;
}

/// The redirect receiver, the browser, and the conversation with the user (feature `loopback`).
#[cfg(feature = "loopback")]
pub mod loopback {
    pub use grantflow_loopback::*;
}

/// Grants and proofs that are signed (features `oidc`, `google`).
#[cfg(feature = "oidc")]
pub mod oidc {
    pub use grantflow_oidc::*;
}

/// The async transport on reqwest (feature `reqwest`).
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use grantflow_reqwest::*;
}

/// The stores (features `file`, `memory`, `multistore`, `encrypted`, `keyring`), and files of other libraries (feature `import`).
#[cfg(any(feature = "file", feature = "import", feature = "memory"))]
pub mod store {
    pub use grantflow_store::*;
}

/// The blocking transport on ureq, and authorized agents (feature `ureq`).
#[cfg(feature = "ureq")]
pub mod ureq {
    pub use grantflow_ureq::*;
}

/// What most programs import: `use grantflow::prelude::*;`.
pub mod prelude {
    pub use grantflow_core::{
        Client, Credentials, Endpoint, Error, Issuer, Key, Origin, Scopes, Secret, blocking,
    };
    #[cfg(feature = "google")]
    pub use grantflow_google::ServiceAccountKey;
    #[cfg(feature = "middleware")]
    pub use grantflow_reqwest::Authorize as AuthorizeReqwest;
    #[cfg(feature = "reqwest")]
    pub use grantflow_reqwest::ReqwestTransport;
    #[cfg(feature = "file")]
    pub use grantflow_store::FileStore;
    #[cfg(feature = "memory")]
    pub use grantflow_store::MemoryStore;
    #[cfg(feature = "multistore")]
    pub use grantflow_store::MultiStore;
    #[cfg(all(feature = "reqwest", any(feature = "file", feature = "memory")))]
    pub use grantflow_store::OnThread;
    #[cfg(feature = "ureq")]
    pub use grantflow_ureq::{Authorize, UreqTransport};
}

/// The guides, as in the repository's `docs` folder; their code is compiled.
pub mod guide {
    /// Tokens that are bound to a key or a certificate.
    #[cfg_attr(feature = "ureq", doc = include_str!("../docs/bound-tokens.md"))]
    pub mod bound_tokens {}
    #[doc = include_str!("../docs/client-ids.md")]
    pub mod client_ids {}
    #[doc = include_str!("../docs/concepts.md")]
    pub mod concepts {}
    #[doc = include_str!("../docs/errors.md")]
    pub mod errors {}
    /// What takes the place of each name of oauth2client.
    #[cfg_attr(
        all(
            feature = "encrypted",
            feature = "file",
            feature = "google",
            feature = "import",
            feature = "keyring",
            feature = "loopback",
            feature = "memory",
            feature = "multistore",
            feature = "oidc",
            feature = "reqwest",
            feature = "ureq"
        ),
        doc = include_str!("../docs/from-oauth2client.md")
    )]
    pub mod from_oauth2client {}
    #[doc = include_str!("../docs/life-of-a-token.md")]
    pub mod life_of_a_token {}
    /// From a refusal of a resource to a login there.
    #[cfg_attr(
        all(feature = "file", feature = "loopback", feature = "ureq"),
        doc = include_str!("../docs/mcp.md")
    )]
    pub mod mcp {}
    #[cfg(feature = "providers")]
    #[doc = include_str!("../docs/providers.md")]
    pub mod providers {}
}

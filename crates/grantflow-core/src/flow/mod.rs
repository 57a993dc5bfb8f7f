//! The flows that need a store, or several messages: getting an access token, applying it, keeping a login, revoking, polling.

mod access;
mod acquire;
mod authorized;
mod client_credentials;
mod discover;
mod keep;
mod polling;
mod presented;
mod refresh;
#[cfg(feature = "resource-owner-password")]
mod resource_owner_password;
mod retry;
mod revoke;
mod saml_bearer;
mod source;
mod token_exchange;
mod unsaved;

pub use access::{Access, AccessTokenFlow, LOCK_PATIENCE, Unless, access_token};
pub(crate) use authorized::allowed;
pub use authorized::authorized;
pub use client_credentials::ClientCredentials;
pub use discover::discover;
pub(crate) use discover::{discover_as, is_elsewhere};
pub use keep::keep;
pub use presented::PresentedToken;
#[cfg(feature = "resource-owner-password")]
pub use resource_owner_password::ResourceOwnerPassword;
pub use retry::RetryPolicy;
pub use revoke::{revoke, revoke_as};
pub use saml_bearer::SamlBearer;
pub use source::TokenSource;
pub use token_exchange::{TokenExchange, TokenTypeIdentifier};

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

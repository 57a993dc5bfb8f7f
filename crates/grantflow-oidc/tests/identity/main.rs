//! Client assertions, ID tokens and the keys of their issuers, over the public surface.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client_assertion;
mod device;
mod dpop;
mod fapi2;
mod hybrid;
mod id_token;
mod introspection;
mod keys;
mod login;
mod request_object;
mod response;
mod support;
mod userinfo;

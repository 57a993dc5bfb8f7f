//! Registered applications: the files of Google, and the presets of providers.

#[cfg(feature = "providers")]
mod providers;
mod secrets_file;

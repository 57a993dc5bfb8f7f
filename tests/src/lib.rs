//! What the workspace-level suites share: real servers, browsers, clocks and processes.
//!
//! Nothing here is published. A helper that cannot do what a test asked panics at the caller's line; what this machine has
//! not, such as Chromium, is skipped, loudly ([`skip`]).

pub mod account;
pub mod app;
pub mod browser;
pub mod canary;
pub mod chat;
pub mod child;
pub mod chromium;
pub mod clock;
pub mod desk;
pub mod django_oauth_toolkit;
pub mod driven;
pub mod either;
pub mod form;
pub mod kms;
pub mod login;
pub mod mcp;
pub mod metadata;
pub mod oauth2client;
pub mod provider;
pub mod recorder;
pub mod resource;
pub mod signing;
pub mod skip;
pub mod tls;
pub mod watched;

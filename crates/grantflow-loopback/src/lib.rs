//! Logins of installed applications: a redirect receiver on loopback, the user's browser, and `run_flow`.
//!
//! # In scope
//!
//! - [`Receiver`]: listens on 127.0.0.1 or `[::1]` for the redirect of one login, whatever else knocks
//! - [`run_flow`], [`run_flow_with`]: stored credentials if they serve, else a login from browser to store
//! - [`device_flow`], [`device_flow_with`]: the same with a code to enter at another device, where no browser can be used
//! - [`Prompt`]: how a login talks to the user; [`TerminalPrompt`] does so at a terminal
//! - [`Environment`]: whether a browser can be opened, and which
//! - [`Visible`]: other people's text, fit for a terminal
//!
//! # Out of scope
//!
//! - rules of OAuth: `grantflow-core`
//! - transports and stores: they are passed in
//! - logins of web applications
//!
//! # Features
//!
//! - `terminal` (default): [`TerminalPrompt`], [`run_flow`] and [`device_flow`]
//! - `clap`: `LoginArgs`, the flags of a login
//!
//! # Example
//!
//! ```no_run
//! # fn example(store: impl grantflow_core::Store + 'static, transport: impl grantflow_core::Transport + 'static)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use grantflow_core::Client;
//! use grantflow_loopback::{LoginOptions, Message, Prompt, run_flow_with};
//!
//! /// A window, say.
//! struct Window;
//!
//! impl Prompt for Window {
//!     fn say(&self, message: &Message<'_>) {
//!         match message {
//!             Message::Visit { url, .. } => show("Log in at", url.as_str()),
//!             Message::LoggedIn { .. } => show("You are logged in.", ""),
//!             _ => {}
//!         }
//!     }
//! }
//! # fn show(_: &str, _: &str) {}
//!
//! let client = Client::google("cid.apps.googleusercontent.com")?;
//! let options = LoginOptions::new();
//! let credentials = run_flow_with(&client, "openid email", store, transport, &options, &Window)?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "clap")]
mod args;
mod browser;
mod deadline;
mod error;
mod host;
mod login;
mod prompt;
mod receiver;
mod redirect;
#[cfg(feature = "terminal")]
mod terminal;
mod visible;

#[cfg(feature = "clap")]
pub use args::{LoggingLevel, LoginArgs};
pub use browser::{Environment, NoBrowser};
pub use error::{ListenError, LoginError, OtherRecord};
pub use host::LoopbackHost;
pub use login::{LoginOptions, device_flow_with, run_flow_with};
#[cfg(feature = "terminal")]
pub use login::{device_flow, run_flow};
pub use prompt::{Answers, Message, Paste, Prompt};
pub use receiver::{Receiver, ReceiverOptions};
#[cfg(feature = "terminal")]
pub use terminal::TerminalPrompt;
pub use visible::Visible;

//! Logins of installed applications: a redirect receiver on loopback, the user's browser, and `run_flow`.

mod deadline;
mod error;
mod host;
mod receiver;
mod visible;

pub use error::{ListenError, LoginError, OtherRecord};
pub use host::LoopbackHost;
pub use receiver::{Receiver, ReceiverOptions};
pub use visible::Visible;

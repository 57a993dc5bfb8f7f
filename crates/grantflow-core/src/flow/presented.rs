//! [`PresentedToken`]: what a grant shows to a server instead of a user ([RFC 7521 section 4.1], [RFC 8693 section 2.1]).
//!
//! [RFC 7521 section 4.1]: https://www.rfc-editor.org/rfc/rfc7521#section-4.1
//! [RFC 8693 section 2.1]: https://www.rfc-editor.org/rfc/rfc8693#section-2.1

use std::fmt;
use std::sync::Arc;

use crate::{Secret, Step};

/// A token or an assertion of somebody else that a grant presents: one that is there, or one that is got anew each time.
///
/// # Example
///
/// ```
/// use grantflow_core::flow::PresentedToken;
/// use grantflow_core::{Secret, Step};
///
/// let fixed = PresentedToken::from(Secret::new("eyJhbGciOiJFUzI1NiJ9"));
/// // One that its issuer, another flow, makes anew: assertions live for minutes.
/// let anew = PresentedToken::new(|| Step::Done(Secret::new("eyJhbGciOiJFUzI1NiJ9")));
/// # let _ = (fixed, anew);
/// ```
#[derive(Clone)]
pub struct PresentedToken(Arc<dyn Fn() -> Step<Secret> + Send + Sync>);

impl PresentedToken {
    /// Got by this flow whenever a token is asked for. It may send, wait, load and sign, and must not lock.
    pub fn new(get: impl Fn() -> Step<Secret> + Send + Sync + 'static) -> Self {
        Self(Arc::new(get))
    }

    pub(super) fn get(&self) -> Step<Secret> {
        (self.0)()
    }
}

impl From<Secret> for PresentedToken {
    fn from(token: Secret) -> Self {
        Self::new(move || Step::Done(token.clone()))
    }
}

/// Prints nothing of it.
impl fmt::Debug for PresentedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedToken")
    }
}

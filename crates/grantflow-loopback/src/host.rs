//! The host of a redirect address: loopback, or nothing ([RFC 8252 section 7.3], [section 8.3]).
//!
//! [RFC 8252 section 7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
//! [section 8.3]: https://www.rfc-editor.org/rfc/rfc8252#section-8.3

use std::fmt;
use std::str::FromStr;

use crate::LoginError;

/// A host of this machine that no other can reach.
///
/// # Example
///
/// ```
/// use grantflow_loopback::LoopbackHost;
///
/// assert_eq!("localhost".parse::<LoopbackHost>()?, LoopbackHost::Localhost);
/// assert!("0.0.0.0".parse::<LoopbackHost>().is_err());
/// # Ok::<(), grantflow_loopback::LoginError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the loopback interface has these names and no others"
)]
pub enum LoopbackHost {
    /// `127.0.0.1`.
    #[default]
    V4,
    /// `[::1]`.
    V6,
    /// `localhost`, for clients that are registered with it: listens on both literals. RFC 8252 section 8.3: its use "is NOT
    /// RECOMMENDED".
    Localhost,
}

impl LoopbackHost {
    /// As it stands in an address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.1",
            Self::V6 => "[::1]",
            Self::Localhost => "localhost",
        }
    }
}

impl fmt::Display for LoopbackHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads `127.0.0.1`, `::1`, `[::1]` or `localhost`.
impl FromStr for LoopbackHost {
    type Err = LoginError;

    fn from_str(host: &str) -> Result<Self, LoginError> {
        match host {
            "127.0.0.1" => Ok(Self::V4),
            "::1" | "[::1]" => Ok(Self::V6),
            _ if host.eq_ignore_ascii_case("localhost") => Ok(Self::Localhost),
            _ => Err(LoginError::NotLoopback),
        }
    }
}

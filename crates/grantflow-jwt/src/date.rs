//! Times in tokens: `NumericDate` ([RFC 7519 section 2]).
//!
//! [RFC 7519 section 2]: https://www.rfc-editor.org/rfc/rfc7519#section-2

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Seconds since 1970-01-01T00:00:00Z, negative before; a fraction on the wire is rounded down.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use grantflow_jwt::NumericDate;
///
/// let now = NumericDate::from_unix_seconds(1_700_000_000);
/// assert_eq!(now.plus(Duration::from_secs(3600)).unix_seconds(), 1_700_003_600);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NumericDate(i64);

impl NumericDate {
    /// From whole seconds since 1970.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Later by the whole seconds of `duration`; clamped at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)),
        )
    }

    /// Reads a JSON number. Numbers that no `i64` holds become the nearest one that it does.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let Value::Number(number) = value else { return None };
        let whole = number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            .or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64));
        whole.map(Self)
    }
}

impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t48_dates_are_whole_seconds_and_never_wrap() {
        let read = |text: &str| NumericDate::read(&serde_json::from_str(text).unwrap()).map(|date| date.0);
        assert_eq!(read("1300819380"), Some(1_300_819_380));
        assert_eq!(read("1300819380.9"), Some(1_300_819_380));
        assert_eq!(read("-0.5"), Some(-1));
        assert_eq!(read("18446744073709551615"), Some(i64::MAX));
        assert_eq!(read("1e300"), Some(i64::MAX));
        assert_eq!(read("-1e300"), Some(i64::MIN));
        for bad in ["\"1300819380\"", "null", "true", "[1]", "{}"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let end = NumericDate(i64::MAX - 1);
        assert_eq!(end.plus(Duration::from_secs(300)).0, i64::MAX);
    }
}

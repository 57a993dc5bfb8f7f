//! Instants: the wall clock as a [`Timestamp`], and [`Now`], which adds the time since boot.
//!
//! Written as [RFC 3339] in UTC wherever a person may read them.
//!
//! [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A point of the wall clock: milliseconds since 1970-01-01T00:00:00Z, negative before.
///
/// # Example
///
/// ```
/// use grantflow_core::Timestamp;
///
/// let end: Timestamp = "2030-01-02T03:04:05Z".parse()?;
/// assert_eq!(end.to_string(), "2030-01-02T03:04:05Z");
/// assert_eq!(end, Timestamp::from_unix_seconds(1_893_553_445));
/// # Ok::<(), grantflow_core::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From whole seconds since 1970; out of range is clamped.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Later by `duration`, rounded down to milliseconds; clamped at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Earlier by `duration`, rounded down to milliseconds; clamped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_seconds();
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let millis = self.0.rem_euclid(1000);
        if !(0..=9999).contains(&year) {
            // No RFC 3339 time, and for people only.
            return write!(
                f,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
            );
        }
        // Digit by digit: three times stand in each record that is written, and the padding of numbers took a third of that.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields = [
            (year, 0..4),
            (month, 5..7),
            (day, 8..10),
            (hour, 11..13),
            (minute, 14..16),
            (second, 17..19),
            (millis, 20..23),
        ];
        for (mut number, place) in fields {
            for digit in text[place].iter_mut().rev() {
                *digit += u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        let text = std::str::from_utf8(&text).unwrap_or_default();
        if millis == 0 {
            f.write_str(&text[..19])?;
            return f.write_str("Z");
        }
        f.write_str(text)
    }
}

/// A text that is not an [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) time in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time of the form 2030-01-02T03:04:05Z")
    }
}

impl std::error::Error for ParseTimestampError {}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads `2030-01-02T03:04:05Z`; fractions of seconds are cut to milliseconds, and only `Z` or `+00:00` is taken.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        parse(text).ok_or(ParseTimestampError)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    if let Some(time) = as_written(text) {
        return Some(time);
    }
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = text.split_once(['T', ' '])?;
    let (hms, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut hms = hms.splitn(3, ':').map(number);
    let (hour, minute, second) = (hms.next()??, hms.next()??, hms.next()??);
    number(fraction)?;
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    let seconds = seconds((year, month, day), (hour, minute, second))?;
    Some(Timestamp(seconds * 1000 + number(&millis)?))
}

/// Reads a time of whole seconds as `Display` writes it, which nearly all are.
fn as_written(text: &str) -> Option<Timestamp> {
    let bytes: [u8; 20] = text.as_bytes().try_into().ok()?;
    #[rustfmt::skip] // as it stands in RFC 3339
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = bytes else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let two = |tens, ones| Some(digit(tens)? * 10 + digit(ones)?);
    let date = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let seconds = seconds(date, (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?))?;
    Some(Timestamp(seconds * 1000))
}

/// The seconds since 1970 of a date and a time, if there are such.
fn seconds((year, month, day): (i64, i64, i64), (hour, minute, second): (i64, i64, i64)) -> Option<i64> {
    let sane = year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !sane || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    let is_a_day = civil_from_days(days) == (year, month, day);
    is_a_day.then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(digits: &str) -> Option<i64> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Days since 1970 to a date of the Gregorian calendar, counting years from March so that the leap day comes last.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let from_march = (5 * doy + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * from_march + 2) / 5 + 1)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let yoe = year.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// What the clocks say, both at once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "two clocks, and a host has to build it")]
pub struct Now {
    /// The wall clock, which people and other clocks may set.
    pub wall: Timestamp,
    /// The time since boot, which nobody sets and which counts suspend.
    pub boot: Duration,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        for millis in [
            0,
            1,
            999,
            951_782_400_000,
            1_893_553_445_000,
            -1,
            253_402_300_799_999,
        ] {
            let time = Timestamp::from_unix_millis(millis);
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time, "{time}");
        }
    }

    #[test]
    fn fractions_are_cut_and_nonsense_is_refused() {
        let read = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::unix_millis);
        assert_eq!(read("1970-01-01T00:00:01.25Z"), Some(1250));
        assert_eq!(read("1970-01-01T00:00:01.123456Z"), Some(1123));
        assert_eq!(read("1970-01-01 00:00:01+00:00"), Some(1000));
        for bad in [
            "",
            "Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00",
            "+1970-01-01T00:00:00Z",
            "1970-01-01T00:00:01.Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t32_no_time_and_no_duration_is_too_large(millis in any::<i64>(), other in any::<i64>(), seconds in any::<u64>(), nanos in 0..1_000_000_000_u32) {
            let (time, earlier) = (Timestamp::from_unix_millis(millis), Timestamp::from_unix_millis(other));
            let duration = Duration::new(seconds, nanos);
            let exact = |sum: i128| i64::try_from(sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap();
            let span = i128::try_from(duration.as_millis()).unwrap();
            // Beyond what a time can be it stops at its ends, and never comes out on the other side.
            let span = span.min(i128::from(i64::MAX));
            prop_assert_eq!(time.plus(duration).unix_millis(), exact(i128::from(millis) + span));
            prop_assert_eq!(time.minus(duration).unix_millis(), exact(i128::from(millis) - span));
            let between = exact(i128::from(millis) - i128::from(other)).max(0);
            prop_assert_eq!(i64::try_from(time.since(earlier).as_millis()).unwrap(), between);
            prop_assert!(time.since(earlier).is_zero() || earlier.since(time).is_zero());
            prop_assert_eq!(Timestamp::from_unix_seconds(millis).unix_seconds(), exact(i128::from(millis) * 1000).div_euclid(1000));
            // It can be shown, whatever it is.
            prop_assert!(time.to_string().ends_with('Z'));
        }

        #[test]
        fn every_time_of_the_years_that_rfc_3339_has_reads_back(millis in -62_167_219_200_000..=253_402_300_799_999_i64) {
            let time = Timestamp::from_unix_millis(millis);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}

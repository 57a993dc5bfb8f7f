//! The sizes of RSA keys ([RFC 7518 section 3.3]: "A key of size 2048 bits or larger MUST be used").
//!
//! [RFC 7518 section 3.3]: https://www.rfc-editor.org/rfc/rfc7518#section-3.3

use crate::error::BadKey;

const LEAST_BITS: usize = 2048;
/// As many as ring verifies with.
pub(crate) const MOST_BITS: usize = 8192;
/// As many as ring signs with.
pub(crate) const MOST_BITS_TO_SIGN: usize = 4096;

/// Refuses a modulus, without leading zeros, outside the bounds.
pub(crate) fn check_size(n: &[u8], most: usize) -> Result<(), BadKey> {
    let spare = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = n.len().saturating_mul(8).saturating_sub(spare);
    if (LEAST_BITS..=most).contains(&bits) {
        Ok(())
    } else {
        Err(BadKey::Size)
    }
}

/// Without the zeros that some write before a number although [RFC 7518 section 2] forbids it.
///
/// [RFC 7518 section 2]: https://www.rfc-editor.org/rfc/rfc7518#section-2
pub(crate) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

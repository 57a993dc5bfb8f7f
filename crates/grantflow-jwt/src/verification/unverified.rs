//! What a token says of its end, for whoever presents it ([RFC 7519 section 4.1.4]).
//!
//! [RFC 7519 section 4.1.4]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4

use crate::jws::MAX_TOKEN_LENGTH;
use crate::{NumericDate, base64url, json};

/// When a token ends by its own words, which nobody has verified: of use to whoever presents it, to know when to get another,
/// and to nobody who is to believe it.
///
/// `None` for what is no signed token in its compact form, or has no `exp`.
///
/// # Example
///
/// ```
/// use grantflow_jwt::unverified_expiry;
///
/// // {"alg":"RS256"}.{"exp":1700003600}.
/// let token = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDM2MDB9.c2lnbmF0dXJl";
/// assert_eq!(unverified_expiry(token).map(|end| end.unix_seconds()), Some(1_700_003_600));
/// assert_eq!(unverified_expiry("<html>"), None);
/// ```
#[must_use]
pub fn unverified_expiry(token: &str) -> Option<NumericDate> {
    if token.len() > MAX_TOKEN_LENGTH {
        return None;
    }
    let mut parts = token.split('.');
    let (header, payload) = (parts.next()?, parts.next()?);
    base64url::decode(parts.next()?).filter(|signature| !signature.is_empty())?;
    if parts.next().is_some() {
        return None;
    }
    json::object(&base64url::decode(header)?)?;
    NumericDate::read(json::object(&base64url::decode(payload)?)?.get("exp")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(parts: &[&str]) -> String {
        let encoded = parts.iter().map(|part| base64url::encode(part.as_bytes()));
        encoded.collect::<Vec<_>>().join(".")
    }

    #[test]
    fn only_a_signed_token_with_an_end_has_one() {
        let header = r#"{"alg":"RS256"}"#;
        let end = |parts: &[&str]| unverified_expiry(&token(parts)).map(NumericDate::unix_seconds);
        assert_eq!(
            end(&[header, r#"{"exp":1700003600.5}"#, "s"]),
            Some(1_700_003_600)
        );
        for none in [
            &[header, r#"{"exp":"1700003600"}"#, "s"][..],
            &[header, r#"{"exp":1,"exp":2}"#, "s"],
            &[header, "{}", "s"],
            &[header, "exp", "s"],
            &["RS256", r#"{"exp":1}"#, "s"],
            &[header, r#"{"exp":1}"#, ""],
            &[header, r#"{"exp":1}"#],
            &[header, r#"{"exp":1}"#, "s", "s"],
        ] {
            assert_eq!(end(none), None, "{none:?}");
        }
        let long = format!(
            "{}.{}",
            token(&[header, r#"{"exp":1}"#]),
            "a".repeat(MAX_TOKEN_LENGTH)
        );
        assert_eq!(unverified_expiry(&long), None);
    }
}

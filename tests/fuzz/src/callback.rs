//! F2 of the table of threats: redirects, and forms that a browser posts.
//!
//! ```text
//! 1 byte   how it comes, and what was promised   a code comes only from an answer that has it once, the state that was sent, and
//! the rest the query                             the issuer that was asked, as the `url` crate reads them
//! ```

use grantflow_core::{AuthorizationRequest, Error, Issuer, PendingAuthorization, ResponseMode};
use url::form_urlencoded;

use crate::world::{self, with};

const ISSUER: &str = "https://as.example";
const REDIRECT: &str = "http://127.0.0.1:8080/cb";
/// 32 sevens in base64url: the state, since the entropy here is no other.
const STATE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// Takes a redirect.
///
/// # Panics
///
/// If a promise is broken.
pub fn callback(data: &[u8]) {
    let Some((choice, query)) = data.split_first() else {
        return;
    };
    let Ok(query) = str::from_utf8(query) else {
        return;
    };
    let (posted, promised) = (choice & 1 != 0, choice & 2 != 0);
    let text = match choice >> 2 & 3 {
        _ if posted => query.to_owned(),
        0 => format!("{REDIRECT}?{query}"),
        1 => format!("/cb?{query}"),
        _ => format!("{REDIRECT}#{query}"),
    };
    let pending = || pending(posted, promised);
    let matches = pending().matches(&text);
    match with(|cx| pending().accept(&text, cx)) {
        Ok(code) => {
            assert!(matches, "a receiver would have gone on listening");
            assert!(
                !text.starts_with(&format!("{REDIRECT}#")),
                "a code from a fragment"
            );
            let found = read(&text);
            assert_eq!(all(&found, "code"), [code.code().expose()]);
            assert_eq!(all(&found, "state"), [STATE]);
            assert!(all(&found, "error").is_empty(), "a code beside an error");
            let issuers = all(&found, "iss");
            assert!(
                issuers == [ISSUER] || (issuers.is_empty() && !promised),
                "{issuers:?}"
            );
            for (name, _) in &found {
                assert!(all(&found, name).len() <= 1, "a parameter came twice");
            }
        }
        // The server's own words are believed after the same checks.
        Err(Error::Denied(_) | Error::Server(_)) => {
            let found = read(&text);
            assert!(matches);
            assert_eq!(all(&found, "error").len(), 1);
            assert_eq!(all(&found, "state"), [STATE]);
            assert!(all(&found, "code").is_empty());
        }
        Err(Error::Callback(_)) => {}
        Err(other) => panic!("an error of another kind: {other}"),
    }
}

fn pending(posted: bool, promised: bool) -> PendingAuthorization {
    let client = world::client()
        .with_issuer(Issuer::new(ISSUER).expect("an issuer"))
        .with_iss_promised(promised);
    let mode = if posted {
        ResponseMode::FormPost
    } else {
        ResponseMode::Query
    };
    let request = AuthorizationRequest::new(&client, REDIRECT).response_mode(mode);
    with(|cx| request.start(cx)).expect("a login").1
}

/// The parameters by the crate that browsers' rules are written in.
fn read(text: &str) -> Vec<(String, String)> {
    let text = text.trim();
    let part = match (text.split_once('?'), text.split_once('#')) {
        (Some((before, query)), _) if !before.contains(['#', '=', '&']) => {
            query.split('#').next().unwrap_or_default()
        }
        (_, Some((before, fragment))) if !before.contains(['=', '&']) => {
            fragment.strip_prefix('?').unwrap_or(fragment)
        }
        _ => text,
    };
    form_urlencoded::parse(part.as_bytes()).into_owned().collect()
}

/// RFC 6749 section 3.1: what has no value counts as left out.
fn all<'a>(found: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let named = found
        .iter()
        .filter(|(known, value)| known == name && !value.is_empty());
    named.map(|(_, value)| value.as_str()).collect()
}

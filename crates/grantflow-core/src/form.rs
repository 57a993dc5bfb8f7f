//! `application/x-www-form-urlencoded` bodies and queries ([RFC 6749 appendix B]).
//!
//! [RFC 6749 appendix B]: https://www.rfc-editor.org/rfc/rfc6749#appendix-B

use http::{HeaderName, HeaderValue, Method, header};
use zeroize::{Zeroize, Zeroizing};

use crate::error::InvalidInput;
use crate::{Body, Endpoint, Error, Quirks, Request};

/// A form under construction; its text is cleared on drop.
#[derive(Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    /// Begins with pairs that are encoded already.
    pub(crate) fn encoded(pairs: &str) -> Self {
        let mut form = Self::default();
        form.make_room(pairs.len());
        form.0.extend_from_slice(pairs.as_bytes());
        form
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        // An escape takes the place of one byte by three.
        self.make_room(2 + 3 * (name.len() + value.len()));
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        encode(name, &mut self.0);
        self.0.push(b'=');
        encode(value, &mut self.0);
    }

    /// Whether it has a parameter of this name, which needs no encoding.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut pairs = self.0.split(|byte| *byte == b'&');
        pairs.any(|pair| {
            let rest = pair.strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"="))
        })
    }

    /// With the pairs of another behind its own.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.make_room(1 + other.0.len());
        if !self.0.is_empty() && !other.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(&other.0);
        self
    }

    /// A text that grows by itself leaves copies of its secrets behind; this one is cleared where it has been.
    fn make_room(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if self.0.capacity() < needed {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(ROOM));
            larger.extend_from_slice(&self.0);
            *self = Self(larger);
        }
    }

    /// The POST of this form that asks for JSON.
    pub(crate) fn post(
        mut self,
        endpoint: &Endpoint,
        authorization: Option<HeaderValue>,
    ) -> Result<Request, Error> {
        let body = Body::from(std::mem::take(&mut self.0));
        post(body, HeaderValue::from_static(FORM), endpoint, authorization)
    }

    /// The same in the provider's own way: other names of parameters (quirk 27), JSON instead of a form (quirk 25), further headers
    /// (quirk 32).
    pub(crate) fn post_as(
        mut self,
        endpoint: &Endpoint,
        authorization: Option<HeaderValue>,
        quirks: &Quirks,
    ) -> Result<Request, Error> {
        if !quirks.changes_requests() {
            return self.post(endpoint, authorization);
        }
        self = self.renamed(quirks);
        let mut request = if quirks.json_requests {
            let mut json = as_json(&self.0);
            let body = Body::from(std::mem::take(&mut *json));
            post(body, HeaderValue::from_static(JSON), endpoint, authorization)?
        } else {
            self.post(endpoint, authorization)?
        };
        for (name, value) in &quirks.token_request_headers {
            let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(InvalidInput::new("header of token requests", "is none").into());
            };
            if RESERVED.contains(&name) {
                let problem = "carries a secret or frames the body, which is done here";
                return Err(InvalidInput::new("header of token requests", problem).into());
            }
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    /// With the provider's names of parameters (quirk 27).
    pub(crate) fn renamed(self, quirks: &Quirks) -> Self {
        if quirks.renamed_parameters.is_empty() {
            return self;
        }
        let mut renamed = Self::default();
        for (name, value) in form_urlencoded::parse(&self.0) {
            let value = Zeroizing::new(value.into_owned());
            renamed.push(quirks.name_of(&name), &value);
        }
        renamed
    }
}

/// Appends the encoded `value`, byte for byte: most are written as they are.
pub(crate) fn encode(value: &str, text: &mut Vec<u8>) {
    for byte in value.bytes() {
        match WRITTEN[usize::from(byte)] {
            0 => text.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            written => text.push(written),
        }
    }
}

/// A POST that asks for JSON.
fn post(
    body: Body,
    media_type: HeaderValue,
    endpoint: &Endpoint,
    authorization: Option<HeaderValue>,
) -> Result<Request, Error> {
    let mut request = http::Request::builder()
        .method(Method::POST)
        .uri(endpoint.as_str())
        .header(header::CONTENT_TYPE, media_type)
        .header(header::ACCEPT, HeaderValue::from_static(JSON));
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    request
        .body(body)
        .map_err(|_| InvalidInput::new("endpoint", "is not an address").into())
}

/// The pairs of a form as a JSON object of texts, repeated ones included, for replies that come so (quirk 13) and
/// requests that have to go so (quirk 25).
pub(crate) fn as_json(form: &[u8]) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::with_capacity(2 * form.len() + 2));
    json.push('{');
    for (name, value) in form_urlencoded::parse(form) {
        if json.len() > 1 {
            json.push(',');
        }
        // A text always serializes.
        json.push_str(&serde_json::to_string(&name).unwrap_or_default());
        json.push(':');
        json.push_str(&Zeroizing::new(serde_json::to_string(&value).unwrap_or_default()));
    }
    json.push('}');
    json
}

impl Drop for Form {
    fn drop(&mut self) {
        // To clear no bytes at all takes some processors longer than to clear a few hundred.
        if self.0.capacity() > 0 {
            // Emptied first, all of it is spare capacity, which is cleared many bytes at a time.
            self.0.clear();
            self.0.zeroize();
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// What a quirk does not set.
pub(crate) const RESERVED: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];
/// Enough for most requests.
const ROOM: usize = 512;
const HEX: &[u8; 16] = b"0123456789ABCDEF";
/// What is written for each byte: itself, a plus, or 0 where it is escaped.
static WRITTEN: [u8; 256] = {
    let mut written = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let is_plain =
            (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'*' | b'-' | b'.' | b'_');
        if is_plain {
            written[byte] = byte as u8;
        }
        byte += 1;
    }
    written[b' ' as usize] = b'+';
    written
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn v10_a_form_encodes_as_appendix_b_of_rfc_6749_says() {
        let mut form = Form::default();
        form.push("k", " %&+\u{a3}\u{20ac}");
        assert_eq!(form.0, b"k=+%25%26%2B%C2%A3%E2%82%AC");
    }

    #[test]
    fn v10_every_character_is_encoded_as_browsers_do_it() {
        let all: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        let mut text = Vec::new();
        encode(&all, &mut text);
        let theirs: String = form_urlencoded::byte_serialize(all.as_bytes()).collect();
        assert_eq!(String::from_utf8(text).as_ref(), Ok(&theirs));
    }

    /// What `String` does by itself when it grows leaves the old text behind, which nobody clears.
    #[test]
    fn a_text_never_grows_while_a_secret_is_written_into_it() {
        let mut form = Form::default();
        form.push("k", "short");
        assert!(form.0.capacity() >= ROOM);
        let long = "%".repeat(ROOM);
        for _ in 0..2 {
            form.push("k", &long);
            // Room for all of it, had each byte been escaped: so it was there before the first was written.
            assert!(form.0.capacity() >= form.0.len() + 2);
            form.make_room(2 + 3 * (1 + long.len()));
            let address = form.0.as_ptr();
            form.push("k", &long);
            assert_eq!(form.0.as_ptr(), address);
        }
        assert_eq!(form.0.len(), 7 + 4 * (3 + 3 * ROOM));
    }

    /// Of all letters, and of those of ASCII, each of which is then met often.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[\\x00-\\x7f]{0,6}"]
    }

    /// The serializer of the URL standard's section 5.2, byte by byte, from its text.
    fn whatwg(text: &str) -> String {
        let byte = |byte: u8| match byte {
            b' ' => "+".to_owned(),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn v10_every_form_is_what_the_url_standard_writes_and_reads_back(pairs in prop::collection::vec((text(), text()), 1..5)) {
            let mut form = Form::default();
            for (name, value) in &pairs {
                form.push(name, value);
            }
            let written: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", whatwg(name), whatwg(value))).collect();
            prop_assert_eq!(&form.0, &written.join("&").into_bytes());
            let read: Vec<(String, String)> = form_urlencoded::parse(&form.0).into_owned().collect();
            prop_assert_eq!(read, pairs);
        }
    }
}

//! `application/x-www-form-urlencoded` bodies and queries ([RFC 6749 appendix B]).
//!
//! [RFC 6749 appendix B]: https://www.rfc-editor.org/rfc/rfc6749#appendix-B

use http::{HeaderValue, Method, header};
use zeroize::Zeroize;

use crate::error::InvalidInput;
use crate::{Body, Endpoint, Error, Request};

/// A form under construction; its text is cleared on drop.
#[derive(Default)]
pub(crate) struct Form(String);

impl Form {
    /// Begins with pairs that are encoded already.
    pub(crate) fn encoded(pairs: &str) -> Self {
        let mut form = Self::default();
        form.make_room(pairs.len());
        form.0.push_str(pairs);
        form
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        // An escape takes the place of one byte by three.
        self.make_room(2 + 3 * (name.len() + value.len()));
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.0.push('=');
        self.0.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    }

    /// A text that grows by itself leaves copies of its secrets behind; this one is cleared where it has been.
    fn make_room(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if self.0.capacity() < needed {
            let mut larger = String::with_capacity(needed.max(2 * self.0.capacity()).max(ROOM));
            larger.push_str(&self.0);
            *self = Self(larger);
        }
    }

    /// The POST of this form that asks for JSON.
    pub(crate) fn post(
        mut self,
        endpoint: &Endpoint,
        authorization: Option<HeaderValue>,
    ) -> Result<Request, Error> {
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(endpoint.as_str())
            .header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        request
            .body(Body::from(std::mem::take(&mut self.0)))
            .map_err(|_| InvalidInput::new("endpoint", "is not an address").into())
    }
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

/// Enough for most requests.
const ROOM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v10_a_form_encodes_as_appendix_b_of_rfc_6749_says() {
        let mut form = Form::default();
        form.push("k", " %&+\u{a3}\u{20ac}");
        assert_eq!(form.0, "k=+%25%26%2B%C2%A3%E2%82%AC");
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
}

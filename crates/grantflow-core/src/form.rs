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
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.0.push('=');
        self.0.extend(form_urlencoded::byte_serialize(value.as_bytes()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v10_a_form_encodes_as_appendix_b_of_rfc_6749_says() {
        let mut form = Form::default();
        form.push("k", " %&+\u{a3}\u{20ac}");
        assert_eq!(form.0, "k=+%25%26%2B%C2%A3%E2%82%AC");
    }
}

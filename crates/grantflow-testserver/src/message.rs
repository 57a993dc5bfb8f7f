//! Requests and replies as the endpoints see them, without a socket in sight.

use std::collections::HashSet;

use hyper::HeaderMap;
use serde_json::{Value, json};
use url::form_urlencoded;

/// A request, read to its end.
pub(crate) struct Inbound {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Parameters,
    pub(crate) form: Parameters,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Inbound {
    pub(crate) fn new(method: String, path: String, query: &str, headers: HeaderMap, body: Vec<u8>) -> Self {
        let query = Parameters::parse(query.as_bytes());
        let mut inbound = Self {
            method,
            path,
            query,
            form: Parameters::default(),
            headers,
            body,
        };
        if inbound.is_form() {
            inbound.form = Parameters::parse(&inbound.body);
        }
        inbound
    }

    /// A header's value, if it is text and stands there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        values.next().is_none().then(|| first.to_str().ok()).flatten()
    }

    pub(crate) fn is_form(&self) -> bool {
        let essence = self
            .header("content-type")
            .and_then(|value| value.split(';').next());
        essence.is_some_and(|essence| {
            essence
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self
            .header("cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .next()
    }
}

/// The parameters of a query or a form.
#[derive(Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Parameters {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

impl Parameters {
    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A parameter's value.
    ///
    /// RFC 6749 section 3.2: "Parameters sent without a value MUST be treated as if they were omitted".
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// A name that stands there twice.
    ///
    /// RFC 6749 section 3.2: "Request and response parameters MUST NOT be included more than once". RFC 8707 and RFC 8693 section 2.1 let
    /// a client name several services.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut names = self
            .names()
            .filter(|name| !matches!(*name, "audience" | "resource"));
        names.find(|name| !seen.insert(*name))
    }

    pub(crate) fn is_repeated(&self, name: &str) -> bool {
        self.names().filter(|key| *key == name).count() > 1
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// A reply, not yet on the wire.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Content,
}

/// The body of a reply.
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// Spaces, then the bytes.
    Padded(u64, Vec<u8>),
    /// The first half of the bytes, then a broken connection.
    Truncated(Vec<u8>),
    Endless,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Content::Bytes(Vec::new()),
        }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status)
            .header("content-type", "application/json")
            .content(value.to_string())
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::new(status)
            .header("content-type", "text/html; charset=utf-8")
            .content(page)
    }

    /// An OAuth error ([RFC 6749 section 5.2]).
    ///
    /// [RFC 6749 section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    pub(crate) fn oauth_error(status: u16, code: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": code, "error_description": description }),
        )
        .no_store()
    }

    /// Sends the browser elsewhere with a GET, whatever it came with (RFC 9700 section 4.12).
    pub(crate) fn see_other(location: impl Into<String>) -> Self {
        Self::new(303).header("location", location).no_store()
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn no_store(self) -> Self {
        self.header("cache-control", "no-store")
            .header("pragma", "no-cache")
    }

    pub(crate) fn content(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Content::Bytes(body.into());
        self
    }

    /// The bytes the endpoint answered, to be sent in another way.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        match &mut self.body {
            Content::Bytes(bytes) | Content::Padded(_, bytes) | Content::Truncated(bytes) => {
                std::mem::take(bytes)
            }
            Content::Endless => Vec::new(),
        }
    }
}

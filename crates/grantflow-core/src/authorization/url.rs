//! The address to open, with a request in it or with what stands for one ([RFC 6749 section 3.1], [RFC 9101 section 5],
//! [RFC 9126 section 4]).
//!
//! [RFC 6749 section 3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1
//! [RFC 9101 section 5]: https://www.rfc-editor.org/rfc/rfc9101#section-5
//! [RFC 9126 section 4]: https://www.rfc-editor.org/rfc/rfc9126#section-4

use std::fmt;

use super::parameters::is_protected;
use super::query::QueryWriter;
use crate::{Client, Error, Timestamp};

/// The address to open in the user's browser.
///
/// It holds the state, in the clear or in a request object, or refers to a request that does, so `Debug` prints it without its query and
/// there is no `Display`.
#[derive(Clone)]
pub struct AuthorizationUrl {
    text: String,
    expires_at: Option<Timestamp>,
}

impl AuthorizationUrl {
    pub(super) fn of_query(text: String) -> Self {
        let expires_at = None;
        Self { text, expires_at }
    }

    /// RFC 9126 section 4: `client_id` and `request_uri` are all that the browser carries; `client_id` and `request` are, says RFC 9101
    /// section 5. The query of the authorization endpoint stays.
    pub(crate) fn standing_for(
        client: &Client,
        (name, value): (&'static str, &str),
        expires_at: Option<Timestamp>,
    ) -> Result<Self, Error> {
        let client_id = client.quirks().name_of("client_id");
        let room = 32 + 3 * (client_id.len() + client.id().len() + value.len());
        let endpoint = client.authorization_endpoint()?;
        let mut query = QueryWriter::after(endpoint, room, is_protected, |_| false)?;
        query.push_any(client_id, client.id());
        query.push(name, value);
        let text = query.finish();
        Ok(Self { text, expires_at })
    }

    /// The address, for a browser or a person.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, as a string of its own.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// Until when it has to be opened: where the request was pushed and the server says so, and where it is signed and ends by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

impl fmt::Debug for AuthorizationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().split('?').next().unwrap_or_default())
    }
}

//! Who grants tokens for a resource, for what, and as which client ([RFC 7591 section 3]).
//!
//! [RFC 7591 section 3]: https://www.rfc-editor.org/rfc/rfc7591#section-3

use super::identity::ClientIdentity;
use super::login::ResourceLogin;
use crate::{Endpoint, Scopes, ServerMetadata, Step};

/// What a [`ProtectedResource`](super::ProtectedResource) turned out to want.
#[derive(Clone, Debug)]
pub struct ResourceAccess {
    pub(super) address: Endpoint,
    pub(super) resource: String,
    pub(super) server: ServerMetadata,
    pub(super) scopes: Scopes,
    pub(super) offline: bool,
}

impl ResourceAccess {
    pub(super) fn new(address: &Endpoint, resource: &str, server: ServerMetadata) -> Self {
        Self {
            address: address.clone(),
            resource: resource.to_owned(),
            server,
            scopes: Scopes::none(),
            offline: false,
        }
    }

    /// Without scopes nothing is added: the server's own choice would be lost.
    pub(super) fn with_scopes(mut self, scopes: Scopes, wants_offline: bool) -> Self {
        let known = self.server.scopes_supported();
        let offline = wants_offline && known.is_some_and(|known| known.contains(OFFLINE));
        self.offline = offline && !scopes.is_empty();
        self.scopes = scopes;
        if self.offline {
            self.scopes = self.scopes.union(&Scopes::parse(OFFLINE).unwrap_or_default());
        }
        self
    }

    /// Asks for these scopes in place of those that were found.
    #[must_use]
    pub fn asking_for(mut self, scopes: Scopes) -> Self {
        self.offline = scopes.contains(OFFLINE);
        self.scopes = scopes;
        self
    }

    /// The address that requests go to, and so tokens: they are bound to its origin.
    #[must_use]
    pub fn address(&self) -> &Endpoint {
        &self.address
    }

    /// The resource by its own name, to be sent as `resource` ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The authorization server.
    #[must_use]
    pub fn server(&self) -> &ServerMetadata {
        &self.server
    }

    /// The scopes to ask for; none means the server's choice.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Becomes a client of the server: the one that is registered there, else the client's own document if the server takes such,
    /// else one that is registered now. The order is that of the Model Context Protocol.
    ///
    /// The flow ends in [`Error::InvalidInput`](crate::Error::InvalidInput) if there is no way left, in
    /// [`Error::Server`](crate::Error::Server) if the server registers no such client.
    pub fn client(self, identity: &ClientIdentity) -> Step<ResourceLogin> {
        let identity = identity.clone();
        Step::begin(move |cx| identity.choose(self, cx.wall()))
    }
}

/// OpenID Connect Core section 11; other servers took the name over.
pub(super) const OFFLINE: &str = "offline_access";

//! Who a program is to servers it has never met: registered before, by a document of its own, or registered on the spot
//! ([RFC 7591 section 3], [draft-ietf-oauth-client-id-metadata-document]).
//!
//! [RFC 7591 section 3]: https://www.rfc-editor.org/rfc/rfc7591#section-3
//! [draft-ietf-oauth-client-id-metadata-document]: https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/

use super::access::ResourceAccess;
use super::login::ResourceLogin;
use crate::error::InvalidInput;
use crate::exchange::client_metadata::check_client_id;
use crate::{
    Authentication, ClientMetadata, Endpoint, Error, Issuer, Registration, RegistrationRequest, Step,
    Timestamp,
};

/// The ways in which a program can become a client of a server.
///
/// # Example
///
/// ```
/// use grantflow_core::{Authentication, ClientIdentity, ClientMetadata, Issuer, Secret};
///
/// let me = ClientIdentity::new()
///     .with_registered(Issuer::new("https://as.example.com")?, "notes", Authentication::Basic(Secret::new("s3cret")))
///     .with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/callback"]).native());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientIdentity {
    registered: Vec<Registered>,
    kept: Vec<Registration>,
    document: Option<Endpoint>,
    metadata: Option<ClientMetadata>,
}

#[derive(Clone, Debug)]
struct Registered {
    issuer: Issuer,
    client_id: String,
    authentication: Authentication,
}

impl ClientIdentity {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that is registered at this server; its secret goes to no other, whatever a resource says.
    #[must_use]
    pub fn with_registered(
        mut self,
        issuer: Issuer,
        client_id: impl Into<String>,
        authentication: Authentication,
    ) -> Self {
        self.registered.push(Registered {
            issuer,
            client_id: client_id.into(),
            authentication,
        });
        self
    }

    /// A registration of an earlier run; it is used where its server is met again and its secret has not ended.
    #[must_use]
    pub fn with_kept(mut self, registration: Registration) -> Self {
        self.kept.push(registration);
        self
    }

    /// The address of the program's own document, which is its client id at servers that take such; see
    /// [`ClientMetadata::document`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the address cannot be a client id: it is https and has a path.
    pub fn with_document(mut self, address: Endpoint) -> Result<Self, Error> {
        check_client_id(&address)?;
        self.document = Some(address);
        Ok(self)
    }

    /// What to register, where nothing else serves and the server lets clients register themselves. Its redirect addresses are those of
    /// the program's document too.
    #[must_use]
    pub fn with_registration(mut self, metadata: ClientMetadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    pub(super) fn choose(self, access: ResourceAccess, now: Timestamp) -> Result<Step<ResourceLogin>, Error> {
        let issuer = access.server.issuer();
        if let Some(known) = self.registered.into_iter().find(|known| known.issuer == *issuer) {
            let client = access.server.client(known.client_id);
            let client = client.with_authentication(known.authentication);
            return Ok(Step::Done(ResourceLogin::new(access, client, None)));
        }
        let uris: Vec<String> = self
            .metadata
            .iter()
            .flat_map(ClientMetadata::redirect_uris)
            .map(str::to_owned)
            .collect();
        let mut kept = self.kept.into_iter();
        if let Some(kept) = kept.find(|kept| kept.issuer() == issuer && !kept.is_over(now)) {
            let client = kept.client(&access.server)?.with_redirect_uris(uris);
            return Ok(Step::Done(ResourceLogin::new(access, client, Some(kept))));
        }
        if let Some(document) = self.document
            && access.server.client_id_metadata_document_supported()
        {
            let client = access.server.client(document.as_str()).with_redirect_uris(uris);
            return Ok(Step::Done(ResourceLogin::new(access, client, None)));
        }
        let Some(metadata) = self.metadata else {
            return Err(InvalidInput::new(
                "client",
                "is not known to this server, and has nothing to register",
            )
            .into());
        };
        let request = RegistrationRequest::at(&access.server, metadata)?;
        Ok(request.flow().and_then(move |registration, _| {
            let client = registration.client(&access.server)?.with_redirect_uris(uris);
            Ok(Step::Done(ResourceLogin::new(access, client, Some(registration))))
        }))
    }
}

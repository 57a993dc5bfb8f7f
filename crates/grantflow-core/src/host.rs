//! A host is a transport and, where a flow needs one, a store, as a driver sees them.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{StoreError, StoreErrorKind, TransportError};
use crate::step::Cancelled;
use crate::{
    AsyncHost, AsyncLocked, AsyncStore, AsyncTransport, CertificateThumbprint, EntropyError, Host, Key,
    LoadError, Locked, Now, Request, Response, SignError, Signature, SigningRequest, Source, Store,
    Transport,
};

/// A blocking transport and perhaps a store, for [`run`](crate::run).
#[derive(Clone, Copy)]
pub struct TransportHost<'a> {
    transport: &'a dyn Transport,
    store: Option<&'a dyn Store>,
}

impl<'a> TransportHost<'a> {
    /// A host without a store.
    #[must_use]
    pub fn new(transport: &'a dyn Transport) -> Self {
        Self {
            transport,
            store: None,
        }
    }

    /// With a store.
    #[must_use]
    pub fn with_store(mut self, store: &'a dyn Store) -> Self {
        self.store = Some(store);
        self
    }
}

impl std::fmt::Debug for TransportHost<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransportHost")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Host for TransportHost<'_> {
    fn now(&self) -> Now {
        self.transport.now()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.transport.sleep(pause);
        Ok(())
    }

    fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        self.transport.load(source)
    }

    fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        self.transport.sign(request)
    }

    fn lock(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.ok_or_else(no_store)?.lock(key, patience)
    }

    fn lock_for_login(&self, key: &Key, patience: Duration) -> Result<Box<dyn Locked + '_>, StoreError> {
        self.store.ok_or_else(no_store)?.lock_for_login(key, patience)
    }
}

/// An async transport and perhaps a store, for [`drive`](crate::drive).
#[derive(Clone, Copy)]
pub struct AsyncTransportHost<'a> {
    transport: &'a dyn AsyncTransport,
    store: Option<&'a dyn AsyncStore>,
}

impl<'a> AsyncTransportHost<'a> {
    /// A host without a store.
    #[must_use]
    pub fn new(transport: &'a dyn AsyncTransport) -> Self {
        Self {
            transport,
            store: None,
        }
    }

    /// With a store.
    #[must_use]
    pub fn with_store(mut self, store: &'a dyn AsyncStore) -> Self {
        self.store = Some(store);
        self
    }
}

impl std::fmt::Debug for AsyncTransportHost<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncTransportHost")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl AsyncHost for AsyncTransportHost<'_> {
    fn now(&self) -> Now {
        self.transport.now()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request).await
    }

    async fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.transport.sleep(pause).await;
        Ok(())
    }

    async fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        self.transport.load(source).await
    }

    async fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        self.transport.sign(request).await
    }

    async fn lock(&self, key: Key, patience: Duration) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.store.ok_or_else(no_store)?.lock(key, patience).await
    }

    async fn lock_for_login(
        &self,
        key: Key,
        patience: Duration,
    ) -> Result<Box<dyn AsyncLocked + '_>, StoreError> {
        self.store
            .ok_or_else(no_store)?
            .lock_for_login(key, patience)
            .await
    }
}

fn no_store() -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported(
        "keep records: this host has no store",
    ))
}

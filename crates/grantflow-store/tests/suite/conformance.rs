//! The stores keep every promise of a store.

use grantflow_core::conformance;
use grantflow_store::MemoryStore;

use crate::room::{InRoom, Kind};

conformance!(memory, MemoryStore::new);
conformance!(file, || InRoom::new(Kind::File, None));
conformance!(file_in_a_directory_to_be_made, || InRoom::new(
    Kind::File,
    Some("new")
));

#[cfg(feature = "multistore")]
conformance!(multistore, || InRoom::new(Kind::Multi, Some("new")));

#[cfg(feature = "encrypted")]
conformance!(sealed_file, || InRoom::new(Kind::SealedFile, None));

#[cfg(all(feature = "encrypted", feature = "multistore"))]
conformance!(sealed_multistore, || InRoom::new(Kind::SealedMulti, Some("new")));

#[cfg(feature = "async")]
mod on_a_thread {
    use grantflow_core::async_conformance;
    use grantflow_store::{MemoryStore, OnThread};

    use crate::room::{InRoom, Kind};

    async_conformance!(memory, || OnThread::new(MemoryStore::new()));
    async_conformance!(file, || OnThread::new(InRoom::new(Kind::File, None)));

    #[cfg(feature = "multistore")]
    async_conformance!(multistore, || OnThread::new(InRoom::new(Kind::Multi, None)));

    #[cfg(feature = "encrypted")]
    async_conformance!(sealed_file, || OnThread::new(InRoom::new(Kind::SealedFile, None)));

    #[cfg(all(feature = "encrypted", feature = "multistore"))]
    async_conformance!(sealed_multistore, || OnThread::new(InRoom::new(
        Kind::SealedMulti,
        None
    )));
}

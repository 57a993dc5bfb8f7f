//! The stores keep every promise of a store.

use grantflow_core::conformance;
use grantflow_store::{FileStore, MemoryStore};

use crate::room::InRoom;

conformance!(memory, MemoryStore::new);
conformance!(file, || InRoom::new("credentials.json", FileStore::new));
conformance!(file_in_a_directory_to_be_made, || InRoom::new(
    "new/credentials.json",
    FileStore::new
));

#[cfg(feature = "multistore")]
conformance!(multistore, || InRoom::new(
    "credentials",
    grantflow_store::MultiStore::new
));

#[cfg(feature = "encrypted")]
conformance!(sealed_file, || InRoom::new(
    "credentials.json",
    crate::room::sealed_file
));

#[cfg(all(feature = "encrypted", feature = "multistore"))]
conformance!(sealed_multistore, || InRoom::new(
    "credentials",
    crate::room::sealed_multistore
));

#[cfg(feature = "async")]
mod on_a_thread {
    use grantflow_core::async_conformance;
    use grantflow_store::{FileStore, MemoryStore, OnThread};

    use crate::room::InRoom;

    async_conformance!(memory, || OnThread::new(MemoryStore::new()));
    async_conformance!(file, || OnThread::new(InRoom::new(
        "credentials.json",
        FileStore::new
    )));

    #[cfg(feature = "multistore")]
    async_conformance!(multistore, || OnThread::new(InRoom::new(
        "credentials",
        grantflow_store::MultiStore::new
    )));

    #[cfg(feature = "encrypted")]
    async_conformance!(sealed_file, || OnThread::new(InRoom::new(
        "credentials.json",
        crate::room::sealed_file
    )));

    #[cfg(all(feature = "encrypted", feature = "multistore"))]
    async_conformance!(sealed_multistore, || OnThread::new(InRoom::new(
        "credentials",
        crate::room::sealed_multistore
    )));
}

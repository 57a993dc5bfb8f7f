//! The stores keep every promise of a store.

use grantflow_core::conformance;
use grantflow_store::MemoryStore;

use crate::room::InRoom;

conformance!(memory, MemoryStore::new);
conformance!(file, || InRoom::new("credentials.json"));
conformance!(file_in_a_directory_to_be_made, || InRoom::new(
    "new/credentials.json"
));

#[cfg(feature = "async")]
mod on_a_thread {
    use grantflow_core::async_conformance;
    use grantflow_store::{MemoryStore, OnThread};

    use crate::room::InRoom;

    async_conformance!(memory, || OnThread::new(MemoryStore::new()));
    async_conformance!(file, || OnThread::new(InRoom::new("credentials.json")));
}

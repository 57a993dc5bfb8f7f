//! On a real keyring the store keeps every promise of a store.

use grantflow_core::conformance;

use crate::session::in_session;

conformance!(keyring, in_session);

#[cfg(feature = "encrypted")]
mod sealed {
    use grantflow_core::conformance;

    use crate::session::sealed_in_session;

    conformance!(keyring, sealed_in_session);
}

#[cfg(feature = "async")]
mod on_a_thread {
    use grantflow_core::async_conformance;
    use grantflow_store::OnThread;

    use crate::session::in_session;

    async_conformance!(keyring, || OnThread::new(in_session()));
}

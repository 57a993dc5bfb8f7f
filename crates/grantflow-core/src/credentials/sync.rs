//! The locks of a handle: those of std, or loom's where every order of its threads is tried (`--cfg grantflow_loom`, tests only).

#[cfg(not(all(test, grantflow_loom)))]
mod chosen {
    pub(in crate::credentials) use std::sync::{Mutex, MutexGuard};

    pub(in crate::credentials) use arc_swap::ArcSwapOption as Cell;
}

#[cfg(all(test, grantflow_loom))]
mod chosen {
    use std::ops::Deref;
    use std::sync::{Arc, PoisonError};

    pub(in crate::credentials) use loom::sync::{Mutex, MutexGuard};

    /// The cell of the published header as a lock, which is all that a model has to know of it.
    #[derive(Debug)]
    pub(in crate::credentials) struct Cell<T>(Mutex<Option<Arc<T>>>);

    /// What stood in the cell, as `arc_swap` lends it.
    pub(in crate::credentials) struct Loaded<T>(Option<Arc<T>>);

    impl<T> Deref for Loaded<T> {
        type Target = Option<Arc<T>>;

        fn deref(&self) -> &Option<Arc<T>> {
            &self.0
        }
    }

    impl<T> Default for Cell<T> {
        fn default() -> Self {
            Self(Mutex::new(None))
        }
    }

    impl<T> Cell<T> {
        pub(in crate::credentials) fn load(&self) -> Loaded<T> {
            Loaded(self.load_full())
        }

        pub(in crate::credentials) fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(in crate::credentials) fn store(&self, value: Option<Arc<T>>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}

pub(super) use chosen::{Cell, Mutex, MutexGuard};

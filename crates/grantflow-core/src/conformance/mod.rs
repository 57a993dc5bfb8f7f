//! The promises of stores and transports as public test suites (feature `conformance`).
//!
//! A store passes [`conformance!`](crate::conformance!) unmodified, an async one
//! [`async_conformance!`](crate::async_conformance!). The functions behind them can be called one by one; each panics where a
//! promise is broken. A store that ignores its patience may hang them instead. The suite of transports is in [`transport`].

mod async_store;
mod samples;
pub mod store;
#[cfg(test)]
mod tests;
pub mod transport;

pub use async_store::{
    BlockOn, Blocking, Task, a_dropped_guard_unlocks, a_dropped_lock_takes_nothing,
    a_dropped_save_leaves_a_whole_record, an_awaited_unlock_has_unlocked, block_on,
};

/// A module of tests: every promise of a [`Store`](crate::Store).
///
/// The second argument is called once for each test and makes an empty store; it can capture nothing.
///
/// # Example
///
/// ```
/// # use grantflow_store::MemoryStore;
/// # fn open_my_store() -> MemoryStore { MemoryStore::new() }
/// grantflow_core::conformance!(my_store, || open_my_store());
/// ```
#[macro_export]
macro_rules! conformance {
    ($name:ident, $make:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "what makes the store may need them")]
            use super::*;
            $crate::__store_promises! { blocking ($make) }
        }
    };
}

/// A module of tests: every promise of an [`AsyncStore`](crate::AsyncStore).
///
/// The second argument is called once for each test and makes an empty store; it can capture nothing. A store that needs a
/// runtime gives its `block_on` as the third, a [`BlockOn`](crate::conformance::BlockOn).
///
/// # Example
///
/// ```
/// # use grantflow_store::{MemoryStore, OnThread};
/// # fn open_my_store() -> OnThread<MemoryStore> { OnThread::new(MemoryStore::new()) }
/// grantflow_core::async_conformance!(my_store, || open_my_store());
/// ```
#[macro_export]
macro_rules! async_conformance {
    ($name:ident, $make:expr) => {
        $crate::async_conformance! { $name, $make, $crate::conformance::block_on }
    };
    ($name:ident, $make:expr, $block_on:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "what makes the store may need them")]
            use super::*;
            $crate::__store_promises! { asynchronous ($make) ($block_on) }
            $crate::__store_promises! { futures ($make) ($block_on)
                an_awaited_unlock_has_unlocked
                a_dropped_guard_unlocks
                a_dropped_lock_takes_nothing
                a_dropped_save_leaves_a_whole_record
            }
        }
    };
}

/// The list of promises, once.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_promises {
    ($form:ident ($make:expr) $(($block_on:expr))?) => {
        $crate::__store_promises! { $form ($make) $(($block_on))?
            an_absent_record_is_none
            a_record_reads_back_whole
            a_save_is_seen_by_all
            a_save_keeps_the_lock
            after_a_deletion_the_same_lock_saves_again
            a_read_does_not_wait_for_the_lock
            a_held_lock_times_out
            a_waiter_gets_the_lock
            writers_exclude_each_other
            a_dropped_guard_changes_nothing
            a_panic_gives_the_lock_back
            a_deleted_record_is_gone
            two_keys_never_share
            a_record_of_another_key_is_refused
            a_record_replaces_another
            a_replaced_record_is_not_written_back
            a_tombstone_is_kept
            keys_lists_what_is_stored
            the_order_of_scopes_does_not_count
            a_large_record_is_kept
            a_record_never_goes_back
            a_lock_for_a_login_is_a_lock
        }
    };
    (blocking ($make:expr) $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                $crate::conformance::store::$promise($make);
            }
        )+
    };
    (asynchronous ($make:expr) ($block_on:expr) $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                let make = $make;
                $crate::conformance::store::$promise(|| {
                    $crate::conformance::Blocking::new(make(), $block_on)
                });
            }
        )+
    };
    (futures ($make:expr) ($block_on:expr) $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                $crate::conformance::$promise($make, $block_on);
            }
        )+
    };
}

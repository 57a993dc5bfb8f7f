//! The stores of files under kills and errors at each of its system calls, injected by strace.
//!
//! This binary is the judge and, with a task, the victim: a victim runs on its main thread, where strace can count its calls.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../suite/room.rs"]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "strace is Linux's"))]
#[cfg_attr(
    target_os = "linux",
    allow(dead_code, reason = "the other suite uses the rest")
)]
mod room;

#[cfg(target_os = "linux")]
mod strace;
#[cfg(target_os = "linux")]
mod sweep;
#[cfg(target_os = "linux")]
mod victim;

#[cfg(target_os = "linux")]
use libtest_mimic::{Arguments, Trial};

#[cfg(not(target_os = "linux"))]
fn main() {}

/// A test by its name.
#[cfg(target_os = "linux")]
type Named = (&'static str, fn(room::Kind));

/// What is swept for a kind of store.
#[cfg(target_os = "linux")]
const EACH: [Named; 9] = [
    (
        "m11_r01_r05_a_refresh_is_wholly_old_or_wholly_new",
        sweep::refresh,
    ),
    ("m11_a_first_save_is_wholly_there_or_not_at_all", sweep::first),
    ("m11_a_deletion_happens_or_does_not", sweep::deletion),
    ("m11_t70_a_login_over_a_corrupt_file_keeps_it", sweep::login),
    (
        "r05_no_open_file_is_synced_twice_after_a_failure",
        sweep::synced_once,
    ),
    ("r04_a_full_quota_is_an_error_before_the_request", sweep::quota),
    (
        "r34_without_threads_the_error_is_typed_and_passes",
        sweep::no_threads,
    ),
    ("r14_a_place_without_locks_is_a_typed_error", sweep::no_locks),
    (
        "t56_nothing_is_created_wider_and_narrowed_afterwards",
        sweep::never_wider,
    ),
];

#[cfg(target_os = "linux")]
fn tests() -> Vec<(room::Kind, Named)> {
    use room::Kind;
    let each = |kind: Kind| EACH.into_iter().map(move |test| (kind, test));
    let mut tests = Vec::new();
    tests.extend(each(Kind::File));
    tests.push((
        Kind::File,
        ("an_unchanged_file_is_not_opened_again", sweep::unchanged),
    ));
    #[cfg(feature = "multistore")]
    {
        tests.extend(each(Kind::Multi));
        let name = "m11_a_replacement_loses_neither_record";
        tests.push((Kind::Multi, (name, sweep::replacement)));
    }
    #[cfg(feature = "encrypted")]
    {
        let name = "t65_a_data_key_is_durable_before_anything_is_sealed";
        tests.push((Kind::SealedFile, (name, sweep::key_first)));
    }
    #[cfg(all(feature = "encrypted", feature = "multistore"))]
    tests.extend(each(Kind::SealedMulti));
    tests
}

#[cfg(target_os = "linux")]
fn main() {
    victim::perform_task();
    // A panic is how a test fails, and how its thread ends.
    let trials = tests().into_iter().map(|(kind, (name, test))| {
        Trial::test(format!("{kind:?}::{name}"), move || {
            if strace::is_there(name) {
                test(kind);
            }
            Ok(())
        })
    });
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

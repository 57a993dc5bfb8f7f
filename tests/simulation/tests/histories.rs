//! The simulation itself: it holds, it repeats, and it finds what is wrong.

#![expect(clippy::print_stdout, reason = "counts are part of the proof")]

use grantflow_simulation::{Plant, campaign};

#[test]
fn r01_r09_no_history_breaks_an_invariant() {
    let totals = campaign::run(0, 500, None);
    let failures: Vec<_> = totals
        .failures
        .iter()
        .map(|it| (it.seed, &it.violation))
        .collect();
    assert_eq!(failures, []);
    assert_eq!(totals.histories, 500);
    // Something has happened in them.
    assert!(
        totals.crashes > 0 && totals.cancelled > 0 && totals.refreshes > 500,
        "{totals}"
    );
    let devices = totals.device_logins > 0 && totals.resumed > 0;
    assert!(devices && totals.nonces > 100, "{totals}");
    let logins = [
        totals.backchannel_logins,
        totals.browser_logins,
        totals.resource_logins,
    ];
    assert!(logins.iter().all(|count| *count > 0), "{totals}");
    assert!(totals.presented > 100 && totals.introspections > 0, "{totals}");
    println!("{totals}");
}

#[test]
fn a_seed_gives_the_same_history_byte_for_byte() {
    for seed in 0..100 {
        let (first, again) = (campaign::replay(seed, None), campaign::replay(seed, None));
        assert!(first.text.lines().count() > 5, "seed {seed}: {}", first.text);
        assert_eq!(first.text, again.text, "seed {seed}");
    }
    assert_ne!(campaign::replay(1, None).text, campaign::replay(2, None).text);
}

/// The plant, its invariants, and so many seeds at most.
fn finds(plant: Plant, invariants: &[&str]) {
    let history = campaign::find(plant, 0, 2000).unwrap_or_else(|| panic!("{plant} is not found"));
    let violation = history
        .violation
        .as_ref()
        .expect("a history that was found has a violation");
    println!(
        "{plant}: found after {} seeds: {}",
        history.seed + 1,
        violation.what
    );
    assert!(
        invariants.contains(&violation.invariant),
        "{violation:?}\n{}",
        history.text
    );
}

#[test]
fn a_missing_second_read_under_the_lock_is_found() {
    finds(Plant::NoRereadUnderLock, &["I2", "I3"]);
}

#[test]
fn a_token_that_is_published_before_it_is_saved_is_found() {
    finds(Plant::PublishBeforeSave, &["I1"]);
}

#[test]
fn a_second_try_outside_the_lock_is_found() {
    finds(Plant::RetryOutsideLock, &["I3"]);
}

#[test]
fn a_deleted_record_that_comes_back_is_found() {
    finds(Plant::WriteBackDeleted, &["I2", "I3", "I6"]);
}

#[test]
fn an_older_token_that_is_adopted_is_found() {
    finds(Plant::AdoptOlder, &["I2", "I3"]);
}

#[test]
fn a_lock_that_is_given_back_before_a_failed_save_is_done_is_found() {
    finds(Plant::UnlockBeforeSaved, &["I1", "I3"]);
}

/// Only a store without locks finds it.
#[test]
fn a_save_that_compares_generations_only_is_found() {
    finds(Plant::CompareGenerations, &["I3"]);
}

/// Only a password manager finds it.
#[test]
fn a_lock_that_is_given_back_while_a_write_hangs_is_found() {
    finds(Plant::ForgetHungWrites, &["I2", "I3"]);
}

/// Only tokens that are bound to a key find it.
#[test]
fn t50_a_key_that_is_not_stored_with_its_token_is_found() {
    finds(Plant::ForgetKey, &["I5", "I6"]);
}

/// Only servers that want nonces find it.
#[test]
fn t50_a_nonce_that_is_not_heard_is_found() {
    finds(Plant::IgnoreNonces, &["I3", "I5", "I6"]);
}

/// Only logins on devices find it.
#[test]
fn t53_a_device_that_does_not_wait_is_found() {
    finds(Plant::PollTooEarly, &["I9"]);
}

/// Only what a server takes once finds it.
#[test]
fn a_subject_token_that_is_presented_twice_is_found() {
    finds(Plant::PresentAgain, &["I10"]);
}

/// Only sources find it.
#[test]
fn a_source_that_is_asked_twice_for_one_token_is_found() {
    finds(Plant::AskSourceTwice, &["I3"]);
}

/// Only sources for two subjects find it.
#[test]
fn t68_the_token_of_another_subject_is_found() {
    finds(Plant::MixSubjects, &["I3", "I7"]);
}

/// Only logins in a browser whose reply is lost find it.
#[test]
fn t04_a_code_that_is_sent_twice_is_found() {
    finds(Plant::SendCodeAgain, &["I10"]);
}

/// Only logins that the server asks the user about find it.
#[test]
fn t53_a_poll_after_the_answer_is_found() {
    finds(Plant::PollAfterAnswer, &["I9"]);
}

/// Only records for a resource find it.
#[test]
fn t39_a_refresh_that_does_not_name_its_resource_is_found() {
    finds(Plant::ForgetResource, &["I7"]);
}

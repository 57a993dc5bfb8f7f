//! Two servers, of which one is hostile: no request with a secret reaches the wrong one (RFC 9700 section 4.4, RFC 9207, RFC 9728
//! section 7).
//!
//! ```text
//!             ┌─▶ honest: every byte it gets is kept ─▶ all secrets have to be among them, or nothing is proven
//! Grantflow ──┤
//!             └─▶ evil:   every byte it gets is kept ─▶ 0 requests with a secret of the honest one
//! ```
//!
//! Each case is a pair of fresh servers, and is played through ureq and through reqwest. Where the documents name an exception, the case
//! says so and has to find the secret.

#![expect(
    clippy::print_stdout,
    reason = "the suite says how many cases there were, and how many requests had a secret"
)]

mod exchanges;
mod handles;
mod injection;
mod mix_up;
mod named;
mod redirected;
mod stage;

use stage::{Stage, Way};

/// A case: what it is called, and what happens on the stage.
type Case = (String, Box<dyn Fn(&mut Stage)>);

/// Plays each case both ways: none of the requests to the wrong server has a secret.
fn none_leaks(what: &str, cases: &[Case]) {
    let (mut played, mut requests) = (0, 0);
    for (name, case) in cases {
        for way in Way::both() {
            let mut stage = Stage::new(way);
            case(&mut stage);
            assert_eq!(
                stage.leaks(),
                Vec::<Vec<String>>::new(),
                "{name}, by {}",
                stage.way.name()
            );
            requests += stage.evil.requests().len();
            played += 1;
        }
    }
    println!("{what}: {played} cases, {requests} requests to the wrong server, 0 with a secret");
}

/// Plays each case both ways: each leaks, as the documents say that it does.
fn each_leaks(what: &str, cases: &[Case]) {
    for (name, case) in cases {
        for way in Way::both() {
            let mut stage = Stage::new(way);
            case(&mut stage);
            assert!(
                !stage.leaks().is_empty(),
                "{name}: the documents name a danger that is none"
            );
        }
    }
    println!("{what}: {} cases, as documented", 2 * cases.len());
}

fn case(name: impl Into<String>, play: impl Fn(&mut Stage) + 'static) -> Case {
    (name.into(), Box::new(play))
}

/// Without this a recorder that sees nothing would prove everything.
#[test]
fn every_secret_reaches_the_right_server_and_is_seen_there() {
    for way in Way::both() {
        let mut stage = Stage::new(way);
        stage.serve();
        exchanges::all(&mut stage);
        let seen = stage.seen_at_home();
        let missing: Vec<&str> = stage.names().filter(|name| !seen.contains(*name)).collect();
        assert_eq!(missing, Vec::<&str>::new(), "by {}", stage.way.name());
        assert_eq!(stage.leaks(), Vec::<Vec<String>>::new());
        println!(
            "control, by {}: {} secrets of {} seen at the right server",
            stage.way.name(),
            seen.len(),
            seen.len()
        );
    }
}

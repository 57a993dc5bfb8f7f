//! The story, told by the program.

use std::process::Command;

use crate::support::{Desk, Running, browser, done};

fn without_variables(desk: &Desk, words: &[&str]) -> Command {
    let mut command = desk.command(words);
    command.env_remove("GRANTFLOW_STORE");
    command
}

fn left_nothing(desk: &Desk) {
    for directory in ["home", "tmp"] {
        assert_eq!(desk.names(directory), [""; 0], "{directory}");
    }
    assert_eq!(desk.names("."), ["home", "tmp"]);
}

#[test]
fn the_demo_tells_the_whole_story_without_a_browser_and_leaves_nothing() {
    let desk = Desk::new();
    let demo = done(without_variables(&desk, &["demo", "--yes"]).env_remove("BROWSER")).ok();
    for told in [
        "PKCE",
        "exactly once",
        "16 of 16",
        "1 refresh",
        "another process",
        "revoke",
    ] {
        assert!(demo.stdout.contains(told), "{told}: {demo:?}");
    }
    assert_eq!(demo.stderr, "");
    assert!(!demo.stdout.contains("gft_"), "{demo:?}");
    left_nothing(&desk);
}

/// The discard port: nobody answers there.
#[test]
fn the_demo_is_the_same_behind_a_proxy_and_with_a_store_of_ones_own() {
    let desk = Desk::new();
    let variables = [
        ("http_proxy", "http://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("all_proxy", "http://127.0.0.1:9"),
        ("GRANTFLOW_SEALING_KEY", "bogus"),
        ("GRANTFLOW_STORE", "bogus"),
    ];
    for (name, value) in variables {
        done(without_variables(&desk, &["demo", "--yes"]).env(name, value)).ok();
    }
    left_nothing(&desk);
}

#[test]
fn the_demo_tells_it_to_programs_too() {
    let desk = Desk::new();
    let demo = done(&mut without_variables(
        &desk,
        &["demo", "--yes", "--format", "json"],
    ))
    .ok();
    let steps = demo.json();
    let steps = steps.as_array().unwrap();
    assert!(steps.len() >= 8, "{steps:?}");
    for step in steps {
        for member in ["step", "did", "proves"] {
            assert!(
                step[member].as_str().is_some_and(|text| !text.is_empty()),
                "{step}"
            );
        }
    }
    left_nothing(&desk);
}

#[test]
fn the_demo_opens_the_browser() {
    let desk = Desk::new();
    let demo = done(without_variables(&desk, &["demo"]).env("BROWSER", browser("allow"))).ok();
    assert!(demo.stdout.contains("a browser opens"), "{demo:?}");
    left_nothing(&desk);
}

#[test]
fn a_demo_whose_user_says_no_ends_with_that() {
    let desk = Desk::new();
    done(without_variables(&desk, &["demo"]).env("BROWSER", browser("deny"))).fails(5);
    left_nothing(&desk);
}

#[test]
fn the_stampede_logs_out_those_without_a_lock_and_nobody_else() {
    let desk = Desk::new();
    let demo = done(&mut without_variables(&desk, &["demo", "stampede"])).ok();
    for told in [
        "8 refresh requests                      1 refresh request\n",
        "7 spent tokens sent again               0 spent tokens sent again\n",
        "7 of 8 logged out                       0 of 8 logged out\n",
        "0 of 8 served by the API                8 of 8 served by the API\n",
        "the login is revoked                    the login goes on\n",
    ] {
        assert!(demo.stdout.contains(told), "{told}: {demo:?}");
    }
    let processes = demo
        .stdout
        .lines()
        .filter(|line| line.contains("served by that refresh"));
    assert_eq!(processes.count(), 7, "{demo:?}");
    assert_eq!(demo.stderr, "");
    assert!(!demo.stdout.contains("gft_"), "{demo:?}");
    left_nothing(&desk);
}

#[test]
fn the_stampede_is_told_to_programs_too() {
    let desk = Desk::new();
    let demo = done(&mut without_variables(
        &desk,
        &["demo", "stampede", "--format", "json"],
    ))
    .ok();
    let expected = serde_json::json!({
        "processes": 8,
        "by_itself": { "requests": 8, "replays": 7, "logged_out": 7, "served": 0, "login_lives": false },
        "with_grantflow": { "requests": 1, "replays": 0, "logged_out": 0, "served": 8, "login_lives": true },
    });
    assert_eq!(demo.json(), expected);
    left_nothing(&desk);
}

#[test]
fn the_processes_of_the_stampede_are_nobody_elses_business() {
    let desk = Desk::new();
    let help = done(&mut without_variables(&desk, &["demo", "--help"])).ok();
    assert!(
        help.stdout.contains("stampede") && !help.stdout.contains("  member"),
        "{help:?}"
    );
}

#[test]
#[cfg(unix)]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let desk = Desk::new();
    let demo = Running::start(without_variables(&desk, &["demo"]).env("BROWSER", "true"));
    demo.says("/authorize?");
    demo.signal(rustix::process::Signal::INT);
    demo.end().fails(130);
    left_nothing(&desk);
}

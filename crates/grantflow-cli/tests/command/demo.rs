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
#[cfg(unix)]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let desk = Desk::new();
    let demo = Running::start(without_variables(&desk, &["demo"]).env("BROWSER", "true"));
    demo.says("/authorize?");
    demo.signal(rustix::process::Signal::INT);
    demo.end().fails(130);
    left_nothing(&desk);
}

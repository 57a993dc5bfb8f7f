//! `grantflow login --device`: a code on the terminal, and a browser elsewhere.

use std::time::Duration;

use grantflow_testserver::Config;
#[cfg(unix)]
use grantflow_testserver::{Endpoint, Fault};

#[cfg(unix)]
use crate::support::PATIENCE;
use crate::support::{Desk, Running};
#[cfg(target_os = "linux")]
use crate::terminal::{Drawn, Terminal};

/// A server that is polled for each second.
fn desk() -> Desk {
    Desk::with(Config::new().device_interval(Duration::from_secs(1)))
}

fn start(desk: &Desk, words: &[&str]) -> Running {
    let mut all = desk.login_words(&["--device", "--scope", "profile"]);
    all.extend_from_slice(words);
    Running::start(&mut desk.command(&all))
}

/// The code that the command shows, by itself on a line.
fn code(login: &Running) -> String {
    login.says("Enter this code");
    login.says("-").trim().to_owned()
}

#[test]
fn a_device_shows_a_code_and_stores_what_is_granted_for_it() {
    let desk = desk();
    let login = start(&desk, &[]);
    assert_eq!(login.says("/device").trim(), desk.server.url("/device"));
    let host = desk.issuer().strip_prefix("http://").unwrap();
    assert!(login.says("It is at").contains(&format!("It is at {host}.")));
    let code = login.says("-");
    desk.server.approve_device(code.trim()).unwrap();
    let done = login.end().ok();
    // Standard output is the result's alone, and nothing is drawn where there is no terminal.
    assert!(
        done.stdout.contains("device_code") && !done.stdout.contains(code.trim()),
        "{done:?}"
    );
    assert!(done.stderr.contains("You are logged in."), "{done:?}");
    assert!(!done.stderr.contains(['\u{1b}', '\u{2588}']), "{done:?}");
    desk.run(&["token"]).ok();
    // What serves is kept, and no code asked for.
    let again = start(&desk, &[]).end().ok();
    assert!(again.stderr.contains("nobody was asked"), "{again:?}");
    assert_eq!(desk.server.stats().device_authorizations, 1);
}

/// RFC 8628 section 5.4: a page that opens by itself asks for a consent to a login that somebody else began.
#[test]
#[cfg(unix)]
fn t53_no_browser_is_opened_and_code_and_host_are_shown_before_the_server_is_polled() {
    let desk = desk();
    let opened = desk.path("opened");
    let browser = format!("touch {}", opened.display());
    let mut words = desk.login_words(&["--device", "--scope", "profile"]);
    let login = Running::start(desk.command(&words).env("BROWSER", &browser));
    let host = desk.issuer().strip_prefix("http://").unwrap();
    login.says(&format!("It is at {host}."));
    let code = login.says("-");
    assert_eq!(desk.server.stats().polls, 0);
    desk.server.approve_device(code.trim()).unwrap();
    login.end().ok();
    assert!(!opened.exists(), "a browser was opened");
    // That one would be seen.
    words.retain(|word| *word != "--device");
    words.extend(["--store", "file:other.json"]);
    let other = Running::start(desk.command(&words).env("BROWSER", &browser));
    other.says("To log in");
    let end = std::time::Instant::now() + PATIENCE;
    while !opened.exists() && std::time::Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(opened.exists(), "no browser is opened at all");
}

#[test]
fn whoever_is_denied_on_another_device_is_told_and_nothing_is_stored() {
    let desk = desk();
    let login = start(&desk, &[]);
    desk.server.deny_device(&code(&login)).unwrap();
    let denied = login.end().fails(5);
    assert!(denied.stderr.contains("the user said no"), "{denied:?}");
    assert!(!desk.file().exists());
}

#[test]
fn a_code_that_nobody_enters_ends_with_what_to_do() {
    let config = Config::new()
        .device_interval(Duration::from_secs(1))
        .device_lifetime(Duration::from_secs(2));
    let desk = Desk::with(config);
    let ended = start(&desk, &["--format", "json"]).end().fails(3);
    assert!(
        ended
            .stderr
            .contains("nobody allowed the login before its code ended"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("grantflow login"), "{ended:?}");
}

#[test]
fn a_client_without_codes_for_devices_and_options_of_a_browser_are_refused() {
    let desk = desk();
    let secrets = serde_json::json!({ "installed": {
        "client_id": "native-app",
        "auth_uri": desk.server.url("/authorize"),
        "token_uri": desk.server.url("/token"),
    }});
    std::fs::write(desk.path("client_secrets.json"), secrets.to_string()).unwrap();
    let words = ["login", "--device", "--client-secrets", "client_secrets.json"];
    let refused = desk.run(&words).fails(1);
    assert!(refused.stderr.contains("--issuer"), "{refused:?}");
    for option in [
        &["--no-local-server"][..],
        &["--auth-host-port", "8080"],
        &["--auth-host-name", "127.0.0.1"],
        &["--redirect-uri", "http://127.0.0.1/"],
    ] {
        let mut words = desk.login_words(&["--device"]);
        words.extend_from_slice(option);
        desk.run(&words).fails(2);
    }
}

#[test]
#[cfg(unix)]
fn r35_an_interrupt_between_polls_ends_at_once() {
    let desk = desk();
    let login = start(&desk, &[]);
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.polls == 2));
    login.signal(rustix::process::Signal::INT);
    let ended = login.end().fails(130);
    // It may have come while a poll was on its way; nothing was waited for but that.
    assert!(desk.server.stats().polls <= 3, "{ended:?}");
    assert!(!desk.file().exists());
}

#[test]
#[cfg(unix)]
fn r35_an_interrupt_while_a_device_gets_its_token_waits_until_it_is_stored() {
    let desk = desk();
    let login = start(&desk, &[]);
    let code = code(&login);
    desk.server.push_fault(Endpoint::Poll, Fault::Hold);
    desk.server.approve_device(&code).unwrap();
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
    login.signal(rustix::process::Signal::INT);
    login.says("waiting for a reply");
    desk.server.release();
    login.end().fails(130);
    desk.run(&["token"]).ok();
}

/// What a terminal of this size is shown, until an interrupt.
#[cfg(target_os = "linux")]
fn drawn(size: (u16, u16)) -> Drawn {
    let desk = Desk::with(Config::new().device_interval(Duration::from_secs(600)));
    let (terminal, mut login) = Terminal::start_sized(desk.command(&desk.login_words(&["--device"])), size);
    terminal.shows("waiting until the code is entered");
    let pid = rustix::process::Pid::from_raw(i32::try_from(login.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(login.wait().unwrap().code(), Some(130));
    terminal.end()
}

#[test]
#[cfg(target_os = "linux")]
fn a_qr_code_is_drawn_where_there_is_room_for_all_of_it() {
    const MODULES: [char; 3] = ['\u{2588}', '\u{2580}', '\u{2584}'];
    let (screen, cursor) = drawn((80, 24)).screen();
    let lines = screen.iter().filter(|line| line.contains(MODULES)).count();
    assert!((15..22).contains(&lines), "{screen:?}");
    assert!(
        screen.iter().any(|line| line.contains("Enter this code")),
        "{screen:?}"
    );
    // The terminal is as it was.
    assert!(
        cursor && !screen.iter().any(|line| line.contains("waiting until")),
        "{screen:?}"
    );
    for size in [(30, 24), (80, 12), (0, 0)] {
        let drawn = drawn(size);
        assert!(!drawn.text().contains(MODULES), "{size:?} {drawn:?}");
        assert!(drawn.text().contains("Enter this code"), "{size:?} {drawn:?}");
    }
}

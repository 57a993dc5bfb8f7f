//! Interrupts: what has left is stored first, and nothing else is waited for.

use std::io::Write as _;
use std::net::TcpListener;

use grantflow_testserver::{Endpoint, Fault};
use rustix::process::Signal;

use crate::support::{Desk, PATIENCE, Running, parameter};

#[test]
fn r35_an_interrupt_during_a_refresh_waits_until_the_new_token_is_stored() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let desk = Desk::with_expired();
        desk.server.push_fault(Endpoint::Refresh, Fault::Hold);
        let token = Running::start(&mut desk.command(&["token"]));
        assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
        token.signal(signal);
        token.says("waiting for a reply");
        desk.server.release();
        let ended = token.end().fails(130);
        assert_eq!(ended.stdout, "");
        let next = desk.run(&["token"]).ok();
        assert!(
            desk.server
                .expose_issued()
                .contains(&next.stdout.trim().to_owned())
        );
        let stats = desk.server.stats();
        assert_eq!((stats.refreshes, stats.refresh_replays), (1, 0), "{signal:?}");
        // The successor that was stored is the one that the server takes next.
        let issued = desk.server.expose_issued();
        let stored = std::fs::read_to_string(desk.file()).unwrap();
        let successor = issued
            .iter()
            .rev()
            .find(|token| token.starts_with("gft_rt_"))
            .unwrap();
        assert!(stored.contains(successor));
    }
}

#[test]
fn r35_an_interrupt_during_the_exchange_of_a_code_waits_until_the_grant_is_stored() {
    let desk = Desk::new();
    desk.server.push_fault(Endpoint::Token, Fault::Hold);
    let login = Running::start(&mut desk.command(&desk.login_words(&[])));
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
    login.signal(Signal::INT);
    login.says("waiting for a reply");
    desk.server.release();
    login.end().fails(130);
    desk.run(&["token"]).ok();
    assert_eq!(desk.server.stats().code_exchanges, 1);
}

#[test]
fn r35_an_interrupt_during_a_login_frees_the_port() {
    let desk = Desk::new();
    let login = Running::start(desk.command(&desk.login_words(&[])).env("BROWSER", "true"));
    let url = login.says("/authorize?").trim().to_owned();
    let redirect = parameter(&url, "redirect_uri");
    let port: u16 = redirect
        .rsplit("%3A")
        .next()
        .unwrap()
        .trim_end_matches("%2F")
        .parse()
        .unwrap();
    assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
    login.signal(Signal::INT);
    login.end().fails(130);
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    assert!(!desk.file().exists());
}

#[test]
fn an_interrupt_while_the_server_is_asked_for_its_metadata_ends_at_once() {
    let desk = Desk::new();
    desk.server.push_fault(Endpoint::Metadata, Fault::Hold);
    let login = Running::start(&mut desk.command(&desk.login_words(&[])));
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
    login.signal(Signal::INT);
    // The reply is still held, and nothing is lost with it.
    assert_eq!(login.end().fails(130).stderr, "");
    desk.server.release();
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_while_another_process_refreshes_ends_at_once_and_sends_nothing() {
    let desk = Desk::with_expired();
    desk.server.push_fault(Endpoint::Refresh, Fault::Hold);
    let holder = Running::start(&mut desk.command(&["token"]));
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
    let waiter = Running::start(&mut desk.command(&["token"]));
    let blocked = format!(" {} ", waiter.id());
    let waits = |line: &str| line.contains("->") && line.contains(&blocked);
    let end = std::time::Instant::now() + PATIENCE;
    while !std::fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
        assert!(std::time::Instant::now() < end, "it does not wait for the lock");
        std::thread::yield_now();
    }
    waiter.signal(Signal::INT);
    // The reply is still held: nothing of the other process was waited for.
    assert_eq!(waiter.end().fails(130).stderr, "");
    assert_eq!(desk.server.stats().refreshes, 1);
    desk.server.release();
    holder.end().ok();
}

#[test]
fn an_interrupt_ends_curl_too() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let path = desk.install("curl", "#!/bin/sh\necho started >&2\nexec cat\n");
    let mut command = desk.command(&["curl", "https://api.example/"]);
    let mut curl = Running::start(command.env("PATH", path));
    curl.says("started");
    curl.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let stdin = curl.stdin.take();
    curl.signal(Signal::TERM);
    // Standard output ends when curl has ended too, though its input goes on.
    curl.end().fails(130);
    drop(stdin);
}

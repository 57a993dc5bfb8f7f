//! Interrupts: what has left is stored first, and nothing else is waited for.

use std::io::Write as _;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Child, Stdio},
    time::Duration,
};

#[cfg(target_os = "linux")]
use grantflow_testserver::Config;
use grantflow_testserver::{Endpoint, Fault};
#[cfg(target_os = "linux")]
use rustix::process::Pid;
use rustix::process::Signal;

use crate::support::{Desk, PATIENCE, Running, parameter};
#[cfg(target_os = "linux")]
use crate::terminal::Terminal;

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
#[cfg(target_os = "linux")]
fn r35_an_interrupt_leaves_no_half_line_on_the_terminal() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let desk = Desk::with_expired();
        desk.server.push_fault(Endpoint::Refresh, Fault::Hold);
        let (terminal, mut token) = Terminal::start(desk.command(&["token"]));
        assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
        terminal.shows("getting an access token");
        send(&token, signal);
        terminal.shows("waiting for a reply");
        desk.server.release();
        assert_eq!(token.wait().unwrap().code(), Some(130));
        let note = "grantflow: interrupted; waiting for a reply that must not be lost";
        let screen = (vec![note.to_owned(), String::new()], true);
        assert_eq!(terminal.end().screen(), screen, "{signal:?}");

        // Nothing has left: nothing is said.
        desk.expire();
        desk.server.push_fault(Endpoint::Refresh, Fault::Hold);
        let mut holder = Running::start(&mut desk.command(&["token"]));
        assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 2));
        let (terminal, mut waiter) = Terminal::start(desk.command(&["token"]));
        terminal.shows("getting an access token");
        send(&waiter, signal);
        assert_eq!(waiter.wait().unwrap().code(), Some(130));
        assert_eq!(terminal.end().screen(), (vec![String::new()], true), "{signal:?}");
        desk.server.release();
        drop(holder.stdin.take());
        holder.end().ok();
    }
}

/// Signals at fifty points of the command's life. Whatever it was doing, the save is done or was not begun.
#[test]
#[cfg(target_os = "linux")]
fn r35_a_signal_at_any_time_leaves_the_token_that_the_server_takes_next() {
    let config = Config::new().auto_approve("ann").delay(Duration::from_millis(40));
    let desk = Desk::with(config);
    desk.login(&[]).ok();
    let (mut interrupted, mut done) = (0, 0);
    for point in 0..50_u64 {
        desk.expire();
        let signal = if point % 2 == 0 { Signal::INT } else { Signal::TERM };
        let mut command = desk.command(&["token"]);
        command.stdout(Stdio::null());
        let (terminal, mut token) = Terminal::start(command);
        // sleep: the signal has to come at some time of the command's life, also where nothing can be seen of it.
        std::thread::sleep(Duration::from_millis(3 * point));
        send(&token, signal);
        let ended = token.wait().unwrap();
        match (ended.code(), ended.signal()) {
            (Some(130), _) => interrupted += 1,
            (Some(0), _) => done += 1,
            // Before it has begun to watch, which is before it does anything.
            (None, Some(number)) if number == signal.as_raw() => {}
            _ => panic!("{point}: {ended:?}"),
        }
        let (screen, cursor) = terminal.end().screen();
        let whole = |line: &String| line.is_empty() || line.ends_with("that must not be lost");
        assert!(cursor && screen.iter().all(whole), "{point}: {screen:?}");
        assert_eq!(screen.last().map(String::as_str), Some(""), "{point}");
        let issued = desk.server.expose_issued();
        let current = issued.iter().rev().find(|token| token.starts_with("gft_rt_"));
        let stored = std::fs::read_to_string(desk.file()).unwrap();
        assert!(stored.contains(current.unwrap()), "{point}");
        desk.run(&["token"]).ok();
    }
    assert_eq!(desk.server.stats().refresh_replays, 0);
    assert!(
        interrupted > 0,
        "{interrupted} were interrupted, {done} were done"
    );
}

/// Says it to the command.
#[cfg(target_os = "linux")]
fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
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

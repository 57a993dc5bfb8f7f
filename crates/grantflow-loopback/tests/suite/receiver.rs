//! The receiver against everything else that may knock at its port (threats T16 to T24).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{self, Reply, Waiting, authority, begin, begin_in, follow, nowhere, read, request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{Error, ResponseMode};
use grantflow_loopback::{LoginError, LoopbackHost, Receiver, ReceiverOptions};
use proptest::prelude::*;

fn waiting() -> Waiting {
    Waiting::with(Receiver::bind(&ReceiverOptions::new().path("/callback")).unwrap())
}

fn port(uri: &str) -> u16 {
    authority(uri).rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn t10_the_code_leaves_the_address_bar_and_nothing_is_kept_or_loaded() {
    let waiting = waiting();
    let target = waiting.target("code=secret-code&state=STATE");
    let location = format!("http://{}{target}", waiting.authority);
    let redirect = waiting.get(&target);
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (303, Some("/done"))
    );
    let page = request(
        &waiting.authority,
        &format!("GET /done HTTP/1.1\r\nHost: {}\r\n\r\n", waiting.authority),
    );
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Login received"));
    for reply in [redirect, page] {
        assert!(
            !reply.head.contains("secret-code") && !reply.body.contains("secret-code"),
            "{location}"
        );
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(reply.header(name), Some(value));
        }
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"));
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\n";

fn posted(mode: ResponseMode) -> Waiting {
    let options = ReceiverOptions::new().path("/callback").form_post();
    Waiting::in_mode(mode, Receiver::bind(&options).unwrap())
}

#[test]
fn t10_a_code_that_is_to_be_posted_is_taken_from_a_form_and_no_address_has_it() {
    let waiting = posted(ResponseMode::FormPost);
    let origin = format!("Origin: https://server.example\r\n{FORM}");
    let reply = waiting.post(&origin, "code=secret-code&state=STATE");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/done")));
    assert!(!reply.head.contains("secret-code") && !reply.body.contains("secret-code"));
    assert!(waiting.get("/done").body.contains("Login received"));
    let expected = format!("code=secret-code&state={}", waiting.state);
    assert_eq!(waiting.received(), expected);
}

#[test]
fn t10_a_code_that_is_to_be_posted_is_taken_in_no_other_way() {
    let waiting = posted(ResponseMode::FormPost);
    let good = "code=good&state=STATE";
    let reply = waiting.get(&waiting.target(good));
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    // What the query says is not looked at.
    let path = waiting.target(good);
    let line = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n", waiting.authority);
    for more in [FORM.replace("LENGTH", "0"), String::new()] {
        assert_eq!(
            request(&waiting.authority, &format!("{line}{more}\r\n")).status,
            400
        );
    }
    let chunked = FORM.to_owned() + "Transfer-Encoding: chunked\r\n";
    for headers in [
        "Content-Length: LENGTH\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/plain\r\nContent-Length: LENGTH\r\n",
        "Content-Type: application/json\r\nContent-Length: LENGTH\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: +LENGTH\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\nContent-Length: LENGTH\r\n",
        &chunked,
    ] {
        assert_eq!(waiting.post(headers, good).status, 400, "{headers}");
    }
    assert_eq!(waiting.post(FORM, "code=good&state=other").status, 400);
    assert_eq!(waiting.post(FORM, "\u{ff}").status, 400);
    let large = format!("{good}&more={}", "a".repeat(40_000));
    assert_eq!(waiting.post(FORM, &large).status, 431);
    // Longer than it says: the rest is nobody's.
    let cut = FORM.replace("LENGTH", "9");
    assert_eq!(waiting.post(&cut, good).status, 400);
    assert_eq!(waiting.post(FORM, good).status, 303);
    let expected = format!("code=good&state={}", waiting.state);
    assert_eq!(waiting.received(), expected);
}

#[test]
fn t10_a_receiver_waits_only_for_what_it_takes() {
    for (receives, mode) in [
        (true, ResponseMode::Query),
        (false, ResponseMode::FormPost),
        (false, ResponseMode::FormPostJwt),
    ] {
        let options = ReceiverOptions::new();
        let receiver = Receiver::bind(&if receives { options.form_post() } else { options }).unwrap();
        let (_, pending, _) = begin_in(mode, &nowhere(), receiver.redirect_uri());
        let refused = receiver.wait(&pending, Duration::ZERO);
        assert!(
            matches!(refused, Err(LoginError::Flow(Error::InvalidInput(_)))),
            "{mode:?}: {refused:?}"
        );
    }
    // Signed, it is no less an address, and its length is that of a token.
    let waiting = Waiting::in_mode(
        ResponseMode::QueryJwt,
        Receiver::bind(&ReceiverOptions::new()).unwrap(),
    );
    assert_eq!(waiting.get(&waiting.target("code=good&state=STATE")).status, 400);
    let claims = format!(
        "{{\"state\":\"{}\",\"more\":\"{}\"}}",
        waiting.state,
        "a".repeat(3000)
    );
    let response = format!("response=e30.{}.", URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(waiting.get(&waiting.target(&response)).status, 303);
    assert_eq!(waiting.received(), response);
}

#[test]
fn t19_a_form_that_does_not_come_in_time_is_hung_up_on() {
    let options = ReceiverOptions::new()
        .form_post()
        .head_limit(Duration::from_millis(50));
    let waiting = Waiting::in_mode(ResponseMode::FormPost, Receiver::bind(&options).unwrap());
    let head = FORM.replace("LENGTH", "100");
    let mut stream = TcpStream::connect(&waiting.authority).unwrap();
    let text = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\n{head}\r\ncode=",
        waiting.authority
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    stream.read_to_end(&mut all).unwrap();
    assert!(all.is_empty(), "nothing is said to who says nothing whole");
    assert_eq!(waiting.post(FORM, "code=good&state=STATE").status, 303);
    waiting.received();
}

#[cfg(target_os = "linux")]
#[test]
fn t16_nothing_listens_but_the_loopback_literals() {
    const V4: &str = "0100007F";
    const V6: &str = "00000000000000000000000001000000";
    for (host, expected) in [
        (LoopbackHost::V4, vec![V4]),
        (LoopbackHost::V6, vec![V6]),
        (LoopbackHost::Localhost, vec![V4, V6]),
    ] {
        let receiver = Receiver::bind(&ReceiverOptions::new().host(host)).unwrap();
        assert!(receiver.redirect_uri().starts_with(&format!("http://{host}:")));
        let tables =
            ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).unwrap());
        let listening: Vec<&str> = tables
            .iter()
            .flat_map(|table| table.lines())
            .filter_map(|line| {
                let mut columns = line.split_whitespace().skip(1);
                let (address, state) = (columns.next()?, columns.nth(1)?);
                let (address, port_in_hex) = address.split_once(':')?;
                let ours = u16::from_str_radix(port_in_hex, 16).ok()? == port(receiver.redirect_uri());
                (state == "0A" && ours).then_some(address)
            })
            .collect();
        assert_eq!(listening, expected, "{host}");
    }
}

#[test]
fn t16_a_host_that_is_not_loopback_is_refused() {
    for host in [
        "0.0.0.0",
        "::",
        "192.168.0.1",
        "127.0.0.2",
        "example.com",
        "localhost.example.com",
        "",
        " 127.0.0.1",
    ] {
        let error = host.parse::<LoopbackHost>().unwrap_err();
        assert!(matches!(error, LoginError::NotLoopback), "{host}");
    }
}

#[test]
fn t17_a_request_under_another_host_is_forbidden_and_changes_nothing() {
    let waiting = waiting();
    let port = port(&waiting.uri);
    let target = waiting.target("code=good&state=STATE");
    for headers in [
        format!("Host: evil.example:{port}\r\n"),
        String::new(),
        format!("Host: {0}\r\nHost: {0}\r\n", waiting.authority),
        format!("Host: localhost:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: {}.evil.example\r\n", waiting.authority),
        format!(
            "X-Forwarded-Host: {}\r\nHost: evil.example\r\n",
            waiting.authority
        ),
    ] {
        let reply = request(
            &waiting.authority,
            &format!("GET {target} HTTP/1.1\r\n{headers}\r\n"),
        );
        assert_eq!(reply.status, 403, "{headers:?}");
    }
    let absolute = format!(
        "GET http://{}{target} HTTP/1.1\r\nHost: {0}\r\n\r\n",
        waiting.authority
    );
    assert_eq!(request(&waiting.authority, &absolute).status, 404);
    waiting.succeeds();
}

#[test]
fn t18_a_thousand_requests_of_others_do_not_end_the_login() {
    let waiting = waiting();
    let others = [
        "code=stolen",
        "code=stolen&state=",
        "code=stolen&state=STATEx",
        "error=access_denied",
        "error=access_denied&state=wrong",
        "state=STATE&state=STATE&code=twice",
        "",
        "%",
        "code=stolen#state=STATE",
    ];
    let half = &waiting.state[..waiting.state.len() / 2];
    for number in 0..1000 {
        let reply = match number % (others.len() + 1) {
            0 => waiting.get(&format!("/callback?code=stolen&state={half}")),
            other => waiting.get(&waiting.target(others[other - 1])),
        };
        assert_eq!(reply.status, 400, "{number}");
    }
    waiting.succeeds();
}

#[test]
fn t18_a_denial_with_the_right_state_ends_the_login() {
    let receiver = Receiver::bind(&ReceiverOptions::new()).unwrap();
    let uri = receiver.redirect_uri().to_owned();
    let (_, pending, state) = begin(&nowhere(), &uri);
    let waiting = thread::spawn(move || receiver.wait(&pending, support::PATIENCE));
    let page = follow(&format!("{uri}?error=access_denied&state={state}"));
    assert!(page.body.contains("Access was not granted"));
    let callback = waiting.join().unwrap().unwrap();
    assert_eq!(callback.expose(), format!("error=access_denied&state={state}"));
}

#[test]
fn t19_idle_and_dripping_connections_give_way_to_the_redirect() {
    // None of them is hung up on by time, so only giving way helps.
    let options = ReceiverOptions::new()
        .path("/callback")
        .head_limit(Duration::from_secs(3600));
    let waiting = Waiting::with(Receiver::bind(&options).unwrap());
    let connect = || TcpStream::connect(&waiting.authority).unwrap();
    let idle: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    let mut dripping: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    for stream in &mut dripping {
        stream.write_all(b"GET /callback?").unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let dripper = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                dripping.retain_mut(|stream| stream.write_all(b"x").is_ok());
                thread::yield_now();
            }
        })
    };
    waiting.succeeds();
    stop.store(true, Ordering::Relaxed);
    dripper.join().unwrap();
    drop(idle);
}

#[test]
fn t19_a_connection_that_says_nothing_in_time_is_hung_up_on() {
    let options = ReceiverOptions::new().head_limit(Duration::from_secs(1));
    let waiting = Waiting::with(Receiver::bind(&options).unwrap());
    let mut stream = TcpStream::connect(&waiting.authority).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    assert_eq!(std::io::Read::read(&mut stream, &mut [0]).unwrap(), 0);
    // The receiver is still there: it was not its own end that hung up.
    waiting.succeeds();
}

#[test]
fn t19_a_head_that_is_too_large_is_refused() {
    let waiting = waiting();
    let padding = "x".repeat(8 * 1024);
    for head in [
        format!(
            "GET /callback HTTP/1.1\r\nHost: {}\r\nX: {padding}\r\n\r\n",
            waiting.authority
        ),
        format!("GET /callback?{padding}{padding}"),
    ] {
        let mut stream = TcpStream::connect(&waiting.authority).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(read(stream).status, 431);
    }
    waiting.succeeds();
}

#[test]
fn t20_only_get_at_the_exact_path_takes_the_code() {
    let waiting = waiting();
    let good = waiting.target("code=good&state=STATE");
    let send = |line: &str, more: &str| -> Reply {
        request(
            &waiting.authority,
            &format!("{line} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", waiting.authority),
        )
    };
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Private-Network: true\r\n";
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get",
    ] {
        let reply = send(&format!("{method} {good}"), preflight);
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET")),
            "{method}"
        );
        assert!(!reply.head.to_ascii_lowercase().contains("access-control"));
        assert_eq!(reply.body.is_empty(), method == "HEAD");
    }
    assert_eq!(send(&format!("CONNECT {}", waiting.authority), "").status, 404);
    let query = good.split_once('?').unwrap().1;
    for path in [
        "/",
        "/favicon.ico",
        "/callback/",
        "/Callback",
        "/callback/..",
        "//callback",
        "/%63allback",
        "/done",
    ] {
        assert_eq!(send(&format!("GET {path}?{query}"), "").status, 404, "{path}");
    }
    for purpose in [
        "Sec-Purpose: prefetch\r\n",
        "Sec-Purpose: prefetch;prerender\r\n",
        "Purpose: prefetch\r\n",
    ] {
        assert_eq!(send(&format!("GET {good}"), purpose).status, 503);
    }
    for nonsense in ["", "GET", "GET / HTTP/1.1\r\n folded: x"] {
        assert_eq!(
            request(&waiting.authority, &format!("{nonsense}\r\n\r\n")).status,
            400
        );
    }
    waiting.succeeds();
}

#[test]
fn t21_no_page_tells_anybody_about_the_login() {
    let waiting = waiting();
    for path in ["/", "/index.html", "/done", "/callback", "/callback?state=guess"] {
        let reply = waiting.get(path);
        assert!(matches!(reply.status, 400 | 404), "{path}");
        let all = format!("{}{}", reply.head, reply.body);
        assert!(
            !all.contains(&waiting.state) && !all.contains("server.example"),
            "{path}"
        );
    }
    waiting.succeeds();
}

#[test]
fn t22_a_page_holds_nothing_of_what_was_asked() {
    let waiting = waiting();
    let wrong = waiting.get("/callback?state=x");
    let missing = waiting.get("/x");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let text = "[!-~&&[^ #]]{0,60}";
    runner
        .run(&(text, text), |(name, value)| {
            let reply = waiting.get(&format!("/callback?error_description={value}&{name}={value}"));
            prop_assert_eq!((&reply.head, &reply.body), (&wrong.head, &wrong.body));
            let reply = waiting.get(&format!("/x{name}?{value}"));
            prop_assert_eq!((&reply.head, &reply.body), (&missing.head, &missing.body));
            Ok(())
        })
        .unwrap();
    waiting.succeeds();
}

#[test]
fn t24_a_port_that_is_taken_is_an_error_and_no_other_is_used() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for host in [LoopbackHost::V4, LoopbackHost::Localhost] {
        let error = Receiver::bind(&ReceiverOptions::new().host(host).ports([port])).unwrap_err();
        assert!(matches!(error, LoginError::Listen(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("nothing can listen at {host}, port {port}")
        );
    }
    let second = Receiver::bind(&ReceiverOptions::new().ports([port, 0])).unwrap();
    assert_ne!(second.redirect_uri(), format!("http://127.0.0.1:{port}/"));
}

#[test]
fn t24_localhost_needs_the_port_of_both_literals() {
    let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return support::skip("t24", "this machine has no IPv6 loopback");
    };
    let port = taken.local_addr().unwrap().port();
    let error =
        Receiver::bind(&ReceiverOptions::new().host(LoopbackHost::Localhost).ports([port])).unwrap_err();
    assert!(matches!(error, LoginError::Listen(_)), "{error:?}");
}

#[test]
fn a_redirect_to_localhost_is_taken_at_both_literals() {
    let options = ReceiverOptions::new().host(LoopbackHost::Localhost).path("");
    let waiting = Waiting::with(Receiver::bind(&options).unwrap());
    let port = port(&waiting.uri);
    assert_eq!(waiting.uri, format!("http://localhost:{port}"));
    for literal in ["127.0.0.1", "[::1]"] {
        let good = format!("GET /?state=wrong HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        assert_eq!(
            request(&format!("{literal}:{port}"), &good).status,
            400,
            "{literal}"
        );
    }
    waiting.succeeds();
}

#[test]
fn a_redirect_path_may_be_that_of_the_final_page_and_may_have_a_query() {
    let options = ReceiverOptions::new().path("/done?tenant=1");
    let waiting = Waiting::with(Receiver::bind(&options).unwrap());
    let location = format!("{}&code=good&state={}", waiting.uri, waiting.state);
    assert!(follow(&location).body.contains("Login received"));
}

#[test]
fn r35_the_port_is_free_when_the_receiver_is_dropped_or_its_time_is_over() {
    let receiver = Receiver::bind(&ReceiverOptions::new()).unwrap();
    let uri = receiver.redirect_uri().to_owned();
    let again = || Receiver::bind(&ReceiverOptions::new().ports([port(&uri)]));
    assert!(again().is_err());
    drop(receiver);
    let receiver = again().unwrap();
    let (_, pending, _) = begin(&nowhere(), receiver.redirect_uri());
    let idle = TcpStream::connect(authority(&uri)).unwrap();
    let error = receiver.wait(&pending, Duration::ZERO).unwrap_err();
    assert!(matches!(error, LoginError::TimedOut) && error.needs_user());
    drop(again().unwrap());
    drop(idle);
}

#[test]
fn r35_the_port_is_free_once_the_final_page_was_fetched() {
    let waiting = waiting();
    let uri = waiting.uri.clone();
    let location = format!("{uri}?code=good&state={}", waiting.state);
    assert_eq!(follow(&location).status, 200);
    // Whoever connects from now on is hung up on, at the latest when the time for the final page is over.
    while TcpStream::connect(authority(&uri)).is_ok() {
        thread::yield_now();
    }
    Receiver::bind(&ReceiverOptions::new().ports([port(&uri)])).unwrap();
}

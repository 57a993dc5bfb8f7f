//! What of the transport is its own: settings, headers that ureq adds, sharing.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use grantflow_core::transport::TimeLimit;
use grantflow_core::{Body, Request, Transport, TransportErrorKind};
use grantflow_ureq::UreqTransport;
use mockito::{Matcher, Server};

fn get(url: &str) -> Request {
    http::Request::get(url).body(Body::empty()).unwrap()
}

#[test]
fn a_request_names_its_sender_unless_it_does_so_itself() {
    let mut server = Server::new();
    let ours = server
        .mock("GET", "/")
        .match_header("user-agent", Matcher::Regex("^grantflow-ureq/".into()))
        .create();
    let theirs = server
        .mock("GET", "/own")
        .match_header("user-agent", "mine/1.0")
        .create();
    let transport = UreqTransport::new().unwrap();
    transport.send(get(&format!("{}/", server.url()))).unwrap();
    let mut own = get(&format!("{}/own", server.url()));
    own.headers_mut()
        .insert("user-agent", "mine/1.0".parse().unwrap());
    transport.send(own).unwrap();
    ours.assert();
    theirs.assert();
}

#[test]
fn a_scheme_that_is_not_http_is_an_error_before_sending() {
    let error = UreqTransport::new()
        .unwrap()
        .send(get("ftp://127.0.0.1/"))
        .unwrap_err();
    assert!(!error.request_left());
}

#[test]
fn clones_work_on_many_threads() {
    let mut server = Server::new();
    let mock = server.mock("GET", "/").with_body("ok").expect(16).create();
    let transport = UreqTransport::new().unwrap();
    let url = format!("{}/", server.url());
    std::thread::scope(|threads| {
        for _ in 0..4 {
            let transport = transport.clone();
            let url = &url;
            threads.spawn(move || {
                for _ in 0..4 {
                    assert_eq!(transport.send(get(url)).unwrap().body().as_bytes(), b"ok");
                }
            });
        }
    });
    mock.assert();
}

/// A request that keeps to it is noticed, and ends.
const USUAL: Duration = Duration::from_secs(30);

/// The next request on the same connection has the usual time again.
#[test]
fn a_request_that_is_allowed_less_time_has_less_and_no_other_has() {
    const LESS: Duration = Duration::from_millis(300);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        for pause in [Duration::ZERO, 3 * LESS] {
            assert_ne!(connection.read(&mut [0; 1024]).unwrap(), 0);
            std::thread::sleep(pause); // sleep: the time of the first request would go by
            let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            connection.write_all(text).unwrap();
        }
        // Silence, until whoever asks gives up.
        while connection.read(&mut [0; 1024]).unwrap_or_default() != 0 {}
    });
    let limited = || {
        let mut request = get(&url);
        request.extensions_mut().insert(TimeLimit(LESS));
        request
    };
    let transport = UreqTransport::builder()
        .request_timeout(USUAL)
        .no_proxy()
        .build()
        .unwrap();
    transport.send(limited()).unwrap();
    transport.send(get(&url)).unwrap();
    let began = std::time::Instant::now();
    let error = transport.send(limited()).unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Timeout);
    assert!(began.elapsed() < USUAL / 2, "{:?}", began.elapsed());
    server.join().unwrap();
}

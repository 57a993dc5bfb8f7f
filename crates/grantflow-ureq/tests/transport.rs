//! What of the transport is its own: settings, headers that ureq adds, sharing.

#![expect(clippy::unwrap_used, reason = "tests")]

use grantflow_core::{Body, Request, Transport};
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

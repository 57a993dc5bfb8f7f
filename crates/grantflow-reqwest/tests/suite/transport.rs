//! What of the transport is its own: settings, runtimes, the ready client, nothing process-wide.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use grantflow_core::transport::TimeLimit;
use grantflow_core::{AsyncTransport, Body, Request, TransportErrorKind};
use grantflow_reqwest::ReqwestTransport;
use mockito::{Matcher, Server};

fn get(url: &str) -> Request {
    http::Request::get(url).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_request_names_its_sender_unless_it_does_so_itself() {
    let mut server = Server::new_async().await;
    let ours = server
        .mock("GET", "/")
        .match_header("user-agent", Matcher::Regex("^grantflow-reqwest/".into()));
    let ours = ours.create_async().await;
    let theirs = server
        .mock("GET", "/own")
        .match_header("user-agent", "mine/1.0")
        .create_async()
        .await;
    let transport = ReqwestTransport::new().unwrap();
    transport.send(get(&format!("{}/", server.url()))).await.unwrap();
    let mut own = get(&format!("{}/own", server.url()));
    own.headers_mut()
        .insert("user-agent", "mine/1.0".parse().unwrap());
    transport.send(own).await.unwrap();
    ours.assert_async().await;
    theirs.assert_async().await;
}

#[tokio::test]
async fn a_scheme_that_is_not_http_is_an_error_before_sending() {
    let error = ReqwestTransport::new()
        .unwrap()
        .send(get("ftp://127.0.0.1/"))
        .await
        .unwrap_err();
    assert!(!error.request_left());
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let transport = ReqwestTransport::new().unwrap();
    let mut sending = pin!(transport.send(get("http://127.0.0.1:9/")));
    let Poll::Ready(Err(error)) = sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("no error at once");
    };
    assert!(!error.request_left());
    assert!(transport.spawn(Box::pin(async {})).is_err());
}

/// A process that is stopped runs no task, and the time of its request goes by: here the one thread of the runtime stands still.
#[tokio::test]
async fn r22_a_reply_that_came_while_the_process_was_stopped_is_read() {
    let limit = Duration::from_secs(2);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (asked, has_asked) = std::sync::mpsc::channel();
    let (reply, may_reply) = std::sync::mpsc::channel();
    let (replied, has_replied) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        assert_ne!(connection.read(&mut [0; 1024]).unwrap(), 0);
        asked.send(()).unwrap();
        may_reply.recv().unwrap();
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntoken";
        connection.write_all(text).unwrap();
        replied.send(()).unwrap();
        // Kept open until the reply has been read.
        assert_eq!(connection.read(&mut [0; 1]).unwrap_or_default(), 0);
    });
    let transport = ReqwestTransport::builder()
        .request_timeout(limit)
        .no_proxy()
        .build()
        .unwrap();
    let sending = tokio::spawn(async move { transport.send(get(&url)).await });
    while has_asked.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    reply.send(()).unwrap();
    has_replied.recv().unwrap();
    std::thread::sleep(limit); // sleep: the time of the request has to go by
    let reply = sending.await.unwrap().unwrap();
    assert_eq!(reply.body().as_bytes(), b"token");
    server.join().unwrap();
}

/// A request that keeps to it is noticed, and ends.
const USUAL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_request_that_is_allowed_less_time_has_less() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        // Silence, until whoever asks gives up.
        while connection.read(&mut [0; 1024]).unwrap_or_default() != 0 {}
    });
    let transport = ReqwestTransport::builder()
        .request_timeout(USUAL)
        .no_proxy()
        .build()
        .unwrap();
    let mut request = get(&url);
    request
        .extensions_mut()
        .insert(TimeLimit(Duration::from_millis(300)));
    let began = std::time::Instant::now();
    let error = transport.send(request).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Timeout);
    assert!(began.elapsed() < USUAL / 2, "{:?}", began.elapsed());
    // The runtime closes the connection meanwhile.
    let server = tokio::task::spawn_blocking(move || server.join());
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pause_passes_on_the_runtime() {
    ReqwestTransport::new()
        .unwrap()
        .sleep(Duration::from_millis(1))
        .await;
}

#[tokio::test]
async fn the_ready_client_works_and_nothing_process_wide_is_set() {
    let mut server = Server::new_async().await;
    let there = format!("{}/there", server.url());
    let moved = server
        .mock("GET", "/")
        .with_status(302)
        .with_header("location", &there)
        .create_async()
        .await;
    let found = server.mock("GET", "/there").with_body("ok").create_async().await;
    let client = grantflow_reqwest::client().unwrap();
    let reply = client.get(server.url()).send().await.unwrap();
    assert_eq!(reply.text().await.unwrap(), "ok");
    moved.assert_async().await;
    found.assert_async().await;
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

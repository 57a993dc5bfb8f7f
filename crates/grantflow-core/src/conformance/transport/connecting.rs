//! What a transport makes of connections that do not come up, do not answer or go away.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::peer::Server;
use super::{CANARY, Limits, Make, Outcome, get, post, refused};
use crate::TransportErrorKind;

/// Nobody listens.
pub fn r19_a_refused_connection_is_told_as_one_before_sending(make: Make<'_>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    drop(listener);
    let error = refused(make(Limits::ROOMY).send(post(&format!("http://{address}/"))));
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    assert!(!error.request_left());
}

/// A name that no resolver asks the network for: its label is too long.
pub fn r19_an_unknown_name_is_told_as_one_before_sending(make: Make<'_>) {
    let url = format!("http://{}.invalid/", "a".repeat(70));
    let error = refused(make(Limits::ROOMY).send(post(&url)));
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    assert!(!error.request_left());
}

/// Plain text where TLS should be; the request must not be written to it.
pub fn t44_a_server_without_tls_is_refused_before_sending(make: Make<'_>) {
    let server = Server::start(|peer| {
        peer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        while let Some(received) = peer.head() {
            assert!(!format!("{received:?}").contains(CANARY));
        }
    });
    let error = refused(make(Limits::ROOMY).send(post(&format!("https://{}/", server.address()))));
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert!(!error.request_left());
    assert_eq!(server.requests().len(), 0);
}

/// A listener whose backlog is full: the connection neither comes up nor is refused.
///
/// On a system that refuses instead there is nothing to see, and the check ends.
pub fn r18_a_connection_that_does_not_come_up_times_out_before_sending(make: Make<'_>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let mut waiting = Vec::new();
    let full = loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) if waiting.len() < 900 => waiting.push(stream),
            Ok(_) => break false,
            Err(error) => break error.kind() == std::io::ErrorKind::TimedOut,
        }
    };
    if !full {
        return;
    }
    let error = refused(make(Limits::SHORT).send(post(&format!("http://{address}/"))));
    assert_eq!(error.kind(), TransportErrorKind::Timeout);
    assert!(!error.request_left());
}

/// The request is read, and no reply comes.
pub fn r18_silence_ends_in_a_timeout_that_frees_the_socket(make: Make<'_>) {
    let freed = Arc::new(Outcome::default());
    let theirs = Arc::clone(&freed);
    let server = Server::start(move |peer| {
        if peer.request().is_some() {
            theirs.tell(peer.sees_the_end());
        }
    });
    let transport = make(Limits::SHORT);
    let error = refused(transport.send(post(&server.url("/"))));
    assert_eq!(error.kind(), TransportErrorKind::Timeout);
    assert!(error.request_left());
    assert!(transport.wait(&freed), "the socket stays open");
    assert_eq!(server.requests().len(), 1);
}

/// Each byte comes in time, the whole does not; in the head as in the body.
pub fn r18_a_drip_ends_in_a_timeout(make: Make<'_>) {
    let transport = make(Limits::SHORT);
    for head in [
        "HTTP/1.1 200 OK\r\nX-Drip: ",
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    ] {
        let server = Server::start(|peer| {
            let more = |peer: &mut super::peer::Peer| {
                peer.pause();
                peer.write(b"a")
            };
            if peer.request().is_some() && peer.write(head.as_bytes()) {
                let _all = (0..1000).all(|_| more(peer));
            }
        });
        let error = refused(transport.send(get(&server.url("/"))));
        assert_eq!(error.kind(), TransportErrorKind::Timeout, "{head:?}");
        assert!(error.request_left());
    }
}

/// The future of a request is dropped while the server thinks; its connection closes. A blocking transport has no such thing.
pub fn r18_a_dropped_request_frees_its_socket(make: Make<'_>) {
    let asked = Arc::new(Outcome::default());
    let freed = Arc::new(Outcome::default());
    let (their_asked, their_freed) = (Arc::clone(&asked), Arc::clone(&freed));
    let server = Server::start(move |peer| {
        if peer.request().is_some() {
            their_asked.tell(true);
            their_freed.tell(peer.sees_the_end());
        }
    });
    let transport = make(Limits::ROOMY);
    if transport.send_and_drop(post(&server.url("/")), &asked) {
        assert!(transport.wait(&freed), "the socket stays open");
    }
}

//! What arrives of a request: all of it, as it was given, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::peer::Server;
use super::{CANARY, Limits, Make, Outcome, get, post, refused, replied};
use crate::Body;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Method, path, query, headers in their order, and the body.
pub fn every_verb_arrives_as_it_was_given(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    let server = Server::replying(OK);
    let with_body = ["POST", "PUT", "PATCH", "DELETE"];
    for method in ["GET", "OPTIONS", "DELETE", "POST", "PUT", "PATCH"] {
        for body in ["", "a=1&b=%20"] {
            if !body.is_empty() && !with_body.contains(&method) {
                continue;
            }
            let request = http::Request::builder()
                .method(method)
                .uri(server.url("/a%2Fb/c?q=%20x&r=1"))
                .header("x-zulu", "1")
                .header("x-alpha", "2")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-mike", "3")
                .body(Body::from(body))
                .expect("the method and the address are those of a check");
            let reply = replied(transport.send(request));
            assert_eq!(reply.body().as_bytes(), b"ok");
            let received = server.requests().pop().expect("the request arrived");
            assert_eq!(received.line, format!("{method} /a%2Fb/c?q=%20x&r=1 HTTP/1.1"));
            let ours = ["x-zulu", "x-alpha", "content-type", "x-mike"];
            let arrived = received.headers.iter().map(|(name, _)| name.as_str());
            let arrived: Vec<_> = arrived.filter(|name| ours.contains(name)).collect();
            assert_eq!(arrived, ours, "{method}");
            assert_eq!(received.header("x-alpha"), Some("2"));
            assert_eq!(received.body, body.as_bytes(), "{method}");
            if body.is_empty() && ["POST", "PUT", "PATCH"].contains(&method) {
                // RFC 9110 section 8.6; some servers answer 411 without it.
                assert_eq!(received.header("content-length"), Some("0"), "{method}");
            }
        }
    }
    let mut head = get(&server.url("/"));
    *head.method_mut() = http::Method::HEAD;
    let bare = Server::replying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    *head.uri_mut() = bare.url("/").parse().expect("the server's address is one");
    assert!(replied(transport.send(head)).body().is_empty());
}

/// The request was read whole, and the connection closes without a reply: the server may have acted, so it is an error.
/// The first connection is one kept alive from a good request, for transports that keep them.
pub fn r19_a_request_without_a_reply_is_sent_once(make: Make<'_>) {
    let served = AtomicUsize::new(0);
    let server = Server::start(move |peer| {
        while let Some(request) = peer.request() {
            let first = served.fetch_add(1, Ordering::SeqCst) == 0;
            if !first || !peer.write(OK.as_bytes()) || request.is_the_last() {
                break;
            }
        }
    });
    let transport = make(Limits::ROOMY);
    replied(transport.send(get(&server.url("/"))));
    assert!(refused(transport.send(post(&server.url("/")))).request_left());
    assert_eq!(server.requests().len(), 2, "the POST was sent again");
    assert!(refused(transport.send(get(&server.url("/")))).request_left());
    assert_eq!(server.requests().len(), 3, "the GET was sent again");
}

/// The server closes a connection after its reply, or resets it once the next request begins. The POST that meets this arrives
/// once or not at all, and what the error says of it is true.
pub fn r19_a_post_on_a_connection_that_went_stale_is_sent_once(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    for begins in [false, true] {
        for _ in 0..20 {
            let heads = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&heads);
            let first = AtomicUsize::new(0);
            let server = Server::start(move |peer| {
                let Some(request) = peer.request() else {
                    return;
                };
                if first.fetch_add(1, Ordering::SeqCst) > 0 {
                    theirs.fetch_add(1, Ordering::SeqCst);
                    peer.write(OK.as_bytes());
                    return;
                }
                peer.write(OK.as_bytes());
                if begins && !request.is_the_last() && peer.head().is_some() {
                    theirs.fetch_add(1, Ordering::SeqCst);
                }
            });
            replied(transport.send(get(&server.url("/"))));
            let result = transport.send(post(&server.url("/")));
            let arrived = heads.load(Ordering::SeqCst);
            match result {
                Ok(_) => assert_eq!(arrived, 1, "the POST was sent again"),
                error => {
                    let error = refused(error);
                    assert!(arrived <= 1, "the POST was sent again");
                    assert!(arrived == 0 || error.request_left(), "the request did arrive");
                }
            }
        }
    }
}

/// What is given to `spawn` is done, by the transport or by the caller who gets it back.
pub fn a_spawned_task_runs_or_comes_back(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    let outcome = Arc::new(Outcome::default());
    transport.spawn(Arc::clone(&outcome));
    assert!(transport.wait(&outcome), "{CANARY} was lost");
}

//! What a transport makes of replies: redirects, sizes, compression, nonsense, cuts.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::peer::Server;
use super::{CANARY, Limits, Make, get, post, refused, replied, request};
use crate::transport::MAX_BODY;
use crate::{Body, TransportErrorKind};

/// A 3xx is a reply like any other, and nothing is sent to where it points.
pub fn t28_no_redirect_is_followed(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    let elsewhere = Server::replying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for status in [301_u16, 302, 303, 307, 308] {
        for target in [elsewhere.url("/elsewhere"), "/here".to_owned()] {
            let server = Server::replying(format!(
                "HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 4\r\n\r\nbody"
            ));
            for request in [get(&server.url("/")), post(&server.url("/"))] {
                let reply = replied(transport.send(request));
                assert_eq!(reply.status().as_u16(), status);
                assert_eq!(reply.headers()["location"], target);
                assert_eq!(reply.body().as_bytes(), b"body");
            }
            assert_eq!(server.requests().len(), 2, "{status} to {target}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// 8 MiB in chunks come, as fast as they are taken; the transport stops taking them.
pub fn t31_an_endless_body_is_cut_at_1_mib(make: Make<'_>) {
    let server = Server::start(|peer| {
        if peer.request().is_none() {
            return;
        }
        peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x10000], b"\r\n"].concat();
        if (0..128).all(|_| peer.write(&chunk)) {
            peer.write(b"0\r\n\r\n");
        }
    });
    let error = refused(make(Limits::ROOMY).send(get(&server.url("/"))));
    assert_ne!(error.kind(), TransportErrorKind::Timeout);
    assert!(error.request_left());
}

/// The cap is not less than it says, and not more, in whichever way the length is told.
pub fn t31_a_body_of_1_mib_is_read_whole(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    for length in [MAX_BODY, MAX_BODY + 1] {
        let body = vec![b'a'; length];
        let counted = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n");
        for reply in [
            [counted.as_bytes(), &body].concat(),
            [chunked.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
        ] {
            let server = Server::replying(reply);
            let result = transport.send(get(&server.url("/")));
            if length > MAX_BODY {
                assert!(refused(result).request_left());
            } else {
                assert_eq!(replied(result).body().len(), MAX_BODY);
            }
        }
    }
}

/// Nothing of the gigabyte that was announced comes; a transport that waits for it ends in a timeout.
pub fn t31_a_huge_content_length_is_refused_at_once(make: Make<'_>) {
    let server = Server::start(|peer| {
        if peer.request().is_some() {
            peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\nabc");
            peer.sees_the_end();
        }
    });
    let error = refused(make(Limits::WITHIN_PATIENCE).send(get(&server.url("/"))));
    assert_ne!(error.kind(), TransportErrorKind::Timeout);
    assert!(error.request_left());
}

/// 2 KB that would be 2 MiB: they are given as they came, or refused. Nothing compressed is asked for.
pub fn t31_a_gzip_bomb_is_not_expanded(make: Make<'_>) {
    let bomb = include_bytes!("bomb.gz");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    );
    let server = Server::replying([head.as_bytes(), bomb].concat());
    match make(Limits::ROOMY).send(get(&server.url("/"))) {
        Ok(reply) => assert_eq!(reply.body().as_bytes(), bomb),
        error => assert!(refused(error).request_left()),
    }
    for request in server.requests() {
        let asked = request.header("accept-encoding").unwrap_or("identity").to_owned();
        assert_eq!(asked, "identity");
    }
}

/// Whatever byte the reply ends after, a part of the body is never taken for the whole.
pub fn r19_a_reply_cut_anywhere_is_an_error(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    let json = r#"{"access_token":"a","expires_in":3600}"#;
    for reply in [
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            json.len()
        ),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{}\r\n16\r\n{}\r\n0\r\n\r\n",
            &json[..16],
            &json[16..]
        ),
    ] {
        let bytes = reply.into_bytes();
        let length = bytes.len();
        let next = AtomicUsize::new(0);
        let server = Server::start(move |peer| {
            if peer.request().is_some() {
                peer.write(&bytes[..next.fetch_add(1, Ordering::SeqCst)]);
            }
        });
        for cut in 0..=length {
            match transport.send(get(&server.url("/"))) {
                // Without the last line break of a chunked body, the body is whole all the same.
                Ok(reply) => assert_eq!(reply.body().as_bytes(), json.as_bytes(), "cut after {cut}"),
                error => {
                    let error = refused(error);
                    assert!(cut < length && error.request_left(), "cut after {cut}");
                }
            }
        }
    }
}

/// A reset, and not an end, in the middle of a body.
pub fn r19_a_reset_within_the_body_is_an_error(make: Make<'_>) {
    let server = Server::start(|peer| {
        // What was not read of the request turns the close into a reset.
        if peer.head().is_some() {
            peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
        }
    });
    let transport = make(Limits::ROOMY);
    for _ in 0..20 {
        let body = Body::from(vec![b'a'; 64 * 1024]);
        let error = refused(transport.send(request("POST", &server.url("/"), body)));
        assert!(error.request_left());
    }
}

/// What is no HTTP is told as an error.
pub fn r19_nonsense_is_an_error(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    for nonsense in [
        "220 mail.example.com ESMTP\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
    ] {
        let server = Server::start(|peer| {
            if peer.request().is_some() {
                peer.write(nonsense.as_bytes());
            }
        });
        let error = refused(transport.send(get(&server.url("/"))));
        assert!(error.request_left(), "{nonsense:?}");
        assert_ne!(error.kind(), TransportErrorKind::Timeout, "{nonsense:?}");
    }
}

/// A head without an end is not read to its end.
pub fn r20_a_flood_of_headers_is_refused(make: Make<'_>) {
    let server = Server::start(|peer| {
        if peer.request().is_none() {
            return;
        }
        peer.write(b"HTTP/1.1 200 OK\r\n");
        let flood = "X-Flood: and on and on\r\n".repeat(1000);
        if (0..400).all(|_| peer.write(flood.as_bytes())) {
            peer.write(b"Content-Length: 0\r\n\r\n");
        }
    });
    let error = refused(make(Limits::ROOMY).send(get(&server.url("/"))));
    assert_ne!(error.kind(), TransportErrorKind::Timeout);
    assert!(error.request_left());
}

/// Interim replies without an end are cut by a cap or by the limit in time.
pub fn r20_a_flood_of_interim_replies_ends(make: Make<'_>) {
    let server = Server::start(|peer| {
        if peer.request().is_some() {
            // A transport without a limit gets to the end, and is told by the checks of silence and drips.
            let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50);
            let _all = (0..1000).all(|_| {
                peer.pause();
                peer.write(flood.as_bytes())
            });
        }
    });
    let error = refused(make(Limits::SHORT).send(get(&server.url("/"))));
    assert!(error.request_left());
}

/// Refusals are replies, with all their headers and bytes.
pub fn every_status_is_a_reply_and_comes_whole(make: Make<'_>) {
    let transport = make(Limits::ROOMY);
    for status in [200_u16, 201, 204, 304, 400, 401, 403, 404, 408, 429, 500, 503] {
        let bare = matches!(status, 204 | 304);
        let (length, body) = if bare {
            ("", b"".as_slice())
        } else {
            ("Content-Length: 6\r\n", b"\xff\xfe\0{}\n".as_slice())
        };
        let head =
            format!("HTTP/1.1 {status} Word\r\nX-B: 1\r\nX-A: 2\r\nX-B: 3\r\nRetry-After: 5\r\n{length}\r\n");
        let server = Server::replying([head.as_bytes(), body].concat());
        let reply = replied(transport.send(get(&server.url("/"))));
        assert_eq!(reply.status().as_u16(), status);
        let values: Vec<_> = reply.headers().get_all("x-b").iter().collect();
        assert_eq!(values, ["1", "3"], "{status}");
        assert_eq!(reply.headers()["retry-after"], "5");
        assert_eq!(reply.body().as_bytes(), body, "{status}");
    }
}

/// No failure shows the query, a header or the body of its request; every check looks, this one asks for all kinds.
pub fn t60_no_error_prints_an_address_a_header_or_a_body(make: Make<'_>) {
    let transport = make(Limits::SHORT);
    for reply in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {CANARY}\r\n\r\n"),
        &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n"),
        &format!("{CANARY}\r\n\r\n"),
        &format!("HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n"),
    ] {
        let reply = reply.to_owned();
        let server = Server::start(move |peer| {
            if peer.request().is_some() {
                peer.write(reply.as_bytes());
            }
        });
        refused(transport.send(post(&server.url("/"))));
    }
    let silent = Server::start(|peer| {
        peer.sees_the_end();
    });
    refused(transport.send(post(&silent.url("/"))));
    refused(transport.send(post(&format!("http://{}.invalid/", "a".repeat(70)))));
    refused(transport.send(post(&format!("https://{}/", silent.address()))));
    refused(transport.send(post("gopher://127.0.0.1:9/")));
}

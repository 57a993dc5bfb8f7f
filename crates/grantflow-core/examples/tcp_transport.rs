//! A transport in one method: plain HTTP to a server on loopback, over a socket of the standard library.
//!
//! `cargo run -p grantflow-core --example tcp_transport --features native -- http://127.0.0.1:8080`, and before it, elsewhere,
//! `cargo run -p grantflow-testserver -- --port 8080`
#![expect(clippy::print_stdout, reason = "an example")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use grantflow_core::transport::{CONNECT_TIMEOUT, MAX_BODY, REQUEST_TIMEOUT};
use grantflow_core::{Issuer, Request, Response, Transport, TransportHost, flow, run};
use grantflow_core::{TransportError, TransportErrorKind as Kind};

pub(crate) struct TcpTransport;

impl Transport for TcpTransport {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let uri = request.uri();
        let host = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let address: Option<SocketAddr> = host.and_then(|host| host.as_str().parse().ok());
        let stream = address.and_then(|it| TcpStream::connect_timeout(&it, CONNECT_TIMEOUT).ok());
        let stream = stream.ok_or(TransportError::new(Kind::Connect).before_sending())?;
        exchange(stream, &request).ok_or(TransportError::new(Kind::Other))
    }
}

fn exchange(mut stream: TcpStream, request: &Request) -> Option<Response> {
    let (method, uri, body) = (request.method(), request.uri(), request.body());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut message = format!("{method} {target} HTTP/1.0\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in request.headers() {
        message += &format!("{name}: {}\r\n", value.to_str().ok()?);
    }
    let message = [message.as_bytes(), b"\r\n", body.as_bytes()].concat();
    stream.write_all(&message).ok()?;
    let (end, mut reply, mut buffer) = (Instant::now() + REQUEST_TIMEOUT, Vec::new(), [0; 4096]);
    let head = loop {
        let left = end.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut buffer).ok()? {
            0 => break reply.windows(4).position(|bytes| bytes == b"\r\n\r\n")?,
            _ if reply.len() > MAX_BODY => return None,
            read => reply.extend_from_slice(&buffer[..read]),
        }
    };
    let mut lines = std::str::from_utf8(&reply[..head]).ok()?.split("\r\n");
    let mut builder = http::Response::builder().status(lines.next()?.split(' ').nth(1)?);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        builder = builder.header(name, value.trim());
    }
    builder.body(reply[head + 4..].to_vec().into()).ok()
}

fn main() -> Result<(), grantflow_core::Error> {
    let issuer = Issuer::allow_http_for_loopback(std::env::args().nth(1).unwrap_or_default())?;
    let metadata = run(flow::discover(&issuer), &TransportHost::new(&TcpTransport))?;
    println!("tokens are granted at {}", metadata.token_endpoint());
    Ok(())
}

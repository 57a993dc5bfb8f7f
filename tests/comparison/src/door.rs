//! What stands before the token endpoint where a crate and the server do not fit: it forwards what it gets.
//!
//! JSON becomes a form, since google-cloud-auth sends JSON, which Google takes and [RFC 6749 section 6] does not know.
//! A reply may be changed on its way back.
//!
//! [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::Value;
use url::form_urlencoded;

use crate::grant::{Grant, agent};

/// A running door; its threads end with the process.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
}

/// Changes the body of a reply.
type Change = Arc<dyn Fn(String) -> String + Send + Sync>;

impl Door {
    /// A door to the server of `grant`, on loopback.
    #[must_use]
    pub fn to(grant: &Grant) -> Self {
        Self::changing(grant, |reply| reply)
    }

    /// The same, and each reply is changed by `change`.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[must_use]
    pub fn changing(grant: &Grant, change: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (server, change): (_, Change) = (grant.server.issuer().to_owned(), Arc::new(change));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (server, change) = (server.clone(), Arc::clone(&change));
                std::thread::spawn(move || pass(connection, &server, &change));
            }
        });
        Self { address }
    }

    /// The issuer as seen through the door.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of the token endpoint through the door.
    #[must_use]
    pub fn token_uri(&self) -> String {
        format!("{}/token", self.issuer())
    }
}

/// One request and its reply; the connection ends with it.
fn pass(connection: TcpStream, server: &str, change: &Change) -> Option<()> {
    let mut writer = connection.try_clone().ok()?;
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = agent().post(format!("{server}{path}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let mut reply = request.send(form(&body)).ok()?;
    let location = reply.headers().get("location").cloned();
    let text = reply
        .body_mut()
        .with_config()
        .limit(u64::MAX)
        .read_to_string()
        .ok()?;
    let text = change(text);
    let mut head = format!(
        "HTTP/1.1 {} -\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status().as_u16(),
        text.len()
    );
    if let Some(location) = location.as_ref().and_then(|location| location.to_str().ok()) {
        // Back through the door.
        let location = location.strip_prefix(server).unwrap_or(location);
        head.push_str(&format!("location: {location}\r\n"));
    }
    writer.write_all(format!("{head}\r\n{text}").as_bytes()).ok()
}

/// The members of a JSON object as a form; what is no JSON stays as it is.
fn form(body: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    let texts = members
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?)));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(texts).finish().into_bytes()
}

//! A key management service on loopback that stands in for those of clouds: it keeps an RSA key and signs what it is sent.
//!
//! ```text
//! POST /v1/KEY:sign  {"algorithm":"RS256","data":BASE64}  ─▶  {"signature":BASE64}
//! ```

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use grantflow_jwt::{Algorithm, SigningKey};
use serde_json::{Value, json};

/// The service, and how often it was asked. It ends with the process.
#[derive(Debug)]
pub struct Kms {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Kms {
    /// Starts it with one key.
    ///
    /// # Panics
    ///
    /// If there is no port.
    #[must_use]
    pub fn start(name: &str, key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let kms = Self {
            address: format!("http://{address}/v1"),
            asked: Arc::clone(&asked),
        };
        let path = format!("/v1/{name}:sign");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever hangs up in the middle gets no answer.
                let _gone = answer(stream, &path, &key);
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        kms
    }

    /// Where its keys are.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(stream: TcpStream, path: &str, key: &SigningKey) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, reply) = match signed(&body, key) {
        Some(signature) if first.starts_with(&format!("POST {path} ")) => {
            ("200 OK", json!({ "signature": signature }))
        }
        _ => ("404 Not Found", json!({ "error": "no such key" })),
    };
    let reply = reply.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    write!(&stream, "{head}content-length: {}\r\n\r\n{reply}", reply.len())
}

fn signed(body: &[u8], key: &SigningKey) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let algorithm = Algorithm::named(request["algorithm"].as_str()?)?;
    let data = BASE64.decode(request["data"].as_str()?).ok()?;
    Some(BASE64.encode(key.sign_bytes(algorithm, &data).ok()?))
}

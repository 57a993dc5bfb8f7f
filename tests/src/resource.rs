//! A protected resource on loopback that says where its tokens come from (RFC 9728), and takes none that is for another.
//!
//! ```text
//! GET  /.well-known/oauth-protected-resource/mcp  ─▶  {"resource":…,"authorization_servers":[ISSUER]}
//! GET  /mcp  ─▶  200 with a token for it that grants `read`, else 401 or 403 with a challenge; POST wants `write`
//! ```
//!
//! It reads tokens without their signature: what it judges is what the client asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// The resource before it is known who grants its tokens.
#[derive(Debug)]
pub struct Resource {
    listener: TcpListener,
    address: String,
}

impl Resource {
    /// Takes a port.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        Self { listener, address }
    }

    /// Its address, which is its name too.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers from now on, until the process ends.
    pub fn serve(self, issuer: &str) {
        let metadata = json!({ "resource": self.address, "authorization_servers": [issuer] });
        std::thread::spawn(move || {
            for stream in self.listener.incoming().map_while(Result::ok) {
                // Whoever hangs up in the middle gets no answer.
                let _gone = answer(&stream, &self.address, &metadata);
            }
        });
    }
}

fn answer(stream: &TcpStream, address: &str, metadata: &Value) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut token) = (String::new(), String::new(), None);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        if line.to_ascii_lowercase().starts_with("authorization: bearer ") {
            token = line.trim_end().split(' ').nth(2).map(str::to_owned);
        }
        line.clear();
    }
    let needed = if first.starts_with("POST ") {
        "write"
    } else {
        "read"
    };
    let (status, challenge, body) = match token.as_deref().and_then(claims) {
        _ if first.starts_with("GET /.well-known/oauth-protected-resource/mcp ") => {
            ("200 OK", String::new(), metadata.clone())
        }
        _ if first.contains("/.well-known/") => ("404 Not Found", String::new(), json!({})),
        Some(claims) if claims["aud"] == address && grants(&claims, needed) => {
            ("200 OK", String::new(), claims)
        }
        Some(claims) if claims["aud"] == address => {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
            ("403 Forbidden", challenge, json!({}))
        }
        _ => (
            "401 Unauthorized",
            format!("Basic realm=\"x\", Bearer scope=\"{needed}\""),
            json!({}),
        ),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    write!(
        &*stream,
        "{head}www-authenticate: {challenge}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn claims(token: &str) -> Option<Value> {
    let payload = BASE64.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

fn grants(claims: &Value, scope: &str) -> bool {
    claims["scope"]
        .as_str()
        .is_some_and(|scopes| scopes.split(' ').any(|one| one == scope))
}

//! A server on loopback that keeps every byte it gets, and says whatever its test wants: one of several that must not learn each
//! other's secrets.
//!
//! ```text
//! Recorder::bind() ─▶ its origin, for the metadata of whoever names it ─▶ serve(answer) ─▶ requests(): heads and bodies, as they came
//! ```

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::canary::{Canary, Surfaces};

/// What is answered: status, header lines that end with `\r\n`, body.
pub type Answer = (u16, String, String);

/// The server. It ends with the process.
#[derive(Debug)]
pub struct Recorder {
    listener: TcpListener,
    origin: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Takes a port.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
        Self {
            listener,
            origin,
            requests: Arc::default(),
        }
    }

    /// `http://127.0.0.1:PORT`, which is the name of the server that it plays.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Answers each request by its path, from now on.
    ///
    /// # Panics
    ///
    /// If the system gives no second handle of the port.
    pub fn serve(&self, answer: impl Fn(&str) -> Answer + Send + 'static) {
        let listener = self.listener.try_clone().expect("a socket has two handles");
        let requests = Arc::clone(&self.requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever hangs up in the middle gets no answer; what came is kept all the same.
                let _gone = record(&stream, &requests, &answer);
            }
        });
    }

    /// Every request so far, byte for byte; what is no text is shown as such.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Which of these secrets a request has, in any form, for each that has one.
    #[must_use]
    pub fn with_secrets(&self, secrets: &[Canary]) -> Vec<Vec<String>> {
        let requests = self.requests();
        let hits = requests.iter().map(|request| {
            let mut seen = Surfaces::default();
            seen.add("a request", request.as_str());
            seen.hits(secrets)
        });
        hits.filter(|hits| !hits.is_empty()).collect()
    }
}

fn record(
    stream: &TcpStream,
    requests: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut bytes, mut length) = (Vec::new(), 0);
    let ended = loop {
        let start = bytes.len();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) => break Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(1 | 2) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    };
    let ended = ended.and_then(|()| (&mut reader).take(length).read_to_end(&mut bytes));
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let path = request.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    if !request.is_empty() {
        requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
    }
    ended?;
    let (status, headers, body) = answer(&path);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

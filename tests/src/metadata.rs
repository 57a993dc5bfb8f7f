//! A metadata server on loopback that stands in for that of Google's machines, and a proxy that stands in for a company's: both count.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came: the first line, and the lines of its headers in lower case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Asked {
    /// `GET / HTTP/1.1`.
    pub line: String,
    /// `metadata-flavor: google`.
    pub headers: Vec<String>,
}

/// What is answered: status, header lines that end with `\r\n`, body.
pub type Answer = (u16, String, String);

/// A server that answers as it is told and notes what it was asked. It ends with the process.
#[derive(Debug)]
pub struct Double {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Double {
    /// Answers each request by its number and what it was.
    ///
    /// # Panics
    ///
    /// If there is no port.
    #[must_use]
    pub fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&asked);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, answer) = (Arc::clone(&theirs), Arc::clone(&answer));
                std::thread::spawn(move || {
                    // Whoever hangs up in the middle gets no answer.
                    let _gone = serve(&stream, &asked, &*answer);
                });
            }
        });
        Self { address, asked }
    }

    /// One that gives tokens `AT0`, `AT1`, … as Google's does, for so many seconds each.
    #[must_use]
    pub fn metadata(lifetime: u64) -> Self {
        Self::start(move |number, _| {
            let token =
                format!(r#"{{"access_token":"AT{number}","expires_in":{lifetime},"token_type":"Bearer"}}"#);
            google(200, "application/json", &token)
        })
    }

    /// Host and port, as `GCE_METADATA_HOST` has them.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An answer with the header of a metadata server.
#[must_use]
pub fn google(status: u16, media_type: &str, body: &str) -> Answer {
    let headers = format!(
        "Metadata-Flavor: Google\r\nContent-Type: {media_type}\r\nServer: Metadata Server for VM\r\n"
    );
    (status, headers, body.to_owned())
}

fn serve(
    stream: &TcpStream,
    asked: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(usize, &Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut headers, mut length) = (String::new(), String::new(), Vec::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        let header = line.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        headers.push(header);
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let request = Asked {
        line: first.trim().to_owned(),
        headers,
    };
    let number = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(request.clone());
        asked.len() - 1
    };
    let (status, headers, body) = answer(number, &request);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

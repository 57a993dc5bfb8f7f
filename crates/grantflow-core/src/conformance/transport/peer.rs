//! The other end: a server on loopback that keeps what it was asked and answers as a check tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the server waits for bytes before it gives a connection up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Received>>,
    over: AtomicBool,
}

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the other end waits for the connection to close behind the reply.
    pub(super) fn is_the_last(&self) -> bool {
        let close = |value: &str| value.eq_ignore_ascii_case("close");
        self.line.ends_with("HTTP/1.0") || self.header("connection").is_some_and(close)
    }
}

impl Server {
    /// Each connection is served by `serve` on a thread of its own.
    pub(super) fn start(serve: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", serve).expect("loopback has a free port")
    }

    /// On this address, if the machine has it.
    pub(super) fn on(address: &str, serve: impl Fn(&mut Peer) + Send + Sync + 'static) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let address = listener.local_addr().ok()?;
        let seen = Arc::new(Seen::default());
        let theirs = Arc::clone(&seen);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if theirs.over.load(Ordering::SeqCst) {
                    break;
                }
                theirs.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, serve) = (Arc::clone(&theirs), Arc::clone(&serve));
                thread::spawn(move || {
                    if let Some(mut peer) = Peer::new(stream, seen) {
                        serve(&mut peer);
                    }
                });
            }
        });
        Some(Self { address, seen })
    }

    /// Answers every request with these bytes, and keeps the connection unless asked to close it.
    pub(super) fn replying(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::start(move |peer| peer.reply_to_all(&reply))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        let requests = self.seen.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

/// One connection, as the server sees it.
pub(super) struct Peer {
    stream: BufReader<TcpStream>,
    seen: Arc<Seen>,
}

impl Peer {
    fn new(stream: TcpStream, seen: Arc<Seen>) -> Option<Self> {
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        let stream = BufReader::new(stream);
        Some(Self { stream, seen })
    }

    /// Reads a whole request and keeps it; `None` if the other end is gone.
    pub(super) fn request(&mut self) -> Option<Received> {
        let mut received = self.head()?;
        received.body = self.body(&received)?;
        let mut requests = self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(received.clone());
        Some(received)
    }

    /// Reads the head of a request and keeps nothing.
    pub(super) fn head(&mut self) -> Option<Received> {
        let mut received = Received {
            line: self.line()?,
            ..Received::default()
        };
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => {
                    let header = (name.to_ascii_lowercase(), value.trim().to_owned());
                    received.headers.push(header);
                }
                None => return line.is_empty().then_some(received),
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    }

    fn body(&mut self, head: &Received) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        if head.header("transfer-encoding").is_some() {
            loop {
                let length = u64::from_str_radix(&self.line()?, 16).ok()?;
                (&mut self.stream).take(length).read_to_end(&mut body).ok()?;
                self.line()?;
                if length == 0 {
                    return Some(body);
                }
            }
        }
        let length = head.header("content-length").map_or(Ok(0), str::parse).ok()?;
        let read = (&mut self.stream).take(length).read_to_end(&mut body).ok()?;
        (read as u64 == length).then_some(body)
    }

    /// Answers every request with these bytes, and keeps the connection unless asked to close it.
    pub(super) fn reply_to_all(&mut self, reply: &[u8]) {
        while let Some(request) = self.request() {
            if !self.write(reply) || request.is_the_last() {
                break;
            }
        }
    }

    /// Writes; `false` if the other end is gone.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Whether the other end closes, within the server's patience, whatever it still sends.
    pub(super) fn sees_the_end(&mut self) -> bool {
        loop {
            match self.stream.read(&mut [0; 1024]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Lets time pass that no check measures: the pace of a drip.
    pub(super) fn pause(&mut self) {
        thread::sleep(Duration::from_millis(15));
    }
}

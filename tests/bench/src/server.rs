//! A token endpoint on loopback: it takes its time, answers, counts, and notes when it answered last.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running endpoint; its threads end with the process.
pub struct Server {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    takes: Duration,
    answer: Box<dyn Fn(usize) -> String + Send + Sync>,
    requests: AtomicUsize,
    answered: Mutex<Option<Instant>>,
}

impl Server {
    /// An endpoint that answers each request after `takes` with what `answer` makes of its number.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub fn start(takes: Duration, answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let inner = Arc::new(Inner {
            takes,
            answer: Box::new(answer),
            requests: AtomicUsize::new(0),
            answered: Mutex::new(None),
        });
        let theirs = Arc::clone(&inner);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let inner = Arc::clone(&theirs);
                std::thread::spawn(move || inner.serve(connection));
            }
        });
        Self { address, inner }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// How many requests it has had.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::SeqCst)
    }

    /// When its last answer left.
    ///
    /// # Panics
    ///
    /// If a thread of the server has panicked.
    pub fn answered(&self) -> Option<Instant> {
        *self.inner.answered.lock().expect("no panic")
    }
}

impl Inner {
    fn serve(&self, connection: TcpStream) {
        let _ = connection.set_nodelay(true);
        let Ok(mut writer) = connection.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(connection);
        while let Some(length) = head(&mut reader) {
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
            if !self.takes.is_zero() {
                // sleep: this is how long the endpoint takes.
                std::thread::sleep(self.takes);
            }
            let json = (self.answer)(number);
            let reply = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
                json.len()
            );
            *self.answered.lock().expect("no panic") = Some(Instant::now());
            if writer.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The endpoint in a process of its own, so that its work is not counted with the client's.
pub struct Elsewhere {
    process: Child,
    url: String,
}

/// The word on the command line that makes this program the endpoint.
pub const SERVE: &str = "serve";

impl Elsewhere {
    /// Starts this program again as the endpoint.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("a running program");
        let mut process = Command::new(program)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut url = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut url).expect("its address");
        let url = url.trim_end().to_owned();
        Self { process, url }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Is the endpoint, until the other process ends.
    pub fn serve(reply: &'static str) {
        let server = Server::start(Duration::ZERO, |_| reply.to_owned());
        println!("{}", server.url());
        let _ = std::io::stdin().read(&mut [0]);
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the head of a request; how long its body is.
fn head(reader: &mut impl BufRead) -> Option<usize> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (name, value) = line.split_once(':').unwrap_or((line.trim_end(), ""));
        if name.is_empty() {
            return Some(length);
        }
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
}

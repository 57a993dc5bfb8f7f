//! A browser that does what a test says, a prompt that has one, and a place for credentials.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use grantflow_core::{
    AuthorizationRequest, AuthorizationUrl, Client, Cx, Endpoint, Issuer, PendingAuthorization, ResponseMode,
    Secret,
};
use grantflow_loopback::{Answers, Environment, LoginError, LoginOptions, Message, Paste, Prompt, Receiver};
use grantflow_testserver::TestServer;

/// Long enough for a machine that is busy, and never reached by a test that passes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the test server, without redirect addresses.
pub(crate) fn client(server: &TestServer, id: &str) -> Client {
    let endpoint = |path| Endpoint::allow_http_for_loopback(server.url(path)).unwrap();
    Client::new(id, endpoint("/token"))
        .with_issuer(Issuer::allow_http_for_loopback(server.issuer()).unwrap())
        .with_authorization_endpoint(endpoint("/authorize"))
        .with_revocation_endpoint(endpoint("/revoke"))
}

/// A client of no server at all.
pub(crate) fn nowhere() -> Client {
    Client::new("app", Endpoint::new("https://server.example/token").unwrap())
        .with_authorization_endpoint(Endpoint::new("https://server.example/authorize").unwrap())
}

/// Begins an authorization; its URL, what it waits for, and its state.
pub(crate) fn begin(client: &Client, redirect_uri: &str) -> (AuthorizationUrl, PendingAuthorization, String) {
    begin_in(ResponseMode::Query, client, redirect_uri)
}

pub(crate) fn begin_in(
    mode: ResponseMode,
    client: &Client,
    redirect_uri: &str,
) -> (AuthorizationUrl, PendingAuthorization, String) {
    let mut fill = |bytes: &mut [u8]| grantflow_core::native::fill(bytes);
    let mut cx = Cx::new(grantflow_core::native::now(), &mut fill);
    let (url, pending) = AuthorizationRequest::new(client, redirect_uri)
        .response_mode(mode)
        .start(&mut cx)
        .unwrap();
    let state = parameter(url.as_str(), "state");
    (url, pending, state)
}

/// A parameter as it stands in the query.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap().1.to_owned()
}

/// A receiver that waits, and the state of the login it waits for.
pub(crate) struct Waiting {
    pub(crate) uri: String,
    pub(crate) authority: String,
    pub(crate) state: String,
    thread: thread::JoinHandle<Result<Secret, LoginError>>,
}

impl Waiting {
    pub(crate) fn with(receiver: Receiver) -> Self {
        Self::in_mode(ResponseMode::Query, receiver)
    }

    pub(crate) fn in_mode(mode: ResponseMode, receiver: Receiver) -> Self {
        let uri = receiver.redirect_uri().to_owned();
        let (_, pending, state) = begin_in(mode, &nowhere(), &uri);
        let thread = thread::spawn(move || receiver.wait(&pending, PATIENCE));
        Self {
            authority: authority(&uri),
            uri,
            state,
            thread,
        }
    }

    /// The path of the redirect with this query, which `STATE` stands for the state in.
    pub(crate) fn target(&self, query: &str) -> String {
        let path = self.uri.splitn(4, '/').nth(3).unwrap_or_default();
        format!("/{path}?{}", query.replace("STATE", &self.state))
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        request(
            &self.authority,
            &format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority),
        )
    }

    /// Posts a form to the path of the redirect, which `STATE` stands for the state in.
    pub(crate) fn post(&self, headers: &str, form: &str) -> Reply {
        let (path, form) = (self.target(""), form.replace("STATE", &self.state));
        let (path, host, length) = (path.trim_end_matches('?'), &self.authority, form.len());
        let headers = headers.replace("LENGTH", &length.to_string());
        request(
            &self.authority,
            &format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{form}"),
        )
    }

    /// What the receiver made of the login.
    pub(crate) fn received(self) -> String {
        self.thread.join().unwrap().unwrap().expose().to_owned()
    }

    /// Sends the one good redirect and returns what the receiver made of it.
    pub(crate) fn finish(self) -> String {
        let reply = self.get(&self.target("code=good&state=STATE"));
        assert_eq!(reply.status, 303, "{reply:?}");
        self.thread.join().unwrap().unwrap().expose().to_owned()
    }

    pub(crate) fn succeeds(self) {
        let expected = format!("code=good&state={}", self.state);
        assert_eq!(self.finish(), expected);
    }
}

pub(crate) fn authority(uri: &str) -> String {
    uri.split('/').nth(2).unwrap().to_owned()
}

/// A reply as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends the text and reads the reply to its end.
pub(crate) fn request(authority: &str, text: &str) -> Reply {
    let mut stream = TcpStream::connect(authority.replace("localhost", "127.0.0.1")).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    read(stream)
}

pub(crate) fn read(mut stream: TcpStream) -> Reply {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// What somebody does who is shown the address: it gets the server's redirect to follow, or does with it what it wants.
type Act = dyn Fn(&str, &Answers) + Send + Sync;

/// A prompt whose user acts on a thread of their own, and remembers what was said.
pub(crate) struct User {
    act: Arc<Act>,
    pub(crate) said: Mutex<Vec<String>>,
    url: Mutex<String>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl User {
    pub(crate) fn new(act: impl Fn(&str, &Answers) + Send + Sync + 'static) -> Self {
        Self {
            act: Arc::new(act),
            said: Mutex::default(),
            url: Mutex::default(),
            threads: Mutex::default(),
        }
    }

    /// Consents, and follows the redirect to the final page.
    pub(crate) fn consents() -> Self {
        Self::new(|url, _| {
            let location = grantflow_testserver::Browser::new().approve(url).unwrap();
            assert_eq!(follow(&location).status, 200);
        })
    }

    /// Must not be asked.
    pub(crate) fn is_not_asked() -> Self {
        Self::new(|url, _| panic!("asked to open {url}"))
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }
}

impl Prompt for User {
    fn say(&self, message: &Message<'_>) {
        if let Message::Opened { url, .. } | Message::Visit { url, .. } = message {
            *self.url.lock().unwrap() = url.as_str().to_owned();
        }
        let text = match message {
            Message::LoggedIn { asked, granted, .. } => format!("LoggedIn asked {asked}, granted {granted}"),
            other => format!("{other:?}"),
        };
        self.said.lock().unwrap().push(text);
    }

    fn paste(&self, answers: Answers, paste: Paste) {
        if paste == Paste::Possible {
            return;
        }
        let (act, url) = (Arc::clone(&self.act), self.url());
        let acting = thread::spawn(move || act(&url, &answers));
        self.threads.lock().unwrap().push(acting);
    }
}

/// What the user found wrong fails the test.
impl Drop for User {
    fn drop(&mut self) {
        for acting in self.threads.lock().unwrap().drain(..) {
            let acted = acting.join();
            if !thread::panicking() {
                acted.unwrap();
            }
        }
    }
}

/// Visits the redirect as a browser does, and where it leads.
pub(crate) fn follow(location: &str) -> Reply {
    let authority = authority(location);
    let target = &location["http://".len() + authority.len()..];
    let get = |target: &str| {
        request(
            &authority,
            &format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n"),
        )
    };
    let reply = get(target);
    match reply.header("location") {
        Some(next) => get(next),
        None => reply,
    }
}

/// A login that no browser is opened for.
pub(crate) fn options() -> LoginOptions {
    LoginOptions::new()
        .environment(Environment::new())
        .time_limit(PATIENCE)
}

/// Says aloud that something was not tested here, and why.
pub(crate) fn skip(suite: &str, reason: &str) {
    let _ = writeln!(std::io::stdout(), "skipped {suite}: {reason}");
    if let Some(path) = std::env::var_os("GRANTFLOW_SKIPS") {
        let line = format!("{{\"suite\": \"{suite}\", \"reason\": \"{reason}\"}}\n");
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

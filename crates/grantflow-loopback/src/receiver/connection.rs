//! One connection: one request, one reply ([RFC 8252 section 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
//!
//! ```text
//! head ─▶ Host ─▶ path ─▶ method ─▶ (form) ─▶ ask the login ─┬─ not its state ──▶ 400, and the receiver goes on
//!   └───────┴───────┴────────┴─────────┴──▶ 4xx              └─ its state ──────▶ 303 ─▶ the final page
//! ```
//!
//! Either a query is taken, of a GET, or a form, of a POST: what the login asked for, and not the other.
//!
//! ```text
//! GET  /callback?code=…      query
//! POST /callback, code=…     form_post
//! ```

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use grantflow_core::Secret;

use super::head::{Head, MOST_BYTES, Method};
use super::pages::Page;
use super::slots::{Slot, Slots};

/// What a connection needs to know of its receiver.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) slots: Slots,
    /// The one `Host` that is taken.
    pub(super) host: String,
    /// The path of the redirect.
    pub(super) path: String,
    /// Whether the redirect is a POST, with a form.
    pub(super) posted: bool,
    /// How long a head may take, and a form behind it.
    pub(super) head_limit: Duration,
}

impl Site {
    /// Where the final page is: a path that is not the redirect's.
    fn final_path(&self) -> &'static str {
        if self.path == DONE { ALSO_DONE } else { DONE }
    }
}

/// A request to the path of the redirect, which waits for its verdict.
pub(crate) struct Arrival {
    /// The query, or the form.
    query: Secret,
    verdict: SyncSender<Verdict>,
    written: Receiver<()>,
}

/// What a request was to the login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Another's: the state is not the login's.
    Stranger,
    /// The redirect, with a code.
    Received,
    /// The redirect, with a refusal.
    Denied,
}

impl Arrival {
    /// The query, without its question mark, or the form.
    pub(crate) fn query(&self) -> &Secret {
        &self.query
    }

    /// Lets the request be answered, and waits a moment for that, so that the page is written before anything else can fail.
    pub(crate) fn answer(self, verdict: Verdict) -> Secret {
        // A connection that has gone cannot be answered, and need not be.
        let _ = self.verdict.send(verdict);
        let _ = self.written.recv_timeout(WRITE_LIMIT);
        self.query
    }
}

/// Serves one connection to its end.
pub(super) fn serve(
    site: &Site,
    slot: &Slot<'_>,
    mut stream: TcpStream,
    hand_over: &dyn Fn(Arrival) -> bool,
) {
    let end = Instant::now() + site.head_limit;
    let Some(request) = read_request(&mut stream, site, end) else {
        return;
    };
    let Some(twin) = slot.heard() else { return };
    let _ = stream.set_write_timeout(Some(WRITE_LIMIT));
    let mut with_body = true;
    let mut done = None;
    let page = match request {
        Ok((head, form)) => {
            with_body = head.method != Method::Head;
            route(site, &head, form, hand_over, &mut done)
        }
        Err(page) => page,
    };
    let sent = stream.write_all(&page.to_bytes(with_body)).is_ok();
    drop(done);
    if sent && matches!(page, Page::Received | Page::Denied) {
        site.slots.shown();
    }
    let _ = stream.shutdown(Shutdown::Write);
    slot.answered(twin);
    drain(&mut stream);
}

fn route(
    site: &Site,
    head: &Head,
    form: Option<Secret>,
    hand_over: &dyn Fn(Arrival) -> bool,
    done: &mut Option<SyncSender<()>>,
) -> Page {
    if !head
        .host
        .as_ref()
        .is_some_and(|host| host.eq_ignore_ascii_case(&site.host))
    {
        return Page::WrongHost;
    }
    let outcome = site.slots.outcome();
    if head.path == site.final_path() {
        return match (outcome, head.method) {
            (None, _) => Page::NotHere,
            (Some(page), Method::Get) => page,
            (Some(_), _) => Page::WrongMethod,
        };
    }
    if head.path != site.path {
        return Page::NotHere;
    }
    let (method, answer) = match (site.posted, form) {
        (false, _) => (Method::Get, Some(head.query.clone())),
        (true, form) => (Method::Post, form),
    };
    if head.method != method {
        return if site.posted {
            Page::OnlyPost
        } else {
            Page::WrongMethod
        };
    }
    let Some(query) = answer else {
        return Page::NotARequest;
    };
    if head.prefetch {
        return Page::NotYet;
    }
    if outcome.is_some() {
        return Page::Over;
    }
    let (verdict, answer) = sync_channel(1);
    let (writing, written) = sync_channel(1);
    *done = Some(writing);
    let arrival = Arrival {
        query,
        verdict,
        written,
    };
    if !hand_over(arrival) {
        return Page::Over;
    }
    match answer.recv_timeout(VERDICT_LIMIT) {
        Ok(Verdict::Received) => decide(site, Page::Received),
        Ok(Verdict::Denied) => decide(site, Page::Denied),
        Ok(Verdict::Stranger) => Page::Stranger,
        Err(_) => Page::Over,
    }
}

/// RFC 9700 section 4.12: 303, so that nothing of this request is repeated where it leads.
fn decide(site: &Site, outcome: Page) -> Page {
    site.slots.decide(outcome);
    Page::SeeOther(site.final_path())
}

/// The head, and the form if one is to be there; or the page that says what is wrong. `None` if nobody said anything whole in time.
fn read_request(
    stream: &mut TcpStream,
    site: &Site,
    end: Instant,
) -> Option<Result<(Head, Option<Secret>), Page>> {
    let (head, rest) = match read_head(stream, end)? {
        Ok(read) => read,
        Err(page) => return Some(Err(page)),
    };
    // Nothing is read that is not going to be looked at.
    let is_expected = site.posted && head.method == Method::Post && head.path == site.path;
    let form = match head.form.filter(|_| is_expected) {
        None => None,
        Some(length) if length > MOST_FORM => return Some(Err(Page::TooLarge)),
        Some(length) => read_form(stream, rest, length, end)?,
    };
    Some(Ok((head, form)))
}

type Start = (Head, Vec<u8>);

/// The head, and what came behind it.
fn read_head(stream: &mut TcpStream, end: Instant) -> Option<Result<Start, Page>> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        // The end of the head may stand across two reads.
        let from = bytes.len().saturating_sub(3);
        read_more(stream, &mut bytes, end)?;
        if let Some(at) = bytes[from..].windows(4).position(|four| four == b"\r\n\r\n") {
            let end = from + at + 4;
            return Some(if end > MOST_BYTES {
                Err(Page::TooLarge)
            } else {
                let rest = bytes[end..].to_vec();
                Head::parse(&bytes[..end])
                    .map(|head| (head, rest))
                    .ok_or(Page::NotARequest)
            });
        }
        if bytes.len() > MOST_BYTES {
            return Some(Err(Page::TooLarge));
        }
    }
}

/// The form of this length, of which the beginning was read already; `Some(None)` if it is no text.
#[expect(clippy::option_option, reason = "gone and unreadable differ")]
fn read_form(
    stream: &mut TcpStream,
    mut bytes: Vec<u8>,
    length: usize,
    end: Instant,
) -> Option<Option<Secret>> {
    while bytes.len() < length {
        read_more(stream, &mut bytes, end)?;
    }
    bytes.truncate(length);
    Some(String::from_utf8(bytes).ok().map(Secret::new))
}

/// Reads once; `None` if nothing came in time.
fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>, end: Instant) -> Option<()> {
    let mut buffer = [0; 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return None;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                return Some(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Reads what is left, for a moment: a connection that is closed with bytes unread loses the reply on its way.
fn drain(stream: &mut TcpStream) {
    let end = Instant::now() + DRAIN_LIMIT;
    let mut buffer = [0; 4096];
    for _ in 0..16 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        if !matches!(stream.read(&mut buffer), Ok(1..)) {
            return;
        }
    }
}

/// More than any answer needs, signed ones included.
const MOST_FORM: usize = 32 << 10;
const DONE: &str = "/done";
const ALSO_DONE: &str = "/done/";
/// How long the login may take to judge a request: a signed answer may need the keys of the server first.
const VERDICT_LIMIT: Duration = Duration::from_secs(35);
const WRITE_LIMIT: Duration = Duration::from_secs(1);
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

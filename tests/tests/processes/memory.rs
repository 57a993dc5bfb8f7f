//! What is left of secrets in the memory of a process once they are dropped (threat T62).
//!
//! A process of its own makes secrets with a mark in each, drops them, and then reads all of its memory that can be written.
//! The mark is nowhere in the program: it is made byte by byte, and compared byte by byte.

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use grantflow_core::{
    AsyncTransportHost, Body, Change, Client, Cx, Endpoint, Error, Key, Now, Provenance, Record, Response,
    Scopes, Secret, Store, Timestamp, Token, TokenRequest, TransportHost, drive, run,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{Encrypted, FileStore, KeyFile, MemoryStore, MultiStore};
use grantflow_ureq::UreqTransport;

const CHILD: &str = "GRANTFLOW_T62";
const TEST: &str = "memory::t62_nothing_is_left_in_memory_of_secrets_that_were_dropped";
const PATIENCE: Duration = Duration::from_secs(60);

/// What a mark is made of. The allocator writes over the first bytes of what is given back, so that a mark has others before it.
const BEFORE: usize = 48;
const MARK: usize = 24;

fn mark(at: usize) -> u8 {
    // No byte of it stands beside another in the program.
    b'A' + ((at * at * 7 + at * 11 + 3) % 26) as u8
}

/// A secret text with the mark of a case in it, as long as its buffer.
fn secret(case: u8) -> String {
    let mut text = String::with_capacity(BEFORE + MARK + 1);
    (0..BEFORE).for_each(|_| text.push('.'));
    (0..MARK).for_each(|at| text.push(char::from(mark(at))));
    text.push(char::from(case));
    text
}

/// How often the mark of each case stands in memory.
fn found() -> BTreeMap<char, usize> {
    const PIECE: usize = 1 << 16;
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let memory = File::open("/proc/self/mem").expect("a process reads its own");
    let mut found = BTreeMap::new();
    let mut buffer = vec![0; PIECE + MARK];
    for line in maps.lines() {
        let mut columns = line.split_whitespace();
        let (range, rights) = (columns.next().unwrap_or(""), columns.next().unwrap_or(""));
        if !rights.starts_with("rw") {
            continue;
        }
        let (begin, end) = range.split_once('-').expect("it is a range");
        let number = |text| u64::from_str_radix(text, 16).expect("it is hexadecimal");
        let (mut at, end) = (number(begin), number(end));
        while at < end {
            let length = buffer.len().min((end - at) as usize);
            // Some of what is mapped cannot be read.
            let read = memory.read_at(&mut buffer[..length], at).unwrap_or(0);
            let own = buffer.as_ptr().addr() as u64;
            let own = own..own + buffer.len() as u64;
            for (place, case) in marks(&buffer[..read]) {
                // What was read into the buffer is no copy of the program's.
                if !own.contains(&(at + place as u64)) {
                    *found.entry(case).or_default() += 1;
                }
            }
            at += PIECE as u64;
        }
    }
    // What was read is not to be found by the next search.
    buffer.fill(0);
    black_box(&buffer);
    found
}

/// Where marks begin, and of which case. Pieces overlap by a mark and a letter, so that each is whole in one of them.
fn marks(piece: &[u8]) -> Vec<(usize, char)> {
    let first = mark(0);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = piece[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        from = at + 1;
        let is_mark = |whole: &&[u8]| (0..MARK).all(|at| whole[at] == mark(at));
        if let Some(whole) = piece.get(at..=at + MARK).filter(is_mark) {
            found.push((at, char::from(whole[MARK])));
        }
    }
    found
}

fn endpoint(path: &str) -> Endpoint {
    Endpoint::new(format!("https://as.example{path}")).expect("it is an address")
}

fn client() -> Client {
    Client::new("cid", endpoint("/token"))
}

fn key() -> Key {
    Key::new(&client(), Scopes::parse("read").expect("it is a scope"))
}

fn record(case: u8) -> Record {
    let mut token = Token::bearer(secret(case), NOW);
    token.refresh_token = Some(secret(case).into());
    Record::new(key(), client(), token, Provenance::new("test", NOW))
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn cx<T>(with: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    let mut fill = |bytes: &mut [u8]| grantflow_core::native::fill(bytes);
    let now = Now {
        wall: NOW,
        ..Now::default()
    };
    with(&mut Cx::new(now, &mut fill))
}

/// Saves, reads and deletes.
fn keep(case: u8, store: &dyn Store) {
    let mut locked = store.lock(&key(), PATIENCE).expect("the place is ours");
    locked
        .save(Change::Put(Box::new(record(case))))
        .expect("it is stored");
    drop(locked);
    let read = store.read(&key()).expect("it is readable").expect("it is there");
    assert_eq!(read.token().access_token.expose().len(), BEFORE + MARK + 1);
    let mut locked = store.lock(&key(), PATIENCE).expect("the place is ours");
    let again = locked.record().expect("it is there").clone();
    locked
        .save(Change::Put(Box::new(
            again.refreshed(Token::bearer(secret(case), NOW)),
        )))
        .expect("it is stored");
    locked.save(Change::Delete).expect("it is deleted");
}

/// A refresh over a real connection; what it brings is dropped.
fn over_the_wire(case: u8, place: &Path, refresh: impl FnOnce(TokenRequest) -> Result<Token, Error>) {
    let port =
        std::fs::read_to_string(place.join(format!("port-{}", char::from(case)))).expect("the parent serves");
    let endpoint = Endpoint::allow_http_for_loopback(format!("http://127.0.0.1:{port}/token"));
    let client = Client::new("cid", endpoint.expect("it is loopback")).with_secret_post(secret(case));
    let token = refresh(TokenRequest::refresh(&client, secret(case).into())).expect("a token");
    assert_eq!(token.access_token.expose().len(), BEFORE + MARK + 1);
}

/// Grants to everybody on one port a case, where its process finds it.
fn serve(case: u8, place: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it listens").port();
    std::fs::write(place.join(format!("port-{}", char::from(case))), port.to_string())
        .expect("the place is ours");
    std::thread::spawn(move || {
        let mut connection = listener.accept().expect("the child comes").0;
        let mut asked = Vec::new();
        let (mark, granted) = (secret(case), secret(case.to_ascii_uppercase()));
        while asked
            .windows(mark.len())
            .filter(|window| *window == mark.as_bytes())
            .count()
            < 2
        {
            let mut piece = [0; 4096];
            let length = connection.read(&mut piece).expect("the child asks");
            assert_ne!(length, 0, "the child asks with both secrets");
            asked.extend_from_slice(&piece[..length]);
        }
        let json = format!(
            r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{granted}","refresh_token":"{granted}"}}"#
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            json.len()
        );
        connection
            .write_all(head.as_bytes())
            .and_then(|()| connection.write_all(json.as_bytes()))
            .expect("the child reads");
        // Until the child has gone.
        let _ = connection.read(&mut [0]);
    });
}

/// A case: its letter, what is made and dropped.
type Case = (u8, &'static str, fn(u8, &Path));

/// What SECURITY.md promises.
const CASES: [Case; 10] = [
    (b'a', "a secret, and its clone", |case, _| {
        let secret = Secret::new(secret(case));
        black_box(secret.clone());
    }),
    (b'b', "a token and a record, and their clones", |case, _| {
        let record = record(case);
        black_box(record.clone().refreshed(record.token().clone()));
        black_box(record.with_client(client()));
    }),
    (
        b'c',
        "a client's secret, sent in a header and in a form",
        |case, _| {
            for client in [
                client().with_secret_basic(secret(case)),
                client().with_secret_post(secret(case)),
            ] {
                let request = TokenRequest::refresh(&client, Secret::new("RT"));
                black_box(cx(|cx| request.to_http(cx)).expect("it can be sent"));
            }
        },
    ),
    (b'd', "a refresh token, sent", |case, _| {
        let request = TokenRequest::refresh(&client(), secret(case).into());
        black_box(cx(|cx| request.to_http(cx)).expect("it can be sent"));
    }),
    (b'e', "a reply with a token", |case, _| {
        let request = TokenRequest::refresh(&client(), Secret::new("RT"));
        let (access, refresh) = (Secret::new(secret(case)), Secret::new(secret(case)));
        let mut json = Vec::with_capacity(512);
        for part in [
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":""#,
            access.expose(),
            r#"","refresh_token":""#,
            refresh.expose(),
            r#""}"#,
        ] {
            json.extend_from_slice(part.as_bytes());
        }
        let mut reply = Response::new(Body::from(json));
        reply
            .headers_mut()
            .insert("content-type", http::HeaderValue::from_static("application/json"));
        black_box(cx(|cx| request.parse(&reply, cx)).expect("it is a token"));
    }),
    (b'f', "a record as JSON, and back", |case, _| {
        let json = record(case).expose_json();
        black_box(Record::from_json(json.expose()).expect("it was written so"));
    }),
    (b'g', "a record in memory", |case, _| {
        keep(case, &MemoryStore::new())
    }),
    (b'h', "a record in a file", |case, dir| {
        keep(case, &FileStore::new(dir.join("one.json")))
    }),
    (b'i', "a record in a directory", |case, dir| {
        keep(case, &MultiStore::new(dir.join("many")))
    }),
    (b'j', "a sealed record", |case, dir| {
        let store = FileStore::new(dir.join("sealed.json"));
        keep(
            case,
            &Encrypted::new(store, KeyFile::new(dir.join("data-keys.json"))),
        );
    }),
];

/// What no promise covers whole: HTTP clients have buffers of their own. What is sent has a mark of the case, what is received one of
/// its capital. The transport is dropped too, so that no buffer is in use any more.
const OTHERS: [Case; 2] = [
    (b'k', "a refresh with ureq", |case, place| {
        over_the_wire(case, place, |request| {
            let transport = UreqTransport::builder().no_proxy().build()?;
            run(request.flow(), &TransportHost::new(&transport))
        });
    }),
    (b'l', "a refresh with reqwest", |case, place| {
        over_the_wire(case, place, |request| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("the system has what it takes");
            let transport = ReqwestTransport::builder().no_proxy().build()?;
            runtime.block_on(drive(request.flow(), &AsyncTransportHost::new(&transport)))
        });
    }),
];

#[test]
#[expect(clippy::print_stdout, reason = "a number to be read, not to be held")]
fn t62_nothing_is_left_in_memory_of_secrets_that_were_dropped() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return be_the_child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    OTHERS.iter().for_each(|(case, ..)| serve(*case, dir.path()));
    let program = std::env::current_exe().expect("a test knows its own program");
    let output = Command::new(program)
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir.path())
        .output()
        .expect("the test starts again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left: BTreeMap<&str, &str> = said
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.split_once(": "))
        .collect();
    for (_, what, _) in OTHERS {
        let [sent, received] = ["sent", "received"].map(|way| left[&*format!("{what}, {way}")]);
        println!("t62: {what} leaves {sent} copies of what it sent, {received} of what it received");
        // What is sent is lent to them or cleared when they let go of it.
        assert_eq!(sent, "0", "{what}: {said}");
    }
    // The search finds what is held, and what was dropped without care.
    assert_ne!(left["held"], "0", "{said}");
    assert_ne!(left["careless"], "0", "{said}");
    assert_eq!(left.len(), 2 + CASES.len() + 2 * OTHERS.len(), "{said}");
    for (_, what, _) in CASES {
        assert_eq!(left[what], "0", "{what}: {said}");
    }
}

#[expect(clippy::print_stdout, reason = "what the parent reads")]
fn be_the_child(dir: &Path) {
    println!();
    let of = |case: u8| found().get(&char::from(case)).copied().unwrap_or(0);
    let held = Secret::new(secret(b'y'));
    println!("@held: {}", of(b'y'));
    drop(held);
    // The library's own `String` for a text of this size would be no different.
    drop(black_box(secret(b'z')));
    println!("@careless: {}", of(b'z'));
    for (case, what, make) in CASES {
        make(case, dir);
        println!("@{what}: {}", of(case));
    }
    for (case, what, make) in OTHERS {
        make(case, dir);
        println!("@{what}, sent: {}", of(case));
        println!("@{what}, received: {}", of(case.to_ascii_uppercase()));
    }
}

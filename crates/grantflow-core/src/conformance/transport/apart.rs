//! Checks of a whole process: one that is stopped while its reply comes, and one whose memory is looked at. Each is this test,
//! started again.

use std::process::{Command, Stdio};
#[cfg(unix)]
use std::{sync::Arc, sync::OnceLock, time::Duration, time::Instant};

#[cfg(unix)]
use super::peer::{Peer, Server};
#[cfg(target_os = "linux")]
use super::refused;
use super::{Limits, Make, get, replied};

/// What a process of the check of stops is to ask for.
const STOPPED: &str = "GRANTFLOW_CONFORMANCE_STOPPED";
/// The server of floods that a process is to ask.
#[cfg(target_os = "linux")]
const FLOODS: &str = "GRANTFLOW_CONFORMANCE_FLOODS";

/// How it begins to say that a path is that of no test.
const NO_TEST: &str = "no test of this program has the path";

/// This test once more, and no other, in a process of its own. `test` is its path, the crate's name included.
pub(super) fn this_test_again(test: &str) -> Command {
    let test = test.split_once("::").map_or(test, |(_crate, path)| path);
    let program = std::env::current_exe().expect("a test knows its own program");
    // A process without a test would succeed.
    let listed = Command::new(&program).args([test, "--exact", "--list"]).output();
    let listed = listed.expect("the test starts again").stdout;
    let line = format!("{test}: test\n");
    assert!(listed.starts_with(line.as_bytes()), "{NO_TEST} {test}");
    let mut command = Command::new(program);
    command.args([test, "--exact", "--test-threads=1", "--include-ignored"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A process stands still from when its request has left until longer than the request may take, and the reply comes meanwhile:
/// it is read, since in it may be the one refresh token that is good. Where processes cannot be stopped nothing is checked.
/// `test` is the path of the test that calls this.
#[cfg_attr(not(unix), expect(unused_variables, reason = "see above"))]
pub fn r22_a_reply_that_came_while_the_process_was_stopped_is_read(make: Make<'_>, test: &str) {
    let limits = Limits {
        total: std::time::Duration::from_secs(2),
        ..Limits::ROOMY
    };
    if let Ok(url) = std::env::var(STOPPED) {
        let reply = replied(make(limits).send(get(&url)));
        assert_eq!(reply.body().as_bytes(), b"token");
        return;
    }
    #[cfg(unix)]
    {
        let process = Arc::new(OnceLock::new());
        let theirs = Arc::clone(&process);
        let server = Server::start(move |peer| {
            if peer.request().is_some() {
                reply_while_it_stands_still(peer, *theirs.wait(), limits.total);
            }
        });
        let mut command = this_test_again(test);
        let child = command.env(STOPPED, server.url("/")).spawn();
        let mut child = child.expect("the test starts again");
        process.get_or_init(|| child.id());
        let status = child.wait().expect("it is our child");
        assert_eq!(server.requests().len(), 1, "the request is sent once");
        assert!(status.success(), "the reply was not read");
    }
}

#[cfg(unix)]
fn reply_while_it_stands_still(peer: &mut Peer, process: u32, limit: Duration) {
    let signal = |name: &str| {
        // A shell has it built in.
        let script = format!("kill -{name} {process}");
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{script}");
    };
    signal("STOP");
    let stands = || {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
        // Where nobody says so, it stands still by the time that the reply is there.
        state.map_or(true, |state| {
            state
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    };
    while !stands() {
        peer.pause();
    }
    let stopped = Instant::now();
    peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken");
    // The time of the request has to go by: it began before this.
    while stopped.elapsed() <= limit {
        peer.pause();
    }
    signal("CONT");
    peer.sees_the_end();
}

/// How much more memory than before a process may hold because of one reply: the cap of 1 MiB, and what its buffers round up.
#[cfg(target_os = "linux")]
const MORE_KIB: u64 = 4 * 1024;

/// A reply without an end, in whichever of its parts, ends in an error, and the process that reads it never holds more than 4 MiB
/// more than before. Where the system does not tell what a process holds, nothing is checked. `test` is the path of the test that
/// calls this.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "see above"))]
pub fn t31_r20_no_reply_takes_more_than_4_mib_of_memory(make: Make<'_>, test: &str) {
    #[cfg(target_os = "linux")]
    {
        if let Ok(url) = std::env::var(FLOODS) {
            return take_floods(make, &url);
        }
        let server = Server::start(|peer| {
            while let Some(request) = peer.request() {
                let line = request.line;
                let Some(flood) = FLOODS_OF.iter().find(|flood| line.contains(flood.path)) else {
                    peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken");
                    continue;
                };
                let piece = flood.piece.repeat(0x1_0000 / flood.piece.len());
                let pieces = FLOOD / piece.len();
                let _taken =
                    peer.write(flood.head.as_bytes()) && (0..pieces).all(|_| peer.write(piece.as_bytes()));
                return;
            }
        });
        let mut command = this_test_again(test);
        command.arg("--nocapture").env(FLOODS, server.url(""));
        command.stderr(Stdio::piped());
        let output = command.output().expect("the test starts again");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(server.requests().len(), FLOODS_OF.len() + 2, "{said}");
    }
}

/// How much comes at most: enough to be seen, and an end for a transport that takes all of it.
#[cfg(target_os = "linux")]
const FLOOD: usize = 16 << 20;

/// A reply that goes on and on.
#[cfg(target_os = "linux")]
struct Flood {
    path: &'static str,
    head: &'static str,
    piece: &'static str,
}

#[cfg(target_os = "linux")]
const FLOODS_OF: [Flood; 7] = [
    Flood {
        path: "/until-closed",
        head: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        piece: "body",
    },
    Flood {
        path: "/chunked",
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        piece: "8\r\nand more\r\n",
    },
    Flood {
        path: "/a-gibibyte",
        head: "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
        piece: "body",
    },
    Flood {
        path: "/headers",
        head: "HTTP/1.1 200 OK\r\n",
        piece: "X-Flood: and on and on\r\n",
    },
    Flood {
        path: "/one-header",
        head: "HTTP/1.1 200 OK\r\nX-Flood: ",
        piece: "and on and on ",
    },
    Flood {
        path: "/trailers",
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        piece: "X-Flood: and on and on\r\n",
    },
    Flood {
        path: "/interim",
        head: "",
        piece: "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    },
];

/// What the process does: it asks for each flood.
#[cfg(target_os = "linux")]
fn take_floods(make: Make<'_>, url: &str) {
    let transport = make(Limits::ROOMY);
    // What is made once, such as tables, threads and the cache of the allocator, is not the reply's.
    for _ in 0..2 {
        replied(transport.send(get(&format!("{url}/"))));
    }
    for flood in FLOODS_OF {
        // Interim replies may be cut by the limit in time alone.
        let limits = if flood.path == "/interim" {
            Limits::SHORT
        } else {
            Limits::ROOMY
        };
        let transport = make(limits);
        let before = memory::held_now();
        match transport.send(get(&format!("{url}{}", flood.path))) {
            // The body is whole before its trailers, which need not be read.
            Ok(reply) if flood.path == "/trailers" => assert_eq!(reply.body().as_bytes(), b"ok"),
            result => assert!(refused(result).request_left(), "{}", flood.path),
        }
        let more = memory::held_at_most().saturating_sub(before);
        assert!(more < MORE_KIB, "{} takes {more} KiB", flood.path);
    }
}

/// What the kernel says this process holds.
#[cfg(target_os = "linux")]
mod memory {
    /// KiB now; the peak counts anew from here.
    pub(super) fn held_now() -> u64 {
        std::fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
        held_at_most()
    }

    /// KiB at the peak.
    pub(super) fn held_at_most() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("Linux says the peak in KiB")
    }
}

//! What the command asks of the kernel: randomness that must not fail silently, and that nobody looks into its memory.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Desk, Done, GRANTFLOW, Running, done, skip};

/// Whoever is nobody in particular.
const NOBODY: u32 = 65_534;

/// A login under strace, with one fault or none; what became of it, and the calls that were traced.
fn login_under_strace(desk: &Desk, inject: Option<&str>) -> (Done, Vec<String>) {
    let log = desk.path("trace");
    let mut words = vec!["-qq", "-e", "trace=getrandom", "-o", "trace"];
    words.extend(inject.iter().flat_map(|fault| ["-e", fault]));
    words.push(GRANTFLOW);
    let login = desk.login_words(&[]);
    words.extend(&login);
    let output = desk.program("strace", &words).output().unwrap();
    let done = Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let trace = std::fs::read_to_string(log).unwrap_or_default();
    (done, trace.lines().map(str::to_owned).collect())
}

/// How many bytes a call asks for: its last argument but one.
fn asked(call: &str) -> Option<usize> {
    let (arguments, _) = call.strip_prefix("getrandom(")?.rsplit_once(')')?;
    arguments.rsplit(", ").nth(1)?.parse().ok()
}

#[track_caller]
fn shows_no_address(desk: &Desk, failed: &Done, fault: &str) {
    assert_ne!(failed.code, Some(0), "{fault}: {failed:?}");
    let all = failed.all();
    assert!(
        !all.contains("/authorize?") && !all.contains("state="),
        "{fault}: {all}"
    );
    assert_eq!(desk.server.stats().authorization_requests, 0, "{fault}");
    assert!(!desk.file().exists(), "{fault}");
}

#[test]
fn t02_without_randomness_of_the_kernel_no_address_is_shown_or_opened() {
    let traces = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !traces.is_ok_and(|traces| traces.status.success()) {
        return skip("strace is not installed, or may not trace: nobody has seen a login without randomness");
    }
    let desk = Desk::new();
    let (whole, calls) = login_under_strace(&desk, None);
    whole.ok();
    assert_eq!(desk.server.stats().authorization_requests, 1);
    // State and verifier come from one call, the first of that size.
    let draws: Vec<usize> = (1..=calls.len())
        .filter(|number| asked(&calls[number - 1]) == Some(64))
        .collect();
    let [draw] = draws.as_slice() else {
        panic!("state and verifier are drawn at once, and once: {calls:?}");
    };

    // This one call fails: the command says so, whichever way the kernel fails.
    for error in ["EIO", "ENOSYS", "EPERM"] {
        let desk = Desk::new();
        let fault = format!("inject=getrandom:error={error}:when={draw}");
        let (failed, calls) = login_under_strace(&desk, Some(&fault));
        assert!(calls[draw - 1].ends_with("(INJECTED)"), "{fault}: {calls:?}");
        shows_no_address(&desk, &failed, &fault);
        assert!(failed.stderr.contains("random"), "{fault}: {failed:?}");
        assert!(!failed.stderr.contains("panicked"), "{fault}: {failed:?}");
    }
    // From any call on all fail: what is not ours may end the program, but nothing goes on with a weaker source.
    for first in 1..=*draw {
        let desk = Desk::new();
        let fault = format!("inject=getrandom:error=EIO:when={first}+");
        let (failed, _) = login_under_strace(&desk, Some(&fault));
        shows_no_address(&desk, &failed, &fault);
    }
}

/// A command that waits for its user, run by one who is not root: nobody but root is told what root's memory holds anyway.
fn waiting(desk: &Desk) -> Option<Running> {
    let words = desk.login_words(&["--no-local-server"]);
    let program = desk.path("grantflow");
    let mut command = if rustix::process::geteuid().is_root() {
        for place in ["", "home", "tmp"] {
            chown(desk.path(place), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Where the command was built, they may not come.
        std::fs::copy(GRANTFLOW, &program).unwrap();
        let mut command = desk.program(program.to_str()?, &words);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        desk.command(&words)
    };
    let running = Running::start(&mut command);
    running.says("/authorize?");
    Some(running)
}

/// Whether the user of a process is shown its environment, which the kernel guards as it does its memory.
fn shows_its_memory(process: u32, user: u32) -> bool {
    let mut cat = Command::new("cat");
    cat.arg(format!("/proc/{process}/environ"));
    if rustix::process::geteuid().is_root() {
        cat.uid(user).gid(user);
    }
    cat.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn owner(process: u32) -> u32 {
    std::fs::metadata(format!("/proc/{process}/maps")).unwrap().uid()
}

#[test]
fn t62_while_the_command_runs_it_can_dump_no_core_and_its_user_cannot_read_its_memory() {
    let desk = Desk::new();
    let Some(command) = waiting(&desk) else { return };
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", command.id()));
    let limits = limits.unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(&core[..2], ["0", "0"], "soft and hard");

    // What is not dumpable belongs to root there, whoever runs it.
    assert_eq!(owner(command.id()), 0);
    let status = std::fs::metadata(format!("/proc/{}", command.id()));
    assert!(status.is_ok(), "it still runs");

    // Another program of the same user shows that this is not so for everybody.
    let mut other = Command::new("cat");
    let user = if rustix::process::geteuid().is_root() {
        other.uid(NOBODY).gid(NOBODY);
        NOBODY
    } else {
        rustix::process::geteuid().as_raw()
    };
    let mut other = other
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    settle(&mut other);
    assert_eq!(owner(other.id()), user);
    assert!(shows_its_memory(other.id(), user));
    assert!(!shows_its_memory(command.id(), user));
    drop(other.stdin.take());
    other.wait().unwrap();
    drop(command);
}

/// Waits until the program runs: until then the child is this test, with another's name on it.
fn settle(cat: &mut std::process::Child) {
    use std::io::{Read as _, Write as _};
    cat.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    cat.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
}

#[test]
fn t62_a_core_limit_that_was_raised_is_lowered_again() {
    let desk = Desk::new();
    let script = "ulimit -c 4096 && exec \"$0\" \"$@\"";
    let mut words = vec!["-c", script, GRANTFLOW];
    let login = desk.login_words(&["--no-local-server"]);
    words.extend(&login);
    let probe = done(Command::new("sh").args(["-c", "ulimit -c 4096"]));
    if probe.code != Some(0) {
        return skip("core dumps cannot be allowed here, so that nothing shows that they are not");
    }
    let command = Running::start(&mut desk.program("sh", &words));
    command.says("/authorize?");
    let limits = std::fs::read_to_string(Path::new("/proc").join(command.id().to_string()).join("limits"));
    assert!(
        limits
            .unwrap()
            .lines()
            .any(|line| line.starts_with("Max core file size")
                && line.split_whitespace().filter(|word| *word == "0").count() == 2)
    );
}

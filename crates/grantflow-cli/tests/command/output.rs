//! What is printed, and to whom.

use std::process::Command;

use crate::support::{Desk, GRANTFLOW, done, find_program, skip};

#[test]
#[cfg(unix)]
fn t72_a_reader_that_goes_away_is_no_failure_and_no_panic() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    for words in [
        "token",
        "header",
        "info",
        "list",
        "--help",
        "completions bash",
        "token --format json",
        "demo --yes",
    ] {
        // Nobody reads from the start.
        let script = format!("{{ \"$0\" {words} 2>errors; echo $? >code; }} | true");
        let _ = done(&mut desk.program("sh", &["-c", &script, GRANTFLOW])).ok();
        assert_eq!(
            std::fs::read_to_string(desk.path("errors")).unwrap(),
            "",
            "{words}"
        );
        assert_eq!(
            std::fs::read_to_string(desk.path("code")).unwrap(),
            "0\n",
            "{words}"
        );
    }
    for words in [
        "token",
        "fly",
        "curl https://evil.example/",
        "info --store file:nothing",
    ] {
        let script = format!("{{ \"$0\" {words} >/dev/null; echo $? >code; }} 2>&1 | true");
        let _ = done(&mut desk.program("sh", &["-c", &script, GRANTFLOW])).ok();
        let code = std::fs::read_to_string(desk.path("code")).unwrap();
        assert!(["0\n", "2\n", "3\n"].contains(&code.as_str()), "{words}: {code}");
    }
}

#[test]
#[cfg(unix)]
fn t72_no_output_at_all_is_no_panic() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    for script in [
        "\"$0\" token >&- 2>&- <&-; echo $?",
        "\"$0\" fly >&- 2>&- <&-; echo $?",
    ] {
        let ended = done(&mut desk.program("sh", &["-c", script, GRANTFLOW])).ok();
        assert!(
            ["0\n", "2\n"].contains(&ended.stdout.as_str()),
            "{script}: {ended:?}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_a_failure() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = desk.command(&["token"]);
    let child = command
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot write"));
}

#[test]
#[cfg(unix)]
fn t72_words_that_are_no_text_are_no_panic() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let bad = OsStr::from_bytes(b"\xff\xfe");
    for words in [
        &[bad][..],
        &[OsStr::new("token"), bad],
        &[OsStr::new("token"), OsStr::new("--store"), bad],
        &[OsStr::new("token"), OsStr::new("--format"), bad],
        &[OsStr::new("login"), OsStr::new("--issuer"), bad],
        &[OsStr::new("curl"), bad],
        &[
            OsStr::new("curl"),
            OsStr::new("https://api.example/"),
            OsStr::new("--"),
            bad,
        ],
    ] {
        desk.run(words).fails(2);
    }
    let file = OsStr::from_bytes(b"file:\xff.json");
    let elsewhere = desk.run(&[OsStr::new("list"), OsStr::new("--store"), file]).ok();
    assert!(
        elsewhere.stdout.starts_with("no credentials in file:"),
        "{elsewhere:?}"
    );
    done(desk.command(&["token"]).env("GRANTFLOW_STORE", bad)).fails(2);
}

#[test]
#[cfg(target_os = "linux")]
fn a_spinner_turns_at_a_terminal_and_nowhere_else() {
    use grantflow_testserver::{Endpoint, Fault};

    use crate::support::PATIENCE;
    use crate::terminal::Terminal;

    let desk = Desk::with_expired();
    desk.server.push_fault(Endpoint::Refresh, Fault::Hold);
    let mut command = desk.command(&["token"]);
    command.stdout(std::process::Stdio::piped());
    let (terminal, child) = Terminal::start(command);
    assert!(desk.server.wait_until(PATIENCE, |stats| stats.held == 1));
    terminal.shows("getting an access token");
    desk.server.release();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"gft_at_"));
    assert_eq!(terminal.end().screen(), (vec![String::new()], true));

    let desk = Desk::with_expired();
    assert_eq!(desk.run(&["token"]).ok().stderr, "");
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let desk = Desk::new();
    for (shell, check) in [
        ("bash", "bash"),
        ("zsh", "zsh"),
        ("fish", "fish"),
        ("elvish", ""),
        ("powershell", ""),
    ] {
        let script = desk.run(&["completions", shell]).ok();
        assert!(script.stdout.contains("client-secrets"), "{shell}");
        if check.is_empty() {
            continue;
        }
        let Some(program) = find_program(check) else {
            skip(&format!("{check} is not installed"));
            continue;
        };
        let file = desk.path(shell);
        std::fs::write(&file, &script.stdout).unwrap();
        let mut parse = Command::new(program);
        done(parse.arg("-n").arg(file)).ok();
    }
}

#[test]
fn the_log_is_silent_unless_asked_for() {
    let desk = Desk::new();
    let quiet = desk.login(&[]).ok();
    assert!(!quiet.stderr.contains("DEBUG"), "{quiet:?}");
    let desk = Desk::new();
    let loud = desk.login(&["--logging-level", "DEBUG"]).ok();
    assert!(loud.stderr.contains("DEBUG ureq"), "{loud:?}");
    let desk = Desk::new();
    let quiet = desk.login(&["--logging-level", "CRITICAL"]).ok();
    assert!(!quiet.stderr.contains("DEBUG"), "{quiet:?}");
}

/// The semver promise and the code name the same members.
#[test]
fn the_members_of_a_description_are_those_of_the_guide() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let info = desk.run(&["info", "--format", "json"]).ok().json();
    let mut printed: Vec<String> = info.as_object().unwrap().keys().cloned().collect();
    let guide = include_str!("../../../../docs/cli.md");
    let table = guide
        .split("A description has:")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let mut documented: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once(" |"))
        .flat_map(|(members, _)| {
            members
                .split(", ")
                .map(|member| member.trim_matches('`').to_owned())
        })
        .collect();
    printed.sort();
    documented.sort();
    assert_eq!(printed, documented);
}

//! `grantflow curl`: the header goes to the one address, and nobody else sees it.

use std::ffi::OsString;

use grantflow_testserver::{Config, Endpoint, Fault};

use crate::support::{Desk, GRANTFLOW, contains, done, find_program, skip};

/// Writes down what it was given, and what everybody can see meanwhile.
const FAKE_CURL: &str = r#"#!/bin/sh
here=$(dirname "$0")
for word; do
    printf '%s\n' "$word" >> "$here/argv"
    case $word in
        @/dev/fd/*) cat "${word#@}" > "$here/header" ;;
    esac
done
env > "$here/env"
{ ulimit -Sc; ulimit -Hc; } > "$here/core"
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > "$here/processes" 2>/dev/null
echo body
"#;

fn read(desk: &Desk, name: &str) -> Vec<u8> {
    std::fs::read(desk.path("bin").join(name)).unwrap()
}

#[test]
fn t61_the_header_reaches_curl_through_a_pipe_and_nothing_else() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let token = desk.run(&["token"]).ok().stdout.trim().to_owned();
    let path = desk.install("curl", FAKE_CURL);
    let words = [
        "curl",
        "https://api.example/items?x=[1]",
        "--",
        "-sS",
        "-d",
        "a b",
    ];
    let curl = done(desk.command(&words).env("PATH", path)).ok();
    assert_eq!((curl.stdout.as_str(), curl.stderr.as_str()), ("body\n", ""));

    let header = String::from_utf8(read(&desk, "header")).unwrap();
    assert_eq!(header, format!("Authorization: Bearer {token}\n"));
    let argv = String::from_utf8(read(&desk, "argv")).unwrap();
    let argv: Vec<&str> = argv.lines().collect();
    assert_eq!(&argv[..2], ["--disable", "--header"]);
    assert!(argv[2].starts_with("@/dev/fd/"), "{argv:?}");
    assert_eq!(
        &argv[3..],
        [
            "--globoff",
            "--proto",
            "=https",
            "-sS",
            "-d",
            "a b",
            "--url",
            "https://api.example/items?x=[1]"
        ]
    );
    for place in ["argv", "env", "processes"] {
        assert!(!contains(&read(&desk, place), &token), "the token is in {place}");
    }
}

#[test]
fn t62_neither_the_command_nor_curl_leaves_a_core_dump() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let script = "ulimit -c 4096 && exec \"$0\" curl https://api.example/";
    let path = desk.install("curl", FAKE_CURL);
    let mut command = desk.program("sh", &["-c", script, GRANTFLOW]);
    let curl = done(command.env("PATH", path));
    if curl.stderr.contains("limit") {
        return skip("core dumps cannot be allowed here, so that nothing shows that they are not");
    }
    curl.ok();
    // What curl inherits is what the command has; the hard limit lets neither raise it again.
    assert_eq!(read(&desk, "core"), b"0\n0\n");
}

#[test]
fn t51_an_address_of_another_origin_is_refused_before_anything_is_asked() {
    let desk = Desk::new();
    let foreign = Config::new().start().unwrap();
    desk.login(&["--origin", desk.issuer(), "--origin", "https://*.example.com"])
        .ok();
    let before = desk.server.stats();
    let path = desk.install("curl", FAKE_CURL);
    let other_port = foreign.url("/api/me");
    for address in [
        other_port.as_str(),
        "https://evil.example/",
        "https://example.com/",
        "https://api.example.com.evil.example/",
        "https://api.example.com:8443/",
        "https://[::1]/",
    ] {
        let failed = done(desk.command(&["curl", address]).env("PATH", &path)).fails(2);
        assert!(failed.stderr.contains("--origin"), "{address}: {failed:?}");
    }
    for address in [
        "http://api.example.com/",
        "https://evil.example%2f.example.com/",
        "https://evil.example\\.example.com/",
        "https://api.example.com@evil.example/",
        "https://evil.example#.example.com/",
        "evil.example",
        "file:///etc/passwd",
        "",
    ] {
        done(desk.command(&["curl", address]).env("PATH", &path)).fails(2);
    }
    assert!(!desk.path("bin/argv").exists());
    assert_eq!(foreign.stats().connections, 0);
    assert_eq!(desk.server.stats(), before);
}

#[test]
fn t51_options_that_could_send_the_header_elsewhere_are_refused() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let path = desk.install("curl", FAKE_CURL);
    for options in [
        &["-L"][..],
        &["-sL"],
        &["--location-trusted"],
        &["--locat"],
        &["-K", "-"],
        &["-sK-"],
        &["-x", "http://evil.example"],
        &["--connect-to", "::evil.example:443"],
        &["--resolve", "api.example:443:192.0.2.1"],
        &["-k"],
        &["--next"],
        &["https://evil.example/"],
        &["evil.example"],
        &["-H", "Host: evil.example"],
        &["-v"],
        &["--", "evil.example"],
        &["-o"],
    ] {
        let words: Vec<&str> = ["curl", "https://api.example/", "--"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        let failed = done(desk.command(&words).env("PATH", &path)).fails(2);
        assert!(failed.stderr.contains("option"), "{options:?}: {failed:?}");
    }
    assert!(!desk.path("bin/argv").exists());
}

#[test]
fn t28_t51_redirects_proxies_and_curlrc_do_not_take_the_header_along() {
    if find_program("curl").is_none() {
        return skip("curl is not installed");
    }
    let desk = Desk::new();
    let foreign = Config::new().start().unwrap();
    desk.login(&["--origin", desk.issuer()]).ok();
    let rc = format!("location\nproxy = \"{}\"\n", foreign.issuer());
    std::fs::write(desk.path("home/.curlrc"), rc).unwrap();
    desk.server.push_fault(Endpoint::Api, Fault::Redirect);
    let api = desk.server.url("/api/me");
    let mut command = desk.command(&["curl", &api, "--", "-sS", "-o", "reply", "-w", "%{http_code}"]);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(variable, foreign.issuer());
    }
    let curl = done(command.env("CURL_HOME", desk.path("home"))).ok();
    assert_eq!(curl.stdout, "307");
    assert_eq!(foreign.stats().connections, 0);
    let last = desk.server.log().into_iter().next_back().unwrap();
    assert_eq!((last.path.as_str(), last.status), ("/api/me", Some(307)));
    assert!(last.headers.contains(&"authorization".to_owned()), "{last:?}");
}

#[test]
fn what_is_taken_of_curls_options_takes_what_curl_says() {
    let Some(curl) = find_program("curl") else {
        return skip("curl is not installed");
    };
    let help = std::process::Command::new(curl)
        .args(["--help", "all"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let source = include_str!("../../src/curl/options.rs");
    let mut compared = 0;
    for line in source.lines().filter_map(|line| line.trim().strip_prefix('(')) {
        let Some((letter, rest)) = line.split_once(", \"") else {
            continue;
        };
        let Some((name, takes)) = rest.split_once("\", ") else {
            continue;
        };
        let letter = letter
            .strip_prefix("Some('")
            .and_then(|letter| letter.chars().next());
        let listed = help.lines().find(|line| {
            line.split_whitespace().find(|word| word.starts_with("--")) == Some(&format!("--{name}"))
        });
        // A version of curl that does not know it will say so itself.
        let Some(listed) = listed else { continue };
        let (option, after) = listed.split_once(&format!("--{name}")).unwrap();
        let of_curl = option
            .trim()
            .strip_prefix('-')
            .and_then(|option| option.chars().next());
        // Newer versions list some letters elsewhere.
        assert!(letter == of_curl, "{name}: {letter:?} {of_curl:?}");
        let takes_nothing = takes.starts_with("Nothing");
        assert_eq!(takes_nothing, !after.starts_with(" <"), "{listed}");
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn curls_failures_become_exit_codes() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    for (of_curl, ours) in [
        (0, 0),
        (6, 4),
        (7, 4),
        (22, 4),
        (28, 4),
        (60, 4),
        (2, 1),
        (23, 1),
        (99, 1),
    ] {
        let path = desk.install("curl", &format!("#!/bin/sh\nexit {of_curl}\n"));
        let curl = done(desk.command(&["curl", "https://api.example/"]).env("PATH", path)).fails(ours);
        assert_eq!(curl.stderr.is_empty(), ours == 0, "{curl:?}");
    }
    let killed = desk.install("curl", "#!/bin/sh\nkill -KILL $$\n");
    done(
        desk.command(&["curl", "https://api.example/"])
            .env("PATH", killed),
    )
    .fails(1);
    let nothing = OsString::from(desk.path("home"));
    let missing = done(
        desk.command(&["curl", "https://api.example/"])
            .env("PATH", nothing),
    )
    .fails(1);
    assert!(missing.stderr.contains("grantflow header"), "{missing:?}");
}

#[test]
fn standard_input_is_curls() {
    use std::io::Write as _;
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let path = desk.install("curl", "#!/bin/sh\ncat\n");
    let mut command = desk.command(&["curl", "https://api.example/", "--", "-d", "@-"]);
    let mut curl = crate::support::Running::start(command.env("PATH", path));
    curl.stdin.as_mut().unwrap().write_all(b"from the user").unwrap();
    assert_eq!(curl.end().ok().stdout, "from the user");
}

#[test]
fn a_reader_of_curls_output_that_goes_away_is_no_failure_and_any_other_is_one() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example", "--origin", desk.issuer()])
        .ok();
    let run = |script: &str, options: &[&str]| {
        let path = desk.install("curl", script);
        let words = [&["curl", "https://api.example/", "--"][..], options].concat();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        done(desk.command(&words).env("PATH", path).stdout(writer))
    };
    let cannot_write = "#!/bin/sh\nexit 23\n";
    for options in [&[][..], &["-sS"], &["-so-"], &["--output", "-"], &["-d", "-O"]] {
        let curl = run(cannot_write, options).ok();
        assert_eq!(curl.stderr, "", "{options:?}");
    }
    run("#!/bin/sh\nkill -PIPE $$\n", &[]).ok();
    // It may be the file that could not be written.
    for options in [
        &["-o", "file"][..],
        &["-sofile"],
        &["-O"],
        &["-sD", "file"],
        &["--output", "file"],
        &["--remote-name"],
        &["-c", "jar"],
    ] {
        run(cannot_write, options).fails(1);
    }
    run("#!/bin/sh\nexit 2\n", &[]).fails(1);
    run("#!/bin/sh\nexit 7\n", &[]).fails(4);

    if find_program("curl").is_none() {
        return skip("curl is not installed");
    }
    let script = "\"$0\" \"$@\" | true; test ${PIPESTATUS[0]} = 0";
    let url = desk.server.url("/api/me");
    let mut shell = desk.program("bash", &["-c", script, GRANTFLOW, "curl", &url, "--", "-sS"]);
    done(&mut shell).ok();
}

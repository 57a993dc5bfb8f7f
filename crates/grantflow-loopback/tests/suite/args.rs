//! The flags of a login, in today's spelling and in that of oauth2client.
#![expect(clippy::unwrap_used, reason = "tests")]

use clap::{CommandFactory as _, Parser};
use grantflow_loopback::{LoggingLevel, LoginArgs};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    login: LoginArgs,
}

/// About the command.
#[derive(Debug, Parser)]
struct Described {
    #[command(flatten)]
    login: LoginArgs,
    /// About the file.
    #[arg(long)]
    file: Option<String>,
}

fn parse(words: &str) -> Result<LoginArgs, String> {
    let words = std::iter::once("command").chain(words.split_whitespace());
    let parsed = Command::try_parse_from(words).map(|command| command.login);
    parsed.map_err(|error| error.to_string())
}

#[test]
fn flags_are_taken_in_both_spellings() {
    for words in [
        "--auth-host-name ::1 --auth-host-port 8080 --auth-host-port 8090 --no-local-server --logging-level debug",
        "--auth_host_name ::1 --auth_host_port 8080 8090 --noauth_local_webserver --logging_level DEBUG",
    ] {
        let args = parse(words).unwrap();
        assert_eq!(
            (args.ports(), args.logging_level()),
            (vec![8080, 8090], LoggingLevel::Debug)
        );
        let options = format!("{:?}", args.options());
        assert!(
            options.contains("host: Some(V6), ports: [8080, 8090], local_server: false"),
            "{options}"
        );
    }
    let none = parse("").unwrap();
    assert_eq!(
        (none.ports(), none.logging_level()),
        (vec![], LoggingLevel::Error)
    );
    assert_eq!(parse("--auth_host_port").unwrap().ports(), [0u16; 0]);
    assert_eq!(
        parse("--auth_host_port 8080 --auth-host-name localhost")
            .unwrap()
            .ports(),
        [8080]
    );
}

#[test]
fn t16_a_host_that_is_not_loopback_is_refused_at_the_command_line() {
    for words in ["--auth-host-name 0.0.0.0", "--auth_host_name example.com"] {
        let error = parse(words).unwrap_err();
        assert!(
            error.contains("the host must be 127.0.0.1, ::1 or localhost"),
            "{error}"
        );
    }
    for words in [
        "--auth-host-port 65536",
        "--auth-host-port x",
        "--logging-level LOUD",
    ] {
        assert!(parse(words).is_err(), "{words}");
    }
}

#[test]
fn what_a_command_is_about_is_left_to_the_command() {
    let help = Described::command().render_long_help().to_string();
    assert!(help.starts_with("About the command"), "{help}");
    assert!(!help.contains("flattened"));
    assert!(
        !Command::command()
            .render_long_help()
            .to_string()
            .contains("flattened")
    );
    let described = Described::try_parse_from(["command", "--file", "x"]).unwrap();
    assert_eq!(
        (described.file.as_deref(), described.login.ports().len()),
        (Some("x"), 0)
    );
}

#[test]
fn the_old_spellings_are_not_shown() {
    let help = Command::command().render_long_help().to_string();
    for shown in [
        "--auth-host-name",
        "--auth-host-port",
        "--no-local-server",
        "--logging-level",
    ] {
        assert!(help.contains(shown), "{help}");
    }
    assert!(!help.contains('_'), "{help}");
}

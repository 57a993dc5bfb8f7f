//! [`Prompt`] on a terminal: it writes to standard error, so that standard output stays the program's, and reads standard input.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::thread;

use crate::prompt::{Answers, Message, Paste, Prompt};
use crate::{NoBrowser, Visible};

/// Talks to the user at the terminal.
///
/// Standard input is read only once pasting is offered and it is a terminal, or pasting was asked for; on Unix no further than to
/// the end of the line that was pasted, and not beyond the login. Terminals may cut lines at 4,096 characters.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TerminalPrompt;

impl TerminalPrompt {
    /// Standard error and standard input.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Prompt for TerminalPrompt {
    fn say(&self, message: &Message<'_>) {
        let text = text(message, std::io::stdin().is_terminal());
        // Whoever closed standard error does not want to read it.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn paste(&self, answers: Answers, paste: Paste) {
        let reads = match paste {
            Paste::Possible => false,
            Paste::Offered => std::io::stdin().is_terminal(),
            Paste::Required => true,
        };
        if reads {
            // Without a thread nothing can be pasted; dropping `answers` says so.
            let _ = thread::Builder::new()
                .name("grantflow-paste".to_owned())
                .spawn(move || read_lines(&answers));
        }
    }
}

fn text(message: &Message<'_>, can_paste: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match message {
        Message::Opened { url } => writeln!(
            text,
            "Your browser has been opened to log in. If no window shows, go to:\n\n    {}\n",
            Visible(url.as_str())
        ),
        Message::Visit { url, why, paste } => {
            let why = match why {
                Some(NoBrowser::Failed) => "The browser could not be opened. ",
                Some(NoBrowser::Ssh | NoBrowser::NoDisplay) | None => "",
            };
            let end = match paste {
                Paste::Required => PASTE,
                Paste::Offered if can_paste => PASTE_OR_WAIT,
                Paste::Offered | Paste::Possible => WAIT,
            };
            let url = Visible(url.as_str());
            writeln!(text, "{why}To log in, go to:\n\n    {url}\n\n{end}")
        }
        Message::EnterCode(grant) => {
            let (url, host) = (grant.verification_uri(), grant.verification_host());
            let minutes = grant.lifetime().as_secs().div_ceil(60);
            let time = match minutes {
                ..=1 => "a minute".to_owned(),
                minutes => format!("{minutes} minutes"),
            };
            let (url, host, code) = (Visible(url), Visible(host), Visible(grant.user_code()));
            writeln!(
                text,
                "To log in, take any browser and go to:\n\n    {url}\n\n\
                 It is at {host}. Enter this code there, within {time}:\n\n    {code}\n"
            )
        }
        Message::NotTheRedirect => writeln!(
            text,
            "That is not where this login ended. Paste the whole address, from \"http://\" on:"
        ),
        Message::Refused(refusal) => {
            let code = refusal.code();
            match refusal.description() {
                Some(why) => writeln!(text, "Access was not granted: {} ({code})", Visible(why)),
                None => writeln!(text, "Access was not granted ({code})."),
            }
        }
        Message::LoggedIn { asked, granted } => {
            text.push_str("You are logged in.\n");
            let missing: Vec<&str> = asked.iter().filter(|name| !granted.contains(name)).collect();
            if missing.is_empty() || granted.len() >= asked.len() {
                return text;
            }
            writeln!(text, "Not granted: {}", Visible(&missing.join(" ")))
        }
    };
    text
}

const PASTE: &str = "At the end the browser will say that it cannot connect. Copy the whole address from its address bar and paste it here:";
const PASTE_OR_WAIT: &str = "If the browser is on another machine, it will say at the end that it cannot connect: \
     copy the whole address from its address bar then, and paste it here:";
const WAIT: &str = "Use a browser on this machine.";

/// Reads standard input byte by byte, so that nothing behind a line is taken from whoever reads next.
#[cfg(unix)]
fn read_lines(answers: &Answers) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    const PAUSE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let stdin = std::io::stdin();
    let Ok(copy) = std::os::fd::AsFd::as_fd(&stdin).try_clone_to_owned() else {
        return;
    };
    let mut input = std::fs::File::from(copy);
    let mut line = Vec::new();
    while !answers.are_over() {
        match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&PAUSE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let mut byte = [0];
        match std::io::Read::read(&mut input, &mut byte) {
            Ok(1..) if byte == *b"\n" || line.len() >= LONGEST => {
                if !goes_on(answers, &mut line) {
                    return;
                }
            }
            Ok(1..) => line.push(byte[0]),
            Ok(0) => {
                goes_on(answers, &mut line);
                return;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(not(unix))]
fn read_lines(answers: &Answers) {
    let mut line = Vec::new();
    while matches!(
        std::io::BufRead::read_until(&mut std::io::stdin().lock(), b'\n', &mut line),
        Ok(1..)
    ) {
        if !goes_on(answers, &mut line) {
            return;
        }
    }
}

/// Hands a line over, unless it is empty, and empties it; whether another is welcome.
fn goes_on(answers: &Answers, line: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(&std::mem::take(line)).trim().to_owned();
    text.is_empty() || answers.paste_and_wait(text)
}

#[cfg(unix)]
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use grantflow_core::{Body, Client, Cx, DeviceAuthorizationRequest, DeviceGrant, Endpoint, Now};

    use super::*;

    fn grant(user_code: &str, expires_in: u32) -> DeviceGrant {
        let endpoint = |path: &str| Endpoint::new(format!("https://as.example/{path}")).unwrap();
        let client =
            Client::new("cid", endpoint("token")).with_device_authorization_endpoint(endpoint("device"));
        let json = format!(
            r#"{{"device_code":"D","user_code":"{user_code}","verification_uri":"https://login.as.example/a/long/way","expires_in":{expires_in}}}"#
        );
        let reply = http_reply(json);
        let mut no_entropy = |_: &mut [u8]| Ok(());
        let cx = Cx::new(Now::default(), &mut no_entropy);
        DeviceAuthorizationRequest::new(&client)
            .parse(&reply, &cx)
            .unwrap()
    }

    fn http_reply(json: String) -> grantflow_core::Response {
        let mut reply = grantflow_core::Response::new(Body::from(json));
        let json = "application/json".parse().unwrap();
        reply.headers_mut().insert("content-type", json);
        reply
    }

    #[test]
    fn a_code_is_shown_with_its_address_its_host_and_its_time() {
        for (seconds, time) in [
            (1800, "30 minutes"),
            (61, "2 minutes"),
            (60, "a minute"),
            (0, "a minute"),
        ] {
            assert_eq!(
                text(&Message::EnterCode(&grant("WDJB-MJHT", seconds)), true),
                format!(
                    "To log in, take any browser and go to:\n\n    https://login.as.example/a/long/way\n\n\
                     It is at login.as.example. Enter this code there, within {time}:\n\n    WDJB-MJHT\n\n"
                )
            );
        }
    }

    #[test]
    fn t26_a_code_that_deceives_its_reader_is_shown_as_it_is() {
        let text = text(&Message::EnterCode(&grant("A\u{202e}B\u{200b}", 60)), true);
        assert!(
            text.contains(r"A\u{202e}B\u{200b}") && !text.contains(['\u{202e}', '\u{200b}']),
            "{text}"
        );
    }
}

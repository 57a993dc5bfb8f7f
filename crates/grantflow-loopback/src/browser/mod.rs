//! Opening the user's browser ([RFC 8252 section 6], threat T25).
//!
//! ```text
//! address ─▶ checked ─┬─ $BROWSER ──────────▶ words ─▶ started, reaped on a thread
//!                     ├─ a display, no SSH ─▶ the desktop's default browser
//!                     └─ else ──────────────▶ the user opens it
//! ```
//!
//! No shell is asked, and nobody waits for the browser.
//!
//! [RFC 8252 section 6]: https://www.rfc-editor.org/rfc/rfc8252#section-6

mod command;

use std::process::{Command, Stdio};
use std::thread;

use grantflow_core::Endpoint;

use crate::LoginError;

/// What of the environment decides whether a browser can be opened, and which. Nothing is read unless asked for.
///
/// # Example
///
/// ```
/// use grantflow_loopback::{Environment, LoginOptions};
///
/// // Whatever this process was started with:
/// let environment = Environment::of_this_process();
/// // As `BROWSER="firefox -P work %s"` over SSH would have it:
/// let environment = Environment::new().browser("firefox -P work %s").ssh(true);
/// let options = LoginOptions::new().environment(environment);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "an environment does nothing by itself"]
pub struct Environment {
    browser: Option<String>,
    display: bool,
    ssh: bool,
}

/// Why no browser was opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoBrowser {
    /// Without a display there is none.
    NoDisplay,
    /// The user sits at another machine.
    Ssh,
    /// It did not start, or ended with an error.
    Failed,
}

impl Environment {
    /// No browser, no display, no SSH.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of this process: `BROWSER`, `DISPLAY`, `WAYLAND_DISPLAY`, `WSL_DISTRO_NAME`, `SSH_CONNECTION`, `SSH_CLIENT`, `SSH_TTY`.
    /// macOS and Windows always have a display.
    pub fn of_this_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let any = |names: &[&str]| names.iter().any(|name| text(name).is_some());
        let has_desktop = cfg!(any(windows, target_os = "macos"));
        Self {
            browser: text("BROWSER"),
            display: has_desktop || any(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]),
            ssh: any(&["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]),
        }
    }

    /// Opens with this command, whatever else is there: the value of `$BROWSER`.
    ///
    /// Commands are separated by colons (semicolons on Windows); the first that starts is taken. Each is split into words, with
    /// quotes as in a shell, and `%s` in a word stands for the address, `%c` for a colon, `%%` for a percent sign; without `%s`
    /// the address is the last word.
    pub fn browser(mut self, command: impl Into<String>) -> Self {
        self.browser = Some(command.into());
        self
    }

    /// Whether there is a display.
    pub fn display(mut self, there_is_one: bool) -> Self {
        self.display = there_is_one;
        self
    }

    /// Whether the user came over SSH.
    pub fn ssh(mut self, over_ssh: bool) -> Self {
        self.ssh = over_ssh;
        self
    }

    /// Opens the address without waiting. `failed` is called on another thread if the browser turns out not to work.
    pub(crate) fn open(
        &self,
        address: &str,
        failed: impl FnOnce() + Clone + Send + 'static,
    ) -> Result<(), NoBrowser> {
        if check_address(address).is_err() {
            return Err(NoBrowser::Failed);
        }
        match &self.browser {
            Some(list) => start(command::commands(list, address), failed),
            None if self.ssh => Err(NoBrowser::Ssh),
            None if !self.display => Err(NoBrowser::NoDisplay),
            None => open_default(address.to_owned(), failed),
        }
    }
}

/// An address that may be opened: https, or http on this machine, without spaces, control characters or user information.
/// So it can be no option of a command, no file, and no script. Whether `localhost` may be spoken to without TLS was the caller's choice
/// where the address was made: no client has one by that name unasked.
pub(crate) fn check_address(address: &str) -> Result<(), LoginError> {
    match Endpoint::allow_http_for_localhost(address) {
        Ok(_) => Ok(()),
        Err(_) => Err(LoginError::UnsafeAddress),
    }
}

fn start(
    commands: impl Iterator<Item = Vec<String>>,
    failed: impl FnOnce() + Send + 'static,
) -> Result<(), NoBrowser> {
    for words in commands {
        let Some((program, arguments)) = words.split_first() else {
            continue;
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(mut child) = apart(&mut command).spawn() else {
            continue;
        };
        let reap = move || {
            if !child.wait().is_ok_and(|status| status.success()) {
                failed();
            }
        };
        // Without a thread the browser runs all the same, and nobody hears how it ended.
        let _ = thread::Builder::new()
            .name("grantflow-browser".to_owned())
            .spawn(reap);
        return Ok(());
    }
    Err(NoBrowser::Failed)
}

/// In a process group of its own: Ctrl-C at the terminal ends the login, not the browser.
#[cfg(unix)]
fn apart(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

#[cfg(not(unix))]
fn apart(command: &mut Command) -> &mut Command {
    command
}

/// On a thread: on some desktops it takes a while to find out which browser is the default.
fn open_default(address: String, failed: impl FnOnce() + Send + 'static) -> Result<(), NoBrowser> {
    let open = move || {
        if webbrowser::open(&address).is_err() {
            failed();
        }
    };
    let spawned = thread::Builder::new()
        .name("grantflow-browser".to_owned())
        .spawn(open);
    spawned.map(drop).map_err(|_| NoBrowser::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t25_only_addresses_of_the_web_are_opened() {
        let never = || panic!("nothing was started");
        let environment = Environment::new().browser("true").display(true);
        for address in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://server.example/",
            "http://server.example/authorize",
            "http://localhost.server.example/authorize",
            "--proxy-server=evil.example",
            "-h",
            "",
            " https://server.example/",
            "https://server.example/ --x",
            "https://server.example/\t",
            "https://server.example/\n",
            "https://server.example/\u{0}",
            "https://server.example/\u{202e}",
            "https://user:password@server.example/",
            "https://server.example/\"",
            "https:",
            "https://",
            "HTTPS://server.example/ x",
        ] {
            assert!(check_address(address).is_err(), "{address:?}");
            assert_eq!(
                environment.open(address, never),
                Err(NoBrowser::Failed),
                "{address:?}"
            );
        }
        for address in [
            "https://server.example/$(id)?x=`id`;id|id&'id'",
            "http://127.0.0.1:8080/authorize?x=1",
            "http://[::1]/authorize",
            "http://localhost:8080/authorize",
        ] {
            assert!(check_address(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn without_display_or_over_ssh_the_user_opens_it() {
        let never = || panic!("nothing was started");
        let open = |environment: Environment| environment.open("https://server.example/", never);
        assert_eq!(open(Environment::new()), Err(NoBrowser::NoDisplay));
        assert_eq!(open(Environment::new().ssh(true)), Err(NoBrowser::Ssh));
        assert_eq!(
            open(Environment::new().display(true).ssh(true)),
            Err(NoBrowser::Ssh)
        );
        let missing = Environment::new().browser("no-such-browser-as-this:'").ssh(true);
        assert_eq!(open(missing), Err(NoBrowser::Failed));
    }
}

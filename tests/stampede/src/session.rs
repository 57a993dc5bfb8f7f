//! A session of one's own: a bus, and on it a keyring that is unlocked. The harness runs itself again inside of it.

use std::process::ExitCode;

/// Where the harness is.
#[derive(Debug)]
pub(crate) enum Session {
    /// In one, and the keyring answers.
    Inside,
    /// The harness ran in one, and ended with this.
    Ran(ExitCode),
    /// There can be none here.
    None(String),
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn enter(_: &[String]) -> Session {
    Session::None("only Linux has a password manager that can be started for this alone".to_owned())
}

#[cfg(target_os = "linux")]
pub(crate) use linux::enter;

#[cfg(target_os = "linux")]
mod linux {
    use std::process::{Command, ExitCode, Stdio};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use grantflow_suites::skip::find_program;
    use zbus::blocking::Connection;
    use zbus::blocking::fdo::DBusProxy;

    use super::Session;
    use crate::Done;

    /// Runs this program in a session, or says that it is in one already.
    pub(crate) fn enter(args: &[String]) -> Session {
        if std::env::var_os(INSIDE).is_some() {
            return match wait_for_secrets() {
                Ok(()) => Session::Inside,
                Err(error) => Session::None(format!("the keyring does not start: {error}")),
            };
        }
        for program in ["dbus-run-session", "gnome-keyring-daemon"] {
            if find_program(program).is_none() {
                return Session::None(format!("{program} is not installed"));
            }
        }
        match run(args) {
            Ok(code) => Session::Ran(code),
            Err(error) => Session::None(format!("no session can be started: {error}")),
        }
    }

    fn run(args: &[String]) -> Done<ExitCode> {
        let status = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(std::env::current_exe()?)
            .args(args)
            .env(INSIDE, "1")
            .stdin(Stdio::null())
            .status()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(ExitCode::from(code.unwrap_or(1)))
    }

    /// Waits until somebody on the bus has the name of the Secret Service: before, a call would start another one.
    fn wait_for_secrets() -> Done<()> {
        let (send, answered) = channel();
        std::thread::spawn(move || {
            // Nobody listens once it took too long.
            _ = send.send(is_there());
        });
        answered.recv_timeout(Duration::from_secs(30))?
    }

    fn is_there() -> Done<()> {
        let bus = Connection::session()?;
        let names = DBusProxy::new(&bus)?;
        let mut changes = names.receive_name_owner_changed_with_args(&[(0, SECRETS)])?;
        if !names.name_has_owner(SECRETS.try_into()?)? {
            changes.next().ok_or("the bus has ended")?;
        }
        Ok(())
    }

    const SECRETS: &str = "org.freedesktop.secrets";
    const INSIDE: &str = "GRANTFLOW_STAMPEDE_SESSION";

    /// Runs `"$@"` on a bus of its own with an unlocked keyring; nothing of it stays.
    const SCRIPT: &str = r#"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export XDG_DATA_HOME="$place" XDG_RUNTIME_DIR="$place" XDG_CONFIG_HOME="$place"
unset DISPLAY WAYLAND_DISPLAY
HOME="$place" dbus-run-session -- sh -c '
    printf password | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
    "$@"
    status=$?
    kill $! 2>/dev/null
    exit $status
' sh "$@"
"#;
}

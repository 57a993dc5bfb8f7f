//! A desk: a server, a home, a browser, and the command.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use grantflow::store::FileStore;
use grantflow::{Change, Record, Store as _, Timestamp};
use grantflow_testserver::{Browser, Config, TestServer};
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a machine that is busy, and never reached by a test that passes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The command.
pub(crate) const GRANTFLOW: &str = env!("CARGO_BIN_EXE_grantflow");

/// A server that grants everything, and a user with a home of their own.
pub(crate) struct Desk {
    pub(crate) server: TestServer,
    pub(crate) dir: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(Config::new().auto_approve("ann"))
    }

    pub(crate) fn with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        Self {
            server: config.start().unwrap(),
            dir,
        }
    }

    /// A desk whose stored token has ended.
    pub(crate) fn with_expired() -> Self {
        let desk = Self::new();
        desk.login(&[]).ok();
        desk.expire();
        desk
    }

    /// Makes the stored token one that was granted two hours earlier.
    pub(crate) fn expire(&self) {
        const TWO_HOURS: Duration = Duration::from_secs(7200);
        self.rewrite(|time| time.minus(TWO_HOURS));
    }

    /// Makes the stored token one of other times.
    pub(crate) fn rewrite(&self, moved: impl Fn(Timestamp) -> Timestamp) {
        let store = FileStore::new(self.file());
        let key = store.keys().unwrap().remove(0);
        let mut locked = store.lock(&key, PATIENCE).unwrap();
        let record = locked.record().unwrap();
        let mut token = record.token().clone();
        token.issued_at = moved(token.issued_at);
        token.expires_at = token.expires_at.map(moved);
        let old = Record::new(key, record.client().clone(), token, record.provenance().clone());
        let old = old
            .with_origins(record.origins().iter().cloned())
            .succeeding(record);
        locked.save(Change::Put(Box::new(old))).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The file with the credentials.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("credentials.json")
    }

    pub(crate) fn issuer(&self) -> &str {
        self.server.issuer()
    }

    /// The command with these words, in an environment of its own; its store is [`file`](Self::file).
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        self.program(GRANTFLOW, words)
    }

    /// A program that runs the command.
    pub(crate) fn program<S: AsRef<OsStr>>(&self, program: &str, words: &[S]) -> Command {
        let mut store = std::ffi::OsString::from("file:");
        store.push(self.file());
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("GRANTFLOW_STORE", store)
            // No test asks the machine that it runs on whether it is one of Google's.
            .env("NO_GCE_CHECK", "true")
            .env("BROWSER", browser("allow"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        for name in ["LLVM_PROFILE_FILE", "SystemRoot"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the command to its end.
    #[track_caller]
    pub(crate) fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Done {
        done(&mut self.command(words))
    }

    /// The words of a login at the server, and these.
    pub(crate) fn login_words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["login", "--issuer", self.issuer(), "--client-id", "native-app"];
        all.extend_from_slice(words);
        all
    }

    /// Logs in.
    #[track_caller]
    pub(crate) fn login(&self, words: &[&str]) -> Done {
        self.run(&self.login_words(words))
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(directory)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A program in a directory of its own, which is then the first of `PATH`.
    #[cfg(unix)]
    pub(crate) fn install(&self, name: &str, script: &str) -> std::ffi::OsString {
        use std::os::unix::fs::OpenOptionsExt as _;
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let mut file = std::fs::OpenOptions::new();
        let file = file
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o755)
            .open(bin.join(name));
        file.unwrap().write_all(script.as_bytes()).unwrap();
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }
}

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

#[track_caller]
pub(crate) fn done(command: &mut Command) -> Done {
    let output = command.output().unwrap();
    let done = Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!done.stderr.contains("panicked"), "{done:?}");
    assert_ne!(done.code, Some(101), "{done:?}");
    done
}

impl Done {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.fails(0)
    }

    /// Ended with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The error as JSON: the last line of standard error.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let last = self.stderr.lines().last().unwrap();
        serde_json::from_str(last).unwrap()
    }

    /// Whatever was printed.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A command that runs.
pub(crate) struct Running {
    child: Option<Child>,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child: Some(child),
            lines,
        }
    }

    /// Waits for a line of standard error with this in it.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => panic!("the command did not say {text:?}"),
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Done {
        drop(self.stdin.take());
        let (send, ended) = channel();
        let mut child = self.child.take().unwrap();
        let mut stdout = self.stdout.take().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            let read = stdout.read_to_string(&mut text).map(|_| text);
            let _ = send.send((child.wait(), read));
        });
        let Ok((status, stdout)) = ended.recv_timeout(PATIENCE) else {
            panic!("the command does not end");
        };
        Done {
            code: ExitStatus::code(&status.unwrap()),
            stdout: stdout.unwrap(),
            stderr: self.lines.iter().collect::<Vec<_>>().join("\n"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `$BROWSER`: this test program, running [`stand_in_browser`] only. Colons separate browsers there, and `%c` is one.
pub(crate) fn browser(behaviour: &str) -> String {
    let exe = std::env::current_exe().unwrap();
    format!(
        "'{}' support%c%cstand_in_browser --exact --nocapture {behaviour}",
        exe.display()
    )
}

/// The person at the browser, when this program is run as one; else there is nothing to do.
#[test]
fn stand_in_browser() {
    let words: Vec<String> = std::env::args().collect();
    let [.., behaviour, url] = words.as_slice() else {
        return;
    };
    if !url.starts_with("http") {
        return;
    }
    let mut browser = Browser::new();
    let location = match behaviour.as_str() {
        "allow" => browser.approve(url).unwrap(),
        "deny" => browser.deny(url).unwrap(),
        "scan" => {
            std::fs::write(std::env::var_os("SCAN").unwrap(), processes()).unwrap();
            browser.approve(url).unwrap()
        }
        "environment" => {
            let seen = std::fs::read("/proc/self/environ").unwrap();
            std::fs::write(std::env::var_os("SCAN").unwrap(), seen).unwrap();
            browser.approve(url).unwrap()
        }
        // A server, or who pretends to be one, that says no in words of its own.
        hostile => format!(
            "{}?{hostile}&state={}&iss={}",
            parameter(url, "redirect_uri")
                .replace("%3A", ":")
                .replace("%2F", "/"),
            parameter(url, "state"),
            url.split("/authorize").next().unwrap()
        ),
    };
    let (status, page) = browser.follow(&location).unwrap();
    if let Some(file) = std::env::var_os("PAGE") {
        let whole = Path::new(&file).with_extension("part");
        std::fs::write(&whole, &page).unwrap();
        std::fs::rename(whole, file).unwrap();
    }
    assert_eq!(status, 200, "{page}");
}

/// A parameter as it stands in the query.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap().1.to_owned()
}

/// What everybody can read of all processes, and their environments; nothing where there is no `/proc`.
pub(crate) fn processes() -> Vec<u8> {
    let mut all = Vec::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        for file in ["cmdline", "environ"] {
            all.extend(std::fs::read(process.path().join(file)).unwrap_or_default());
            all.push(b'\n');
        }
    }
    all
}

/// Whether one is in the other.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a file its owner's alone, where files have modes.
pub(crate) fn set_private(path: &Path) {
    #[cfg(unix)]
    set_mode(path, 0o600);
    #[cfg(not(unix))]
    let _ = path;
}

/// Where a program is, by `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Says aloud that something was not tested here, and why.
#[expect(clippy::print_stdout, reason = "a suite says what it leaves out")]
pub(crate) fn skip(reason: &str) {
    println!("SKIPPED grantflow-cli: {reason}");
    if let Some(path) = std::env::var_os("GRANTFLOW_SKIPS") {
        let test = thread::current().name().map(str::to_owned);
        let line = serde_json::json!({"suite": "grantflow-cli", "reason": reason, "test": test});
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

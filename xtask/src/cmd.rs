//! Commands that xtask runs: shown as one would type them, then run or captured.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command line, and where it runs.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    hidden_env: Vec<(String, String)>,
    dir: PathBuf,
}

/// What a captured command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cmd {
    pub(crate) fn new(dir: &Path, program: &str) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            hidden_env: Vec::new(),
            dir: dir.to_owned(),
        }
    }

    /// A cargo command, its arguments separated by blanks.
    pub(crate) fn cargo(dir: &Path, args: &str) -> Self {
        Self::new(dir, "cargo").args(args.split_whitespace())
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Like `env`, for what a person who runs the command by hand does not need.
    pub(crate) fn hidden_env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.hidden_env.push((name.to_owned(), value.into()));
        self
    }

    /// Prints the command, then runs it on this terminal. `false` if it failed.
    pub(crate) fn run(&self) -> Result<bool, String> {
        println!("$ {self}");
        let status = self.command().status().map_err(|e| self.cannot_start(&e))?;
        Ok(status.success())
    }

    /// Prints the command, then runs it; its standard output is printed and returned.
    pub(crate) fn tee(&self) -> Result<(bool, String), String> {
        println!("$ {self}");
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| self.cannot_start(&e))?;
        let mut text = String::new();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.map_err(|e| format!("cannot read the output of `{self}`: {e}"))?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                text.push_str(&line);
                text.push('\n');
            }
        }
        let status = child
            .wait()
            .map_err(|e| format!("cannot wait for `{self}`: {e}"))?;
        Ok((status.success(), text))
    }

    /// Runs silently and keeps what was printed.
    pub(crate) fn capture(&self) -> Result<Output, String> {
        let output = self.command().output().map_err(|e| self.cannot_start(&e))?;
        Ok(Output {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn read(&self) -> Result<String, String> {
        let output = self.capture()?;
        if output.ok {
            Ok(output.stdout)
        } else {
            Err(format!("`{self}` failed:\n{}", output.stderr.trim_end()))
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        // `cargo run` describes xtask's own package to xtask; what xtask starts must see what a person's shell has.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "NEXTEST"];
            if own.iter().any(|prefix| text.starts_with(prefix)) || text == "CARGO" {
                command.env_remove(&name);
            }
        }
        command.envs(self.env.iter().chain(&self.hidden_env).cloned());
        command
    }

    fn cannot_start(&self, error: &std::io::Error) -> String {
        format!("cannot start `{}`: {error}; is it installed?", self.program)
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// Whether a program of this name is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path)
        .any(|dir| dir.join(program).is_file() || dir.join(program).with_extension("exe").is_file())
}

/// Whether `cargo NAME` exists, as a program of its own.
pub(crate) fn has_cargo_tool(name: &str) -> bool {
    is_installed(&format!("cargo-{name}"))
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let cmd = Cmd::cargo(Path::new("."), "doc --no-deps")
            .env("RUSTDOCFLAGS", "-D warnings")
            .arg("it's");
        assert_eq!(
            cmd.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let problem = Cmd::new(Path::new("."), "no-such-program-here")
            .capture()
            .expect_err("nothing has this name");
        assert!(problem.contains("no-such-program-here"), "{problem}");
    }
}

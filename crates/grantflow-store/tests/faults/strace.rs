//! Traces of a victim, and faults in its system calls.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::room::{Kind, Room, skip};
use crate::victim::{DIR, KIND, TASK};

/// Whether system calls can be traced here; if not, the suite is reported as skipped.
pub(crate) fn is_there(suite: &str) -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let there = traced.is_ok_and(|traced| traced.status.success());
    if !there {
        skip(suite, "strace is not installed, or may not trace");
    }
    there
}

/// A run of the victim.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it said.
    pub(crate) said: Vec<String>,
    pub(crate) killed: bool,
    pub(crate) calls: Vec<Call>,
}

/// One system call of a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The number among those of its name, from 1.
    pub(crate) number: usize,
    /// The line of the trace.
    pub(crate) line: String,
}

impl Call {
    pub(crate) fn says(&self, what: &str) -> bool {
        self.name == "write" && self.line.contains(&format!("\"@{what}"))
    }

    pub(crate) fn is_injected(&self) -> bool {
        self.line.ends_with("(INJECTED)")
    }
}

impl Run {
    /// Runs a task under strace with these arguments.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: &[S], task: &str, (kind, dir): (Kind, &Path)) -> Self {
        let room = Room::new();
        let log = room.join("log");
        let output = Command::new("strace")
            .args(["-f", "-qq", "-y", "-o"])
            .arg(&log)
            .args(arguments)
            .arg(std::env::current_exe().unwrap())
            .env(TASK, task)
            .env(KIND, kind.name())
            .env(DIR, dir)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let trace = fs::read_to_string(&log).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self {
            said: stderr
                .lines()
                .filter_map(|line| line.strip_prefix('@'))
                .map(str::to_owned)
                .collect(),
            killed: output.status.signal() == Some(9),
            calls: calls(&trace),
        }
    }

    /// Runs a task with one fault: `KILL`, or the name of an error.
    pub(crate) fn with(fault: &str, call: &Call, task: &str, place: (Kind, &Path)) -> Self {
        let what = if fault == "KILL" { "signal" } else { "error" };
        let (name, number) = (&call.name, call.number);
        let inject = format!("inject={name}:{what}={fault}:when={number}");
        Self::new(&["-e", &format!("trace={name}"), "-e", &inject], task, place)
    }

    pub(crate) fn says(&self, what: &str) -> bool {
        self.said.iter().any(|said| said == what)
    }

    /// The calls from one mark to another.
    pub(crate) fn between(&self, begin: &str, end: &str) -> &[Call] {
        let at = |mark: &str| self.calls.iter().position(|call| call.says(mark)).unwrap();
        &self.calls[at(begin) + 1..at(end)]
    }
}

/// The system calls of the main thread, from the start of the process on.
fn calls(trace: &str) -> Vec<Call> {
    let main = trace.split_whitespace().next().unwrap_or_default();
    let mut numbers = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((pid, call)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if pid != main
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let number = numbers.entry(name.to_owned()).or_insert(0);
        *number += 1;
        calls.push(Call {
            name: name.to_owned(),
            number: *number,
            line: line.to_owned(),
        });
    }
    calls
}

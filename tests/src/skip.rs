//! Suites that cannot run here say so, and `cargo xtask test` counts them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

/// Says that the running test is skipped: on its output, and as a line of JSON in the file that `GRANTFLOW_SKIPS` names.
#[expect(clippy::print_stdout, reason = "a suite says what it leaves out")]
pub fn skip(suite: &str, reason: &str) {
    println!("SKIPPED {suite}: {reason}");
    let Some(path) = std::env::var_os("GRANTFLOW_SKIPS") else {
        return;
    };
    let line = json!({ "suite": suite, "reason": reason, "test": test_name() });
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.expect("the file that GRANTFLOW_SKIPS names can be written");
}

/// The harness names a test's thread after it; alone in its process, a test runs on the main one and stands in the arguments.
pub(crate) fn test_name() -> Option<String> {
    let thread = std::thread::current();
    match thread.name() {
        Some("main") | None => std::env::args().skip(1).find(|arg| !arg.starts_with('-')),
        Some(name) => Some(name.to_owned()),
    }
}

/// Where a program is, by `PATH`.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Where the Python of a peer from PyPI is, with what the peer needs; it may not be installed.
#[must_use]
pub fn python(peer: &str) -> PathBuf {
    let venv = workspace().join("tests/peers").join(peer).join("venv");
    if cfg!(windows) {
        venv.join("Scripts/python.exe")
    } else {
        venv.join("bin/python")
    }
}

/// A program of this workspace beside the running test, such as `examples/web_login`; `None`, after saying so, where it was not
/// built.
///
/// # Panics
///
/// If the system does not say where the test is.
#[must_use]
pub fn built(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().expect("the test is a file");
    // target/debug/deps/test
    let program = test
        .parent()?
        .parent()?
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    if program.is_file() {
        return Some(program);
    }
    skip(
        name,
        "it is not built; `cargo xtask test` does, or `cargo build --all-features --bins --examples`",
    );
    None
}

/// A port that is free now, below those that the system gives out by itself, so that it stays free.
///
/// # Panics
///
/// If none is.
#[must_use]
pub fn free_port() -> u16 {
    let mut random = [0; 2];
    let found = (0..100).find_map(|_| {
        grantflow_core::native::fill(&mut random).ok()?;
        let port = 20_000 + u16::from_be_bytes(random) % 10_000;
        std::net::TcpListener::bind(("127.0.0.1", port))
            .is_ok()
            .then_some(port)
    });
    found.expect("a port is free")
}

/// `target/artifacts`, where tests leave what people want to see.
#[must_use]
pub fn artifacts() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let artifacts = target.join("artifacts");
    std::fs::create_dir_all(&artifacts).expect("the target directory can be written");
    artifacts
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the workspace")
}

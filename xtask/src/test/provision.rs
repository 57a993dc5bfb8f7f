//! What the suites need beyond cargo, installed where that is possible and said loudly where it is not.

use std::path::{Path, PathBuf};

use super::Skip;
use crate::cmd::{Cmd, is_installed};

/// Program, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 11] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("strace", "strace"),
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("python3", "python3-venv"),
    ("dbus-run-session", "dbus-daemon"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("softhsm2-util", "softhsm2"),
    ("xfs_io", "xfsprogs"),
    ("mkfs.ext4", "e2fsprogs"),
];

const PEERS: &str = "tests/peers";

/// What Python needs to make a `venv` with pip in it, which Debian has in a package of its own.
const VENV: [&str; 2] = ["-c", "import ensurepip, venv"];

pub(super) fn provision(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    programs(root, skipped)?;
    peers(root, skipped)?;
    python_peers(root, skipped)
}

fn programs(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    let has_venv = || {
        is_installed("python3")
            && Cmd::new(root, "python3")
                .args(VENV)
                .capture()
                .is_ok_and(|output| output.ok)
    };
    let is_there = |program: &str| is_installed(program) && (program != "python3" || has_venv());
    let missing = || PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let reason = if !is_installed("apt-get") {
        "this system has no apt-get; install it by hand"
    } else if !is_root(root) {
        "only root can install it; run `apt-get install` as root, or install it by hand"
    } else {
        let apt = |args: &str| {
            Cmd::new(root, "apt-get")
                .args(args.split(' '))
                .env("DEBIAN_FRONTEND", "noninteractive")
        };
        // A failed update may still leave a usable list.
        apt("update -qq").run()?;
        apt("install -qq -y --no-install-recommends")
            .args(packages)
            .run()?;
        "apt-get could not install it; its output above says why"
    };
    for (program, package) in missing() {
        skipped.push(
            Skip::new(
                &format!("provision {program}"),
                &format!("package {package} is missing, and {reason}"),
            )
            .said(),
        );
    }
    Ok(())
}

fn is_root(root: &Path) -> bool {
    Cmd::new(root, "id")
        .arg("-u")
        .read()
        .is_ok_and(|id| id.trim() == "0")
}

/// The peers that have this file, and their names.
fn peers_with(root: &Path, file: &str) -> Vec<(PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(root.join(PEERS)) else {
        return Vec::new(); // no peers yet
    };
    let mut peers: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|peer| peer.join(file).is_file())
        .map(|peer| {
            let name = peer
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (peer, name)
        })
        .collect();
    peers.sort();
    peers
}

/// Each peer from PyPI, as its requirements pin it, in a `venv` of its own.
pub(crate) fn python_peers(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    for (peer, name) in peers_with(root, "requirements.txt") {
        // A copy of the requirements, put there when all of them were installed.
        let (wanted, installed) = (peer.join("requirements.txt"), peer.join("venv/requirements.txt"));
        let same = std::fs::read(&wanted).ok() == std::fs::read(&installed).ok();
        if same && peer.join("venv/bin/python").is_file() {
            continue;
        }
        let place = format!("{PEERS}/{name}");
        let reason = if !is_installed("python3") {
            "python3 is not installed"
        } else if !Cmd::new(root, "python3")
            .args(["-m", "venv", "--clear"])
            .arg(format!("{place}/venv"))
            .run()?
        {
            "`python3 -m venv` failed; its output above says why"
        } else if !Cmd::new(root, &peer.join("venv/bin/python").display().to_string())
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
            ])
            .args(["--only-binary", ":all:", "-r"])
            .arg(format!("{place}/requirements.txt"))
            .run()?
        {
            "`pip install` failed; its output above says why"
        } else {
            std::fs::copy(&wanted, &installed)
                .map_err(|e| format!("cannot write {}: {e}", installed.display()))?;
            continue;
        };
        skipped.push(Skip::new(&format!("provision {name}"), reason).said());
    }
    Ok(())
}

/// Each peer from npm, as its lock file pins it.
fn peers(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    for (peer, name) in peers_with(root, "package-lock.json") {
        if is_current(&peer) {
            continue;
        }
        let reason = if !is_installed("npm") {
            "npm is not installed"
        } else if !Cmd::new(root, "npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(format!("{PEERS}/{name}"))
            .run()?
        {
            "`npm ci` failed; its output above says why"
        } else {
            continue;
        };
        skipped.push(Skip::new(&format!("provision {name}"), reason).said());
    }
    Ok(())
}

/// npm leaves its own copy of the lock behind; one younger than ours means that nothing changed since.
fn is_current(peer: &Path) -> bool {
    let age = |path: &str| std::fs::metadata(peer.join(path)).and_then(|meta| meta.modified());
    match (age("node_modules/.package-lock.json"), age("package-lock.json")) {
        (Ok(installed), Ok(wanted)) => installed >= wanted,
        _ => false,
    }
}

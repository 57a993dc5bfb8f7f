//! What the suites need beyond cargo, installed where that is possible and said loudly where it is not.

use std::path::Path;

use super::Skip;
use crate::cmd::{Cmd, is_installed};

/// Program, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 4] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("strace", "strace"),
    ("curl", "curl"),
];

const PEERS: &str = "tests/peers";

pub(super) fn provision(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    programs(root, skipped)?;
    peers(root, skipped)
}

fn programs(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    let missing = || PROGRAMS.iter().filter(|(program, _)| !is_installed(program));
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

/// Each peer from npm, as its lock file pins it.
fn peers(root: &Path, skipped: &mut Vec<Skip>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(root.join(PEERS)) else {
        return Ok(()); // no peers yet
    };
    let mut peers: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    peers.sort();
    for peer in peers
        .iter()
        .filter(|peer| peer.join("package-lock.json").is_file())
    {
        let name = peer
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if is_current(peer) {
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

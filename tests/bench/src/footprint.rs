//! Small programs, ours beside those that do the same: their size, their crates, the seconds to build them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that do the same, by what they are named in `footprint/`.
struct Programs {
    title: &'static str,
    limit: &'static str,
    ours: &'static str,
    peers: &'static [&'static str],
    /// Ours has fewer crates than this peer had.
    best_peer: usize,
}

const ALL: [Programs; 2] = [
    Programs {
        title: "Stored credentials, an authorized GET",
        limit: "bare",
        ours: "ours",
        peers: &[
            "tame-oauth",
            "oauth2-ureq",
            "oauth2-reqwest",
            "gcp_auth",
            "yup-oauth2",
            "google-cloud-auth",
        ],
        best_peer: 65,
    },
    Programs {
        title: "The key of a service account, a header with its token",
        limit: "bare-account",
        ours: "ours-account",
        peers: &["tame-oauth-account"],
        best_peer: 70,
    },
];

/// At most so many times the size of the limit.
const TIMES: f64 = 1.15;

/// Builds each in a directory of its own and prints what was built.
pub(crate) fn print(peers: bool) {
    ALL.iter().for_each(|programs| programs.print(peers));
}

impl Programs {
    fn print(&self, peers: bool) {
        println!("\n## {}\n", self.title);
        println!("| program | stripped bytes | crates | processor seconds to build |");
        println!("|---|---|---|---|");
        let of_peers = self.peers.iter().filter(|_| peers);
        let mut built = Vec::new();
        for name in [self.limit, self.ours].iter().chain(of_peers) {
            match build(name) {
                Some(program) => {
                    println!(
                        "| {name} | {} | {} | {:.0} |",
                        program.bytes, program.crates, program.seconds
                    );
                    built.push(program);
                }
                None => println!("| {name} | did not build | | |"),
            }
        }
        println!();
        if let [limit, ours, ..] = &built[..] {
            let ratio = ours.bytes as f64 / limit.bytes as f64;
            let said = |reached| if reached { "reached" } else { "NOT reached" };
            println!(
                "- {}: at most {TIMES} times the size of `{}`: {ratio:.2}",
                said(ratio <= TIMES),
                self.limit
            );
            println!(
                "- {}: fewer crates than {}: {}",
                said(ours.crates < self.best_peer),
                self.best_peer,
                ours.crates
            );
        }
    }
}

struct Program {
    bytes: u64,
    crates: usize,
    seconds: f64,
}

fn build(name: &str) -> Option<Program> {
    let package = format!("footprint-{name}");
    let target = std::env::temp_dir().join(format!("grantflow-bench-{}-{name}", std::process::id()));
    let before = children_seconds()?;
    let built = cargo(&[
        "build",
        "--quiet",
        "--profile",
        "footprint",
        "--package",
        &package,
    ])
    .env("CARGO_TARGET_DIR", &target)
    .status();
    let seconds = children_seconds()? - before;
    let bytes = std::fs::metadata(target.join("footprint").join(&package));
    let _ = std::fs::remove_dir_all(&target);
    Some(Program {
        bytes: bytes
            .ok()
            .filter(|_| built.is_ok_and(|status| status.success()))?
            .len(),
        crates: crates(&package)?,
        seconds,
    })
}

/// The crates that are linked or run while building, itself too; none counted twice.
fn crates(package: &str) -> Option<usize> {
    let tree = cargo(&[
        "tree",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--package",
        package,
    ])
    .output();
    let lines = String::from_utf8(tree.ok()?.stdout).ok()?;
    let named = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let crates: BTreeSet<String> = lines.lines().filter(|line| !line.is_empty()).map(named).collect();
    Some(crates.len())
}

/// The processor time of all processes that were waited for, and of theirs (`cutime` and `cstime`).
fn children_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: f64 = fields.get(13)?.parse::<f64>().ok()? + fields.get(14)?.parse::<f64>().ok()?;
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

fn cargo(args: &[&str]) -> Command {
    let manifest: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).arg("--manifest-path").arg(manifest);
    cargo
}

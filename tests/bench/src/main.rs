//! `cargo xtask bench [--peers] [--footprint] [--rounds N] [GROUP…]`: ours, the limits and the peers in one run.
//!
//! ```text
//! main ─┬─▶ interleave, threads, storm   processor time, in this process
//!       ├─▶ src/bin/allocations.rs       the same cases with a counting allocator
//!       ├─▶ valgrind, this program       the same cases, instructions counted
//!       └─▶ footprint                    small programs: size, crates, seconds to build
//! ```

mod counts;
mod footprint;

use std::process::ExitCode;

use grantflow_bench::cases::token_reply::REPLY;
use grantflow_bench::{bystanders, cases, interleave, report, server, stores, storm, threads};

const HELP: &str = "\
cargo xtask bench [--peers] [--footprint] [--rounds N] [GROUP…]

GROUP is cached-token, token-reply, authorization-url, refresh, jwt, account, dpop, discovery, threads, storm or stores; none means all of them.
The records of stores lie in $GRANTFLOW_BENCH_DIR, or in the directory for temporary files: it has to be on a real disk.
  --peers      with the crates whose builds take minutes
  --footprint  builds small programs and prints their sizes; with --peers those of the peers too; takes minutes
  --rounds N   how often each case has its turn; 200 unless said otherwise
";

/// Cases of two pinned threads, each limit before ours.
const PAIRS: [&str; 6] = [
    "limit: borrow",
    "ours: with_cached_header",
    "limit: borrow",
    "ours: blocking with_cached_header",
    "limit: clone",
    "ours: cached_header",
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [stores::UPDATE, dir, times] => stores::update(dir, times),
        [server::SERVE] => server::Elsewhere::serve(REPLY),
        [counts::REPEAT, group, case, repeats] => counts::repeat(group, case, repeats),
        _ => match Options::parse(&args) {
            Some(options) if options.peers && !cfg!(feature = "peers") => {
                return counts::again_with_peers(&args);
            }
            Some(options) => run(&options),
            None => {
                print!("{HELP}");
                return ExitCode::from(2);
            }
        },
    }
    ExitCode::SUCCESS
}

struct Options {
    peers: bool,
    footprint: bool,
    rounds: usize,
    groups: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Option<Self> {
        let mut options = Self {
            peers: false,
            footprint: false,
            rounds: 200,
            groups: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--peers" => options.peers = true,
                "--footprint" => options.footprint = true,
                "--rounds" => options.rounds = args.next()?.parse().ok()?,
                group if group.starts_with('-') => return None,
                group => options.groups.push(group.to_owned()),
            }
        }
        Some(options)
    }

    /// Whether this group is asked for.
    fn wants(&self, group: &str) -> bool {
        let all = self.groups.is_empty() && !self.footprint;
        all || self.groups.iter().any(|wanted| wanted == group)
    }
}

fn run(options: &Options) {
    let mut allocations = None;
    for name in cases::GROUPS.iter().filter(|name| options.wants(name)) {
        let group = cases::group(name).expect("a group");
        let timings = interleave::measure(&group, options.rounds);
        let allocations = allocations.get_or_insert_with(counts::allocations);
        report::group(&group, &timings, &counts::of(&group, &timings, allocations));
    }
    if options.wants("threads") {
        let cached = cases::group("cached-token").expect("a group");
        match threads::measure(&cached, &PAIRS, 6 * options.rounds) {
            Some(slowdowns) => report::threads(&PAIRS, &slowdowns),
            None => println!("\nskipped: two threads need two processors"),
        }
    }
    if options.wants("storm") {
        report::storms();
        let times = options.rounds.div_ceil(20);
        for (name, storm) in [
            ("ours, threads, ureq", storm::threads as fn() -> _),
            ("ours, tasks, reqwest", storm::tasks),
        ] {
            let (cold, ended): (Vec<_>, Vec<_>) = (0..times).map(|_| storm()).map(|[a, b]| (a, b)).unzip();
            report::storm(&format!("{name}: cold"), &cold);
            report::storm(&format!("{name}: expired"), &ended);
        }
        #[cfg(feature = "peers")]
        grantflow_bench::peers::storms(times, report::storm);
        report::bystanders(&(0..times).map(|_| bystanders::measure()).collect::<Vec<_>>());
    }
    if options.wants("stores") {
        stores::measure(options.rounds, report::group);
    }
    if options.footprint {
        footprint::print(options.peers);
    }
}

//! `cargo xtask simulate`: histories by the thousand, one history again, or planted bugs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its terminal"
)]

use std::process::ExitCode;
use std::time::Instant;

use grantflow_simulation::{History, Plant, campaign};

/// So many seeds at most to find a planted bug in.
const SEEDS_PER_PLANT: u64 = 20_000;
/// So many lines of a history that failed.
const TAIL: usize = 60;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&args) {
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(options)) if options.run() => ExitCode::SUCCESS,
        Ok(Some(_)) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("simulate: {problem}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug, Default)]
struct Options {
    seeds: Option<u64>,
    first: u64,
    replay: Option<u64>,
    plants: Vec<Plant>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "-h" | "--help" => return Ok(None),
                "--seeds" => options.seeds = Some(number(value()?)?),
                "--first" => options.first = number(value()?)?,
                "--replay" => options.replay = Some(number(value()?)?),
                "--plants" => options.plants = Plant::ALL.to_vec(),
                "--plant" => options.plants.push(plant(value()?)?),
                other => return Err(format!("`{other}` is no option; see --help")),
            }
        }
        Ok(Some(options))
    }

    fn run(&self) -> bool {
        let began = Instant::now();
        if let Some(seed) = self.replay {
            let history = campaign::replay(seed, self.plants.first().copied());
            print_whole(&history);
            return history.violation.is_none();
        }
        let found = self.plants.iter().filter(|plant| self.find(**plant)).count();
        let all_found = found == self.plants.len();
        if !self.plants.is_empty() && self.seeds.is_none() {
            return all_found;
        }
        let totals = campaign::run(self.first, self.seeds.unwrap_or(SEEDS_PER_PLANT), None);
        for failure in &totals.failures {
            print_tail(failure, None);
        }
        println!("{totals}");
        let seconds = began.elapsed().as_secs_f64();
        let each = totals.histories as f64 / seconds;
        println!(
            "{} violations; {seconds:.1} s, {each:.0} histories a second",
            totals.failures.len()
        );
        all_found && totals.failures.is_empty()
    }

    fn find(&self, plant: Plant) -> bool {
        match campaign::find(plant, self.first, SEEDS_PER_PLANT) {
            Some(history) => {
                let seeds = history.seed - self.first + 1;
                let violation = history.violation.as_ref();
                let what = violation.map_or(String::new(), |it| format!("{}: {}", it.invariant, it.what));
                println!("plant {plant}: found after {seeds} seeds ({what})");
                if self.seeds.is_none() && self.plants.len() == 1 {
                    print_tail(&history, Some(plant));
                }
                true
            }
            None => {
                println!("plant {plant}: NOT found in {SEEDS_PER_PLANT} seeds");
                false
            }
        }
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| *c != '_' && *c != ',').collect();
    digits.parse().map_err(|_| format!("`{text}` is no number"))
}

fn plant(name: &str) -> Result<Plant, String> {
    let names: Vec<&str> = Plant::ALL.iter().map(|plant| plant.name()).collect();
    Plant::from_name(name).ok_or_else(|| format!("`{name}` is no plant; there are {}", names.join(", ")))
}

fn print_whole(history: &History) {
    println!("seed {}: {}", history.seed, history.scenario);
    print!("{}", history.text);
    match &history.violation {
        Some(violation) => println!("{} did not hold: {}", violation.invariant, violation.what),
        None => println!("all invariants held"),
    }
}

fn print_tail(history: &History, plant: Option<Plant>) {
    let seed = history.seed;
    let whole = campaign::replay(seed, plant);
    println!("seed {seed}: {}", whole.scenario);
    let lines: Vec<&str> = whole.text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL)..];
    if tail.len() < lines.len() {
        println!("      … {} lines before", lines.len() - tail.len());
    }
    println!("{}", tail.join("\n"));
    if let Some(violation) = &history.violation {
        println!("{} did not hold: {}", violation.invariant, violation.what);
    }
    let with = plant.map_or(String::new(), |plant| format!(" --plant {plant}"));
    println!("the whole history: cargo xtask simulate --replay {seed}{with}\n");
}

const HELP: &str = "\
cargo xtask simulate [OPTIONS]

Runs the flows and the handle of grantflow-core in a simulated world of processes, tasks, a server and a store, with faults
before and after every effect, and holds the invariants I1 to I10 against everything that happens. One seed is one history.

  --seeds N       this many histories (20,000 where nothing else is said)
  --first SEED    beginning with this one (0)
  --replay SEED   this history alone, with everything that happened in it
  --plant NAME    with this bug planted, which has to be found; may be given again
  --plants        with each of the bugs planted, one after the other
  -h, --help      this text

The plants: no-reread-under-lock, publish-before-save, retry-outside-lock, write-back-deleted, adopt-older,
unlock-before-saved, compare-generations, forget-hung-writes, forget-key, ignore-nonces, poll-too-early, present-again,
send-code-again, poll-after-answer, ask-source-twice, mix-subjects, forget-resource.

A refresh token that the server has granted and that was lost before it could be stored is counted as unavoidable: the reply
never came, or its receiver died, or a lease was lost. Any other loss is a violation. The exit code is 0 if there was none and
every plant was found.
";

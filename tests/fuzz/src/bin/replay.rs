//! Runs the targets on their committed corpora, and on simple mutations of them, without a fuzzing engine.
//!
//! ```text
//! replay [--seconds N] [--seed S] [--target NAME]
//! ```
//!
//! Prints what it ran. An input that breaks a promise is written beside the build, and its name printed with the panic.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use grantflow_fuzz::{TARGETS, Target};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let value = args.iter().skip_while(|arg| *arg != name).nth(1);
        value.map_or(default, |value| value.parse().expect("a number"))
    };
    let seconds = Duration::from_secs(number("--seconds", 0));
    let seed = number("--seed", 1);
    let only = args.iter().skip_while(|arg| *arg != "--target").nth(1);
    let wanted = |target: &Target| only.is_none_or(|only| only == target.0);
    let left = Mutex::new(TARGETS.into_iter().filter(wanted));
    let next = || left.lock().expect("nobody panics with it").next();
    let failed = AtomicBool::new(false);
    // One that is broken hides no other.
    let run = || {
        while let Some(target) = next() {
            failed.fetch_or(!replay(target, seed, seconds), Ordering::Relaxed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(run)));
    });
    std::process::exit(i32::from(failed.into_inner()));
}

/// Runs one target on its corpus, and for so long on mutations; whether it holds.
fn replay(target: Target, seed: u64, seconds: Duration) -> bool {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let corpus = corpus(target.0);
    assert!(!corpus.is_empty(), "{} has no corpus", target.0);
    let (mut count, mut broken) = (0_u64, false);
    for input in &corpus {
        broken |= !holds(target, input);
        count += 1;
    }
    let end = Instant::now() + seconds;
    while !broken && Instant::now() < end {
        broken |= !holds(target, &random.mutation(&corpus));
        count += 1;
    }
    println!("{}: {} inputs in the corpus, {count} run", target.0, corpus.len());
    !broken
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = std::fs::read_dir(&place).expect("the corpus is committed");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("it can be read"))
        .collect()
}

fn holds((name, run): Target, input: &[u8]) -> bool {
    if std::panic::catch_unwind(|| run(input)).is_ok() {
        return true;
    }
    let place = std::env::current_exe()
        .expect("this is a file")
        .with_file_name(format!("crash-{name}"));
    std::fs::write(&place, input).expect("the build directory can be written");
    println!(
        "{name}: broken by {}; of the panics above one is its own",
        place.display()
    );
    false
}

/// Xorshift: the same inputs for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// An input of the corpus with a few changes: a byte, a piece cut out or doubled, a piece of another input, a word of JSON
    /// or of a header.
    fn mutation(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        const WORDS: [&str; 18] = [
            "null",
            "\"\"",
            "[]",
            "{}",
            "0",
            "-1",
            "1e309",
            "true",
            "\\u0000",
            "\\ud800",
            "9223372036854775808",
            "\"http://x\"",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "3600",
            "Bearer ",
            ", scope=",
            "=\"",
            "\\\"",
        ];
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len());
            let length = self.below(input.len().saturating_sub(at)).min(64);
            match self.below(6) {
                0 | 1 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                2 => drop(input.drain(at..at + length)),
                3 => {
                    let piece = input[at..at + length].to_vec();
                    input.splice(at..at, piece);
                }
                4 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    let piece = other[from..(from + length).min(other.len())].to_vec();
                    input.splice(at..at, piece);
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    input.splice(at..at + length.min(word.len()), word.bytes());
                }
            }
        }
        input
    }
}

//! What can be asked of the harness.

use std::time::Duration;

use crate::crowd::Crowds;
use crate::kind::Kind;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) full: bool,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) crowds: Crowds,
    pub(crate) kills: usize,
}

impl Options {
    /// `None` where only the help is wanted.
    pub(crate) fn parse(args: &[String]) -> Result<Option<Self>, String> {
        let (mut full, mut kinds, mut kills, mut task) = (false, Vec::new(), None, "ask");
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "-h" | "--help" => return Ok(None),
                "--full" => full = true,
                "--store" => {
                    let name = value()?;
                    kinds.push(Kind::named(name).ok_or(format!("`{name}` is no store; see --help"))?);
                }
                "--kills" => {
                    let text = value()?;
                    kills = Some(text.parse().map_err(|_| format!("`{text}` is no number"))?);
                }
                "--plant" => match value()?.as_str() {
                    "no-lock" => task = "ask-without-lock",
                    other => return Err(format!("`{other}` is no plant; there is no-lock")),
                },
                other => return Err(format!("`{other}` is no option; see --help")),
            }
        }
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
        }
        let (processes, delays): (&[usize], &[Duration]) = if full {
            (&[2, 8, 20, 100], &FULL_DELAYS)
        } else {
            (&[8, 20], &GATE_DELAYS)
        };
        let kills = kills.unwrap_or(if full { 100 } else { 10 });
        Ok(Some(Self {
            full,
            kinds,
            crowds: Crowds {
                processes,
                delays,
                task,
            },
            kills,
        }))
    }

    /// How many cells there are for the keyring.
    pub(crate) fn keyring_cells(&self) -> usize {
        let crowds = self.crowds.processes.len() * self.crowds.delays.len();
        crowds + usize::from(self.kills > 0) + if self.full { 2 } else { 0 }
    }
}

const GATE_DELAYS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(2)];
const FULL_DELAYS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(300),
    Duration::from_secs(2),
    Duration::from_secs(10),
];

pub(crate) const HELP: &str = "\
cargo xtask stampede [OPTIONS]

Real processes that find one ended token in one store at once, at a server that rotates refresh tokens and revokes the login when
a spent one comes again. Each cell of the table holds if the server had one request, no spent token came again, every process got
the token that is stored, and the stored refresh token is good for another refresh afterwards.

Without options: 8 and 20 processes, an endpoint of 0 and 2 s, the four stores, and 10 holders of each lock killed in the middle
of their refresh.

  --full          2, 8, 20 and 100 processes; an endpoint of 0, 0.3, 2 and 10 s; 100 holders killed, with a bar for the time until
                  another process has the lock; a holder stopped; a full disk and one that is read-only. About eight minutes.
  --store NAME    only this store: file, multistore, encrypted or keyring; may be given again
  --kills N       so many holders of each lock killed
  --plant NAME    with this bug planted, which has to be found: no-lock
  -h, --help      this text

The keyring is one of its own, on a bus of its own: gnome-keyring-daemon under dbus-run-session. The disks are small ones in
memory, which only root can mount. What cannot be run here is said, and counted as skipped. The exit code is 0 if no cell was
violated.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Option<Options>, String> {
        let args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn the_gate_has_sixteen_crowds() {
        let options = parse("").expect("no option is bad").expect("no help is wanted");
        let cells = options.kinds.len() * options.crowds.processes.len() * options.crowds.delays.len();
        assert_eq!((cells, options.kills, options.keyring_cells()), (16, 10, 5));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for words in [
            "--store tape",
            "--kills some",
            "--plant weeds",
            "--fast",
            "--store",
        ] {
            let problem = parse(words).expect_err("it makes no sense");
            assert!(
                problem.contains(words.split(' ').next_back().unwrap_or_default()),
                "{problem}"
            );
        }
    }
}

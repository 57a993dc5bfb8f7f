//! The steps of the gate, timed, and what they came to.

use std::time::Instant;

use crate::cmd::Cmd;
use crate::test::Skip;

/// Steps that ran, in order.
#[derive(Debug, Default)]
pub(super) struct Gate {
    wanted: Vec<&'static str>,
    steps: Vec<Step>,
    pub(super) skipped: Vec<Skip>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    seconds: f64,
    /// Commands that failed, to be run again.
    failed: Vec<String>,
}

impl Gate {
    pub(super) fn new(wanted: Vec<&'static str>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.wanted.contains(&name)
    }

    /// Runs all commands, whatever becomes of the first.
    pub(super) fn commands(&mut self, name: &'static str, commands: impl FnOnce() -> Vec<Cmd>) {
        if !self.wants(name) {
            return;
        }
        let start = Instant::now();
        println!("\n== {name}");
        let fails = |command: &&Cmd| match command.run() {
            Ok(ok) => !ok,
            Err(problem) => {
                println!("{problem}");
                true
            }
        };
        let failed = commands().iter().filter(fails).map(Cmd::to_string).collect();
        self.done(name, start, failed);
    }

    /// Runs a step of our own; `again` is the command that does the same.
    pub(super) fn step(
        &mut self,
        name: &'static str,
        again: &str,
        work: impl FnOnce(&mut Vec<Skip>) -> Result<bool, String>,
    ) {
        if !self.wants(name) {
            return;
        }
        let start = Instant::now();
        println!("\n== {name}\n$ {again}");
        let ok = work(&mut self.skipped).unwrap_or_else(|problem| {
            println!("{problem}");
            false
        });
        let failed = if ok { Vec::new() } else { vec![again.to_owned()] };
        self.done(name, start, failed);
    }

    /// Whether the step is wanted and can run; if it cannot, says so.
    pub(super) fn can(&mut self, name: &'static str, can: bool, reason: &str) -> bool {
        if self.wants(name) && !can {
            self.skip(name, reason);
        }
        self.wants(name) && can
    }

    pub(super) fn skip(&mut self, suite: &str, reason: &str) {
        println!("\n== {suite}");
        self.skipped.push(Skip::new(suite, reason).said());
    }

    fn done(&mut self, name: &'static str, start: Instant, failed: Vec<String>) {
        let seconds = start.elapsed().as_secs_f64();
        let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
        println!("== {name}: {verdict} in {seconds:.1} s");
        self.steps.push(Step {
            name,
            seconds,
            failed,
        });
    }

    /// Whether nothing failed.
    pub(super) fn is_open(&self) -> bool {
        self.steps.iter().all(|step| step.failed.is_empty())
    }

    pub(super) fn print(&self) {
        let total: f64 = self.steps.iter().map(|step| step.seconds).sum();
        println!("\n== the gate, {} s", total.round().abs());
        for step in &self.steps {
            let verdict = if step.failed.is_empty() { "ok" } else { "FAILED" };
            println!("{verdict:>8}  {:<14} {:>7.1} s", step.name, step.seconds);
            for command in &step.failed {
                println!("{:>8}  run again: {command}", "");
            }
        }
        for skip in &self.skipped {
            println!("SKIPPED {}: {}", skip.suite, skip.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn cmd(program: &str) -> Cmd {
        Cmd::new(Path::new("."), program)
    }

    #[test]
    fn a_failed_command_closes_the_gate_and_is_named() {
        let mut gate = Gate::new(vec!["one"]);
        gate.commands("one", || {
            vec![cmd("true"), cmd("false"), cmd("no-such-program-here")]
        });
        assert!(!gate.is_open());
        assert_eq!(gate.steps[0].failed, ["false", "no-such-program-here"]);
    }

    #[test]
    fn a_step_that_errs_closes_the_gate() {
        let mut gate = Gate::new(vec!["fine", "broken"]);
        gate.step("unwanted", "x", |_| Err("no".into()));
        gate.step("fine", "x", |_| Ok(true));
        assert!(gate.is_open());
        gate.step("broken", "x", |_| Err("no".into()));
        assert!(!gate.is_open());
    }
}

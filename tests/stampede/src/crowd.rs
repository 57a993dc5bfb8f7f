//! Many processes find one ended token at once, at an endpoint that takes its time (threats R09 and R28).

use std::time::Duration;

use crate::Done;
use crate::herd::Herd;
use crate::kind::Kind;
use crate::scene::Scene;
use crate::table::{Table, store};

/// How many, at which endpoints.
#[derive(Debug)]
pub(crate) struct Crowds {
    pub(crate) processes: &'static [usize],
    pub(crate) delays: &'static [Duration],
    pub(crate) task: &'static str,
}

/// Each store, each size, each delay.
pub(crate) fn run(table: &mut Table, kinds: &[Kind], crowds: &Crowds) {
    table.head(
        "Processes that find one ended token at once:",
        "| store      | processes | endpoint | calls | replays | served  | one token | login lives | last, s | holds    |",
    );
    for kind in kinds {
        for processes in crowds.processes {
            for delay in crowds.delays {
                let what = format!("{kind}, {processes} processes, {delay:?}");
                table.cell(&what, |table| {
                    crowd(table, *kind, *processes, *delay, crowds.task)
                });
            }
        }
    }
}

fn crowd(table: &mut Table, kind: Kind, processes: usize, delay: Duration, task: &str) -> Done<()> {
    let scene = Scene::ended(kind)?;
    scene.server.set_delay(delay);
    let (answers, took) = Herd::start(task, &scene, processes)?.ask()?;
    let verdict = scene.verdict_and_after(&answers)?;
    let cells = format!(
        "{} {processes:>9} | {:>6} s | {:>5} | {:>7} | {:>7} | {:<9} | {:<11} | {:>7.2} |",
        store(kind),
        delay.as_secs_f64(),
        verdict.calls,
        verdict.replays,
        format!("{}/{processes}", verdict.served),
        if verdict.same { "yes" } else { "no" },
        if verdict.lives { "yes" } else { "no" },
        took.as_secs_f64(),
    );
    table.row(&cells, verdict.holds(), &format!("{:?}", verdict.errors));
    Ok(())
}

//! Holders of the lock that are killed in the middle of their refresh, and how soon another process has the lock (threat R11).

use std::time::{Duration, Instant};

use grantflow_testserver::{Endpoint, Fault};

use crate::Done;
use crate::clock;
use crate::herd::{Herd, Member, PATIENCE};
use crate::kind::Kind;
use crate::options::Options;
use crate::scene::{ENDED, Scene, Verdict};
use crate::table::{Table, milliseconds, percentile, store};

/// So many processes wait for the lock of one that is killed.
const WAITERS: usize = 4;

/// The time at p99 that `--full` demands.
const BAR: Duration = Duration::from_millis(50);

pub(crate) fn run(table: &mut Table, kinds: &[Kind], options: &Options) {
    if options.kills == 0 {
        return;
    }
    table.head(
        "Holders of the lock killed while their request is at the server, and the time until one of 4 others has it:",
        "| store      | kills | p50, ms | p99, ms | most, ms | calls | replays | served    | holds    |",
    );
    for kind in kinds {
        table.cell(&format!("{kind}, killed"), |table| {
            kills(table, *kind, options.kills, options.full)
        });
    }
}

fn kills(table: &mut Table, kind: Kind, rounds: usize, with_bar: bool) -> Done<()> {
    let mut scene = Scene::new(kind)?;
    let (mut times, mut broken, mut calls, mut replays, mut served) = (Vec::new(), Vec::new(), 0, 0, 0);
    for _ in 0..rounds {
        scene.age(ENDED)?;
        scene.count_from_here();
        let (time, verdict) = kill(&scene)?;
        times.push(time);
        (calls, replays) = (calls + verdict.calls, replays + verdict.replays);
        served += verdict.served;
        if !verdict.holds() {
            broken.push(verdict);
        }
    }
    times.sort();
    let (half, most_of_them) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let cells = format!(
        "{} {rounds:>5} | {:>7} | {:>7} | {:>8} | {calls:>5} | {replays:>7} | {:>9} |",
        store(kind),
        milliseconds(half),
        milliseconds(most_of_them),
        milliseconds(percentile(&times, 1.0)),
        format!("{served}/{}", rounds * WAITERS),
    );
    let in_time = !with_bar || most_of_them < BAR;
    let why = if in_time {
        format!("{broken:?}")
    } else {
        format!("p99 is over {BAR:?}")
    };
    table.row(&cells, broken.is_empty() && in_time, &why);
    Ok(())
}

/// One holder, killed before the server has done anything: the refresh token is not spent, and whoever comes next may use it.
fn kill(scene: &Scene) -> Done<(Duration, Verdict)> {
    let server = &scene.server;
    let before = server.stats().faults;
    server.push_fault(Endpoint::Refresh, Fault::DelayBeforeCommit(PATIENCE));
    let mut holder = Herd::start("ask", scene, 1)?.0.remove(0);
    holder.go()?;
    if !server.wait_until(PATIENCE, |stats| stats.faults > before) {
        return Err("the holder does not ask the server".into());
    }
    let mut waiters = Herd::start("ask", scene, WAITERS)?;
    waiters.go()?;
    for member in &waiters.0 {
        member.says("waiting")?;
    }
    wait_for_the_queue(&waiters.0);
    let killed = clock::now();
    holder.kill()?;
    let answers: Done<Vec<_>> = waiters.0.iter().map(Member::answer).collect();
    let answers = answers?;
    let first = answers.iter().filter_map(|answer| answer.locked).min();
    let first = first.ok_or("nobody took the lock over")?;
    Ok((clock::between(killed, first), scene.verdict_and_after(&answers)?))
}

/// Waits until the kernel has all of them in the queue of a lock, where it says so (Linux).
fn wait_for_the_queue(members: &[Member]) {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
            return;
        };
        let waits = |member: &&Member| {
            let id = member.id().to_string();
            let mut waiting = locks.lines().filter(|line| line.contains(" -> "));
            waiting.any(|line| line.split_whitespace().any(|word| word == id))
        };
        if members.iter().filter(waits).count() == members.len() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2)); // sleep: the kernel tells nobody when a process begins to wait
    }
}

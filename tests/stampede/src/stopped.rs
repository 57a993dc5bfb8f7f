//! A holder of the lock that is stopped, as by SIGSTOP: nobody refreshes without the lock, nobody waits for ever, and the reply that came
//! meanwhile is not lost (threats R12 and R22).

use crate::kind::Kind;
use crate::table::Table;

#[cfg(not(unix))]
pub(crate) fn run(table: &mut Table, kinds: &[Kind]) {
    table.skip("stopped", kinds.len(), "processes cannot be stopped here");
}

#[cfg(unix)]
pub(crate) fn run(table: &mut Table, kinds: &[Kind]) {
    table.head(
        "Holders of the lock stopped while the reply is on its way, for longer than their request may take, and 4 others:",
        "| store      | stopped, s | calls | replays | served | one token | login lives | holds    |",
    );
    all_at_once(table, kinds, unix::stop_before_the_reply);
    table.head(
        "Holders of the lock stopped, 4 others with an ended token and 4 with one that is stale and still good:",
        "| store      | ended: error | names the holder | after, s | good: served | after, s | calls | goes on  | holds    |",
    );
    all_at_once(table, kinds, unix::stop);
}

/// A row, whether it holds, and if not, why.
#[cfg(unix)]
type Row = (String, bool, String);

/// The waits are long, and cost nobody anything.
#[cfg(unix)]
fn all_at_once(table: &mut Table, kinds: &[Kind], stop: fn(Kind) -> crate::Done<Row>) {
    let ran: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = kinds
            .iter()
            .map(|kind| (*kind, scope.spawn(move || stop(*kind))))
            .collect();
        let joined = threads.into_iter().map(|(kind, thread)| (kind, thread.join()));
        joined.collect()
    });
    for (kind, ran) in ran {
        table.cell(&format!("{kind}, stopped"), |table| {
            let (cells, holds, why) = ran.map_err(|_| "the harness panicked")??;
            table.row(&cells, holds, &why);
            Ok(())
        });
    }
}

#[cfg(unix)]
mod unix {
    use std::time::Duration;

    use grantflow_testserver::{Endpoint, Fault};

    use super::Row;
    use crate::Done;
    use crate::herd::{Answer, Herd, Member, PATIENCE};
    use crate::kind::Kind;
    use crate::scene::{ENDED, STALE, Scene};
    use crate::table::store;

    const OTHERS: usize = 4;

    /// Far less than the 75 s that a caller without a token waits, and far more than a busy machine needs.
    const AT_ONCE: Duration = Duration::from_secs(10);

    /// Longer than a request may take, which is 30 s.
    const LONG: Duration = Duration::from_secs(35);

    /// The server has spent the refresh token, and the new one lies in the socket of a process that does not run.
    pub(super) fn stop_before_the_reply(kind: Kind) -> Done<Row> {
        let scene = Scene::ended(kind)?;
        scene.server.push_fault(Endpoint::Refresh, Fault::Hold);
        let mut herd = Herd::start("ask", &scene, 1)?;
        herd.go()?;
        if !scene.server.wait_until(PATIENCE, |stats| stats.held == 1) {
            return Err("the holder does not ask the server".into());
        }
        herd.0[0].stop()?;
        scene.server.release();
        let mut others = Herd::start("ask", &scene, OTHERS)?;
        others.go()?;
        std::thread::sleep(LONG); // sleep: the time of a request goes by for a process that is stopped, too
        herd.0[0].resume()?;
        herd.0.append(&mut others.0);
        let answers: Done<Vec<Answer>> = herd.0.iter().map(Member::answer).collect();
        let verdict = scene.verdict_and_after(&answers?)?;
        let cells = format!(
            "{} {:>10} | {:>5} | {:>7} | {:>6} | {:<9} | {:<11} |",
            store(kind),
            LONG.as_secs(),
            verdict.calls,
            verdict.replays,
            format!("{}/{}", verdict.served, verdict.processes),
            if verdict.same { "yes" } else { "no" },
            if verdict.lives { "yes" } else { "no" },
        );
        Ok((cells, verdict.holds(), format!("{:?}", verdict.errors)))
    }

    /// Nothing was asked of the server.
    pub(super) fn stop(kind: Kind) -> Done<Row> {
        let mut scene = Scene::new(kind)?;
        scene.age(STALE)?;
        scene.count_from_here();
        let (good, good_after) = with_a_stopped_holder(&scene)?;
        let good_calls = scene.verdict(&good.answers)?;
        scene.age(ENDED)?;
        scene.count_from_here();
        let (ended, ended_after) = with_a_stopped_holder(&scene)?;
        let ended_calls = scene.verdict(&ended.answers)?;
        let named = format!("LockTimeout {{ holder: Some({}) }}", ended.holder);
        let names = ended
            .answers
            .iter()
            .filter(|answer| answer.error.as_ref() == Some(&named))
            .count();
        let refused = ended
            .answers
            .iter()
            .filter(|answer| answer.error.is_some())
            .count();
        // The holder was let go on: now one of them refreshes.
        let (after, _) = Herd::start("ask", &scene, OTHERS)?.ask()?;
        let after = scene.verdict_and_after(&after)?;
        let calls = good_calls.calls + ended_calls.calls;
        let cells = format!(
            "{} {:>12} | {:>16} | {:>8.2} | {:>12} | {:>8.2} | {calls:>5} | {:>8} |",
            store(kind),
            format!("{refused}/{OTHERS}"),
            format!("{names}/{OTHERS}"),
            ended_after.as_secs_f64(),
            format!("{}/{OTHERS}", good_calls.served),
            good_after.as_secs_f64(),
            format!("{}/{OTHERS}", after.served),
        );
        let holds = names == OTHERS
            && good_calls.served == OTHERS
            && good_calls.same
            && good_after < AT_ONCE
            && calls == 0
            && after.holds();
        Ok((cells, holds, format!("{good:?} {ended:?} {after:?}")))
    }

    #[derive(Debug)]
    struct Asked {
        holder: u32,
        answers: Vec<Answer>,
    }

    /// What others get while the holder is stopped, and after how long.
    fn with_a_stopped_holder(scene: &Scene) -> Done<(Asked, Duration)> {
        let mut holder: Member = Herd::start("hold", scene, 1)?.0.remove(0);
        holder.go()?;
        holder.says("locked")?;
        holder.stop()?;
        let (answers, took) = Herd::start("ask", scene, OTHERS)?.ask()?;
        holder.resume()?;
        let holder = holder.id();
        Ok((Asked { holder, answers }, took))
    }
}

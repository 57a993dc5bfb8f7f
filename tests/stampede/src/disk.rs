//! A disk that is full, and one that is read-only: nothing is asked of the server that could not be stored (threats R04 and R06).

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use grantflow_core::Record;
use tempfile::TempDir;

use crate::Done;
use crate::herd::{Answer, Herd};
use crate::kind::Kind;
use crate::scene::{ENDED, Scene};
use crate::table::{Table, store};

const PROCESSES: usize = 8;

pub(crate) fn run(table: &mut Table, kinds: &[Kind]) {
    let kinds: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.is_on_disk()).collect();
    if let Err(reason) = Disk::mount() {
        return table.skip(
            "disk",
            2 * kinds.len(),
            &format!("no disk in memory can be mounted: {reason}"),
        );
    }
    table.head(
        "Processes with an ended token, on a disk that takes nothing:",
        "| store      | disk      | error    | calls | record    | reads  | goes on  | holds    |",
    );
    for kind in kinds {
        table.cell(&format!("{kind}, full"), |table| full(table, kind));
        table.cell(&format!("{kind}, read-only"), |table| read_only(table, kind));
    }
}

fn full(table: &mut Table, kind: Kind) -> Done<()> {
    let disk = Disk::mount()?;
    let mut scene = Scene::at(kind, disk.path())?;
    let filler = disk.path().join("filler");
    fill(&filler)?;
    let reads = ask(&scene)?;
    std::fs::remove_file(&filler)?;
    scene.age(ENDED)?;
    let before = scene.stored()?;
    scene.count_from_here();
    fill(&filler)?;
    let answers = ask(&scene)?;
    let outcome = Outcome::new(&scene, &reads, answers, "Full", &before)?;
    std::fs::remove_file(&filler)?;
    outcome.row(table, &scene, "full")
}

fn read_only(table: &mut Table, kind: Kind) -> Done<()> {
    let disk = Disk::mount()?;
    let mut scene = Scene::at(kind, disk.path())?;
    disk.remount("ro")?;
    let reads = ask(&scene)?;
    disk.remount("rw")?;
    scene.age(ENDED)?;
    let before = scene.stored()?;
    scene.count_from_here();
    disk.remount("ro")?;
    let answers = ask(&scene)?;
    let outcome = Outcome::new(&scene, &reads, answers, "ReadOnly", &before)?;
    disk.remount("rw")?;
    outcome.row(table, &scene, "read-only")
}

fn ask(scene: &Scene) -> Done<Vec<Answer>> {
    Ok(Herd::start("ask", scene, PROCESSES)?.ask()?.0)
}

/// What they got while the disk took nothing.
struct Outcome {
    answers: Vec<Answer>,
    refused: usize,
    read: usize,
    calls: u64,
    same_record: bool,
}

impl Outcome {
    fn new(
        scene: &Scene,
        reads: &[Answer],
        answers: Vec<Answer>,
        error: &str,
        before: &Record,
    ) -> Done<Self> {
        Ok(Self {
            refused: answers
                .iter()
                .filter(|answer| answer.error.as_deref() == Some(error))
                .count(),
            read: reads.iter().filter(|answer| answer.token.is_some()).count(),
            calls: scene.verdict(&answers)?.calls,
            same_record: scene.still_has(before)?,
            answers,
        })
    }

    /// Once the disk takes something again, they go on.
    fn row(self, table: &mut Table, scene: &Scene, disk: &str) -> Done<()> {
        let after = scene.verdict_and_after(&ask(scene)?)?;
        let cells = format!(
            "{} {disk:<9} | {:>8} | {:>5} | {:<9} | {:>6} | {:>8} |",
            store(scene.kind),
            format!("{}/{PROCESSES}", self.refused),
            self.calls,
            if self.same_record { "unchanged" } else { "CHANGED" },
            format!("{}/{PROCESSES}", self.read),
            format!("{}/{PROCESSES}", after.served),
        );
        let refused = self.refused == PROCESSES && self.calls == 0 && self.same_record;
        let holds = refused && self.read == PROCESSES && after.holds();
        table.row(&cells, holds, &format!("{:?} {after:?}", self.answers));
        Ok(())
    }
}

/// Writes until there is no room at all.
fn fill(path: &Path) -> Done<()> {
    let mut file = File::create(path)?;
    let mut block: &[u8] = &[0; 4096];
    loop {
        match file.write(block) {
            Ok(0) => return Err("the disk takes no end".into()),
            Ok(_) => {}
            // A last byte may fit where a block does not.
            Err(_) if block.len() > 1 => block = &block[..1],
            Err(_) => return Ok(()),
        }
    }
}

/// A small file system in memory, which only root can mount; it ends with this.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Done<Self> {
        let disk = Self(tempfile::tempdir()?);
        let options = ["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"];
        command(Command::new("mount").args(options).arg(disk.path()))?;
        Ok(disk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) -> Done<()> {
        let options = format!("remount,{how}");
        command(Command::new("mount").args(["-o", &options]).arg(self.path()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is not mounted, or in use still, stays as it is; there is nobody to tell.
        _ = command(Command::new("umount").arg(self.path()));
    }
}

fn command(command: &mut Command) -> Done<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
}

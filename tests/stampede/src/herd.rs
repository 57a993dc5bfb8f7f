//! Many processes at once: started, told to go, and listened to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Done;
use crate::scene::Scene;

/// Long enough for a hundred processes on a busy machine, and longer than anybody waits for a lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// One process; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Member {
    /// Starts this program again, with a task in a scene.
    pub(crate) fn start(task: &str, scene: &Scene) -> Done<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["member", task, scene.kind.name()])
            .arg(scene.place())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().ok_or("no pipe")?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens once the cell has ended.
                _ = send.send(line);
            }
        });
        Ok(Self { child, stdin, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives it a line.
    pub(crate) fn go(&mut self) -> Done<()> {
        Ok(writeln!(self.stdin)?)
    }

    /// The rest of the next line that begins with this word.
    pub(crate) fn says(&self, word: &str) -> Done<String> {
        loop {
            let line = self
                .line()
                .map_err(|why| format!("a process did not say `{word}`: {why}"))?;
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim_start().to_owned());
            }
        }
    }

    fn line(&self) -> Done<String> {
        Ok(self.lines.recv_timeout(PATIENCE)?)
    }

    /// What it says in the end.
    pub(crate) fn answer(&self) -> Done<Answer> {
        let mut answer = Answer::default();
        loop {
            let line = self
                .line()
                .map_err(|why| format!("a process did not answer: {why}"))?;
            match line.split_once(' ') {
                Some(("locked", time)) => answer.locked = Some(time.parse()?),
                Some(("token", token)) => answer.token = Some(token.to_owned()),
                Some(("error", error)) => answer.error = Some(error.to_owned()),
                _ => continue,
            }
            if answer.token.is_some() || answer.error.is_some() {
                return Ok(answer);
            }
        }
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Done<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it, and waits until it does not run.
    #[cfg(unix)]
    pub(crate) fn stop(&self) -> Done<()> {
        use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP)?;
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED)?.ok_or("it does not stop")?;
        if status.stopped() {
            Ok(())
        } else {
            Err("it ended instead of stopping".into())
        }
    }

    /// Lets it go on.
    #[cfg(unix)]
    pub(crate) fn resume(&self) -> Done<()> {
        use rustix::process::{Pid, Signal, kill_process};
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What a process said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) token: Option<String>,
    pub(crate) error: Option<String>,
    /// When it had the lock, by the clock of all processes.
    pub(crate) locked: Option<u64>,
}

/// Many of them.
#[derive(Debug)]
pub(crate) struct Herd(pub(crate) Vec<Member>);

impl Herd {
    /// Starts so many, and waits until all are ready.
    pub(crate) fn start(task: &str, scene: &Scene, processes: usize) -> Done<Self> {
        let members: Done<Vec<Member>> = (0..processes).map(|_| Member::start(task, scene)).collect();
        let herd = Self(members?);
        for member in &herd.0 {
            member.says("ready")?;
        }
        Ok(herd)
    }

    /// Lets all of them ask at once; what they say in the end, and after how long the last one did.
    pub(crate) fn ask(mut self) -> Done<(Vec<Answer>, Duration)> {
        let began = Instant::now();
        self.go()?;
        let answers: Done<Vec<Answer>> = self.0.iter().map(Member::answer).collect();
        Ok((answers?, began.elapsed()))
    }

    pub(crate) fn go(&mut self) -> Done<()> {
        self.0.iter_mut().try_for_each(Member::go)
    }
}

//! One process that takes the lock of Python's fasteners, to be killed while it holds it.
//!
//! ```text
//! fasteners-lock hold FILE           says `held`, and holds it until a line comes
//! fasteners-lock count FILE TIMES    adds one to the number in the file, so many times, on two threads
//! ```

#![expect(clippy::print_stdout, reason = "that is how it answers")]

use std::time::Duration;

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    use grantflow_store::import::FastenersLock;
    const PATIENCE: Duration = Duration::from_secs(60);

    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hold", file] => {
            let lock = FastenersLock::beside(file, PATIENCE)?;
            println!("held");
            std::io::stdin().read_line(&mut String::new())?;
            drop(lock);
        }
        ["count", file, times] => {
            let times: usize = times.parse()?;
            let count = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                for _ in 0..times / 2 {
                    let lock = FastenersLock::beside(file, PATIENCE)?;
                    let number: u64 = std::fs::read_to_string(file)?.parse()?;
                    std::fs::write(file, (number + 1).to_string())?;
                    drop(lock);
                }
                Ok(())
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(count);
                count()?;
                other.join().expect("it does not panic")
            })?;
        }
        _ => panic!("fasteners-lock hold FILE | count FILE TIMES"),
    }
    println!("done");
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    let _ = Duration::ZERO;
    println!("there is no such lock here");
}

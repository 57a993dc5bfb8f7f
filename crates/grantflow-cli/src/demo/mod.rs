//! `grantflow demo`: the whole story on an embedded server, each step with what it proves.

mod story;

use std::time::Instant;

use serde_json::{Value, json};

use crate::args::{Args, Demo, Format};
use crate::exit::{FAILED, Failure};

/// Tells the story.
pub(crate) fn demo(args: &Args, demo: &Demo) -> Result<(), Failure> {
    let mut teller = Teller {
        format: args.format,
        told: Vec::new(),
        began: Instant::now(),
    };
    story::tell(&mut teller, demo.yes)?;
    teller.end();
    Ok(())
}

/// Prints the steps as they are done.
struct Teller {
    format: Format,
    told: Vec<Value>,
    began: Instant,
}

impl Teller {
    /// Says what is about to happen, where a person has to act.
    fn ask(&self, what: &str) {
        if self.format == Format::Text {
            println!("   {what}");
        }
    }

    /// Says what was done and what it proves.
    fn did(&mut self, step: &str, did: impl Into<String>, proves: impl Into<String>) {
        let (did, proves) = (did.into(), proves.into());
        self.told
            .push(json!({"step": step, "did": did, "proves": proves}));
        if self.format == Format::Text {
            println!("{:>2}. {step:<9} {did}\n               {proves}", self.told.len());
        }
    }

    fn end(self) {
        match self.format {
            Format::Json => println!("{}", Value::Array(self.told)),
            Format::Text => println!(
                "\nThat was all of it, in {:.1} s. Next: grantflow login --help",
                self.began.elapsed().as_secs_f64()
            ),
        }
    }
}

/// Stops the story where something is not as it was told.
fn ensure(holds: bool, what: &str) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    Err(Failure::new(
        FAILED,
        format!("the demo found what should not be: {what}"),
    ))
}

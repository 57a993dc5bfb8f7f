//! `grantflow demo`: the whole story on an embedded server, each step with what it proves; or one scene of it.

mod consent;
mod home;
mod member;
mod stampede;
mod story;

use std::time::Instant;

use grantflow::loopback::Visible;
use serde_json::{Value, json};

use crate::args::{Args, Demo, Format, Scene};
use crate::exit::{FAILED, Failure};
use crate::output::{one_line, write};

/// Tells the story, or plays the scene.
pub(crate) fn demo(args: &Args, demo: &Demo) -> Result<(), Failure> {
    match &demo.scene {
        None => story(args, demo),
        Some(Scene::Stampede) => stampede::play(args.format),
        Some(Scene::Member(member)) => member::play(member),
    }
}

fn story(args: &Args, demo: &Demo) -> Result<(), Failure> {
    let mut teller = Teller {
        format: args.format,
        told: Vec::new(),
        began: Instant::now(),
    };
    story::tell(&mut teller, demo.yes)?;
    teller.end()
}

/// Prints the steps as they are done.
struct Teller {
    format: Format,
    told: Vec<Value>,
    began: Instant,
}

impl Teller {
    /// Says what is about to happen, where a person has to act.
    fn ask(&self, what: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => write(&format!("   {what}")),
            Format::Json => Ok(()),
        }
    }

    /// Says what was done and what it proves.
    fn did(&mut self, step: &str, did: impl Into<String>, proves: impl Into<String>) -> Result<(), Failure> {
        let (did, proves) = (did.into(), proves.into());
        self.told
            .push(json!({"step": step, "did": &did, "proves": &proves}));
        match self.format {
            Format::Text => write(&format!(
                "{:>2}. {step:<9} {}\n               {}",
                self.told.len(),
                Visible(&did),
                Visible(&proves)
            )),
            Format::Json => Ok(()),
        }
    }

    fn end(self) -> Result<(), Failure> {
        match self.format {
            Format::Json => write(&one_line(&Value::Array(self.told))),
            Format::Text => write(&format!(
                "\nThat was all of it, in {:.1} s. Next: grantflow login --help",
                self.began.elapsed().as_secs_f64()
            )),
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

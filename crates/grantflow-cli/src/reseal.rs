//! `grantflow reseal`: a new data key for a sealed store, with which each record is sealed anew.
//!
//! ```text
//! new key, durable ─▶ record ─▶ record ─▶ … ─▶ done
//!                        └─ ended here: what is sealed with the old key is opened with it as ever
//! ```

use grantflow::flow::LOCK_PATIENCE;
use grantflow::loopback::Visible;
use serde_json::json;

use crate::args::Args;
use crate::exit::{Failure, STORE, USAGE};
use crate::output::{result, while_waiting};
use crate::place::SealingKey;
use crate::session::Session;
use crate::stores;

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow reseal --store multistore+sealed:credentials --sealing-key keyring:my-tool/key";

/// Makes a new key, and seals what is stored with it.
pub(crate) fn reseal(args: &Args) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let (store, key) = session.sealed(args.secret.as_ref())?;
    if let SealingKey::Variable(name) = key {
        return Err(Failure::new(
            USAGE,
            format!("the sealing key is in the variable {name}, where no other can be put"),
        )
        .hint("a key in a file or in the password manager can be changed: --sealing-key file:PATH or keyring:APPLICATION/USER"));
    }
    session.make_directory()?;
    // Of a key that is not where it should be, nothing is known; a new one would open nothing.
    if while_waiting("looking for the key", || {
        stores::keys(key, None)?.keys().map_err(Failure::from)
    })?
    .is_empty()
    {
        return Err(Failure::new(STORE, format!("there is no key in {key} yet"))
            .hint("the first login makes one; if there was one, put it back"));
    }
    // Where nothing can be read, no key is made for nothing.
    session.records()?;
    let newest = while_waiting("making a new key", || store.rotate())?;
    let done = while_waiting("sealing", || store.reseal(LOCK_PATIENCE))?;
    let failures: Vec<Failure> = done.failed.into_iter().map(Failure::from).collect();
    let mut text = format!(
        "{} of {} sealed with the new key {newest}; the older ones stay in {key}, and open what they have sealed\n",
        match done.sealed {
            1 => "1 record".to_owned(),
            sealed => format!("{sealed} records"),
        },
        Visible(&session.location),
    );
    for failure in &failures {
        text.push_str(&format!("not sealed anew: {}\n", Visible(failure.message())));
    }
    let messages = failures.iter().map(|failure| failure.message().into());
    let value = json!({
        "key": newest.to_string(),
        "sealed": done.sealed,
        "not_sealed": messages.collect::<Vec<serde_json::Value>>(),
        "store": session.location,
    });
    result(args.format, &text, &value)?;
    let what = format!(
        "{} could not be sealed anew, and stay as they were",
        failures.len()
    );
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(first.instead(STORE, what)),
    }
}

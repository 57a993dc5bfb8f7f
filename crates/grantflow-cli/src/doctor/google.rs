//! Which default credentials `--adc` would use, and why those.

use grantflow::google::{DefaultCredentials, Found, FoundSource, environment};

use super::{About, Report};
use crate::args::Args;
use crate::exit::{Failure, LOGIN_NEEDED};
use crate::service_account::find;

impl Report {
    /// Looks for them as `--adc` does. Nobody is asked for a token.
    pub(super) fn google(&mut self, args: &Args) {
        let none: [&str; 0] = [];
        let found = DefaultCredentials::new(environment(), none)
            .map_err(Failure::from)
            .and_then(|search| find(search, args));
        match found {
            Ok(found) => self.ok(About::Google, format!("--adc uses {}", described(&found))),
            // Most machines have none, and need none.
            Err(failure) if failure.code() == LOGIN_NEEDED => self.ok(About::Google, failure.message()),
            Err(failure) => {
                let advice = failure
                    .advice()
                    .unwrap_or("--adc cannot be used until this is mended");
                self.note(About::Google, failure.message(), advice);
            }
        }
    }
}

fn described(found: &Found) -> String {
    let whose = match found.source() {
        FoundSource::ServiceAccount(key, _) => format!("the service account {}", key.service_account_email()),
        FoundSource::AuthorizedUser(user) => match user.account() {
            Some(account) => format!("the user {account}"),
            None => "a user".to_owned(),
        },
        _ => "the account that this machine runs as".to_owned(),
    };
    let counted = match found.quota_project() {
        Some(project) => format!("; calls are counted to {project}"),
        None => String::new(),
    };
    format!("{whose}, by {}{counted}", found.place())
}

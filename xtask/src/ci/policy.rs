//! The policy in deny.toml, so that it stands once for `cargo deny` and for the gate.

/// What dependencies may be.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Policy {
    pub(super) licences: Vec<String>,
    pub(super) banned: Vec<String>,
}

impl Policy {
    /// Reads the two lists; not all of TOML, but deny.toml as it is written.
    pub(super) fn parse(toml: &str) -> Result<Self, String> {
        let licences = list(toml, "licenses", "allow", |line| line.split('"').nth(1));
        let banned = list(toml, "bans", "deny", |line| {
            line.split_once("crate = \"")?.1.split('"').next()
        });
        if licences.is_empty() || banned.is_empty() {
            return Err(
                "deny.toml has no `allow` under [licenses] or no `deny` under [bans], one item a line".into(),
            );
        }
        Ok(Self { licences, banned })
    }
}

/// The items of `key = [` in a section, one a line.
fn list(toml: &str, section: &str, key: &str, item: impl Fn(&str) -> Option<&str>) -> Vec<String> {
    let header = format!("[{section}]");
    let open = format!("{key} = [");
    toml.lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .skip_while(|line| !line.starts_with(&open))
        .skip(1)
        .take_while(|line| !line.starts_with(']'))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| item(line).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read() {
        let toml = "[licenses]\nallow = [\n    \"MIT\", # x\n    # \"GPL\",\n    \"ISC\",\n]\n\n[bans]\nwildcards = \"deny\"\ndeny = [\n    { crate = \"paste\", reason = \"gone\" },\n]\n";
        let policy = Policy::parse(toml).expect("both lists are there");
        assert_eq!(policy.licences, ["MIT", "ISC"]);
        assert_eq!(policy.banned, ["paste"]);
    }

    #[test]
    fn an_empty_policy_is_an_error() {
        assert!(Policy::parse("[licenses]\nallow = []\n").is_err());
    }
}

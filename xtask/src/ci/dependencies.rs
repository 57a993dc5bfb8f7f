//! Licences, sources and bans of what we depend on, over `cargo metadata`.
//!
//! `cargo deny` knows more (advisories), but takes minutes to build; it runs in `--full` by the same deny.toml.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::policy::Policy;
use super::spdx;
use crate::cmd::Cmd;
use crate::tree::Tree;
use crate::workspace::{Package, Workspace, items, text};

/// Banned only where users get them; test peers may need them.
const FREE_IN_TESTS: [&str; 3] = ["rsa", "aws-lc-rs", "aws-lc-sys"];

pub(super) fn dependencies(workspace: &Workspace, tree: &Tree) -> Result<bool, String> {
    let policy = tree
        .get("deny.toml")
        .ok_or("deny.toml, which has the policy, is missing")?;
    let policy = Policy::parse(policy)?;
    let json = Cmd::cargo(&workspace.root, "metadata --all-features --format-version 1").read()?;
    let json: Value =
        serde_json::from_str(&json).map_err(|e| format!("`cargo metadata` printed what is not JSON: {e}"))?;
    let crates = crates(&json, &workspace.packages);
    let mut problems: Vec<String> = crates.iter().flat_map(|krate| krate.judge(&policy)).collect();
    problems.extend(workspace.packages.iter().flat_map(requirements));
    for problem in &problems {
        println!("{problem}");
    }
    let shipped = crates.iter().filter(|krate| krate.shipped).count();
    println!(
        "{} crates of others, {shipped} of them shipped; {} problems",
        crates.len(),
        problems.len()
    );
    Ok(problems.is_empty())
}

/// A crate of others, as it was resolved.
#[derive(Debug)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    source: String,
    /// Reaches users: over normal and build edges from a crate in `crates/`.
    shipped: bool,
}

impl Crate {
    fn judge(&self, policy: &Policy) -> Vec<String> {
        let mut problems = Vec::new();
        let mut problem = |what: &str| {
            problems.push(format!(
                "{} {}: {what}; see `cargo tree -i {}@{}`",
                self.name, self.version, self.name, self.version
            ))
        };
        match spdx::is_allowed(&self.licence, &policy.licences) {
            _ if self.licence.is_empty() => problem("has no licence expression"),
            Ok(true) => {}
            Ok(false) => problem(&format!(
                "its licence {} is not in deny.toml; add it there if it may be used, with the reason",
                self.licence
            )),
            Err(what) => problem(&what),
        }
        if !(self.source.starts_with("registry+") && self.source.ends_with("/crates.io-index")) {
            problem(&format!(
                "comes from {}, not from the default registry",
                self.source
            ));
        }
        let free = !self.shipped && FREE_IN_TESTS.contains(&self.name.as_str());
        if policy.banned.contains(&self.name) && !free {
            problem("is banned; deny.toml says why");
        }
        problems
    }
}

/// Requirements of our own manifests that no release may have.
fn requirements(package: &Package) -> Vec<String> {
    let edges = package.dependencies.iter();
    edges
        .filter_map(|edge| {
            let what = if edge.is_git {
                "comes from git; take a release"
            } else if edge.requirement == "*" && (package.is_shipped() || !edge.is_path) {
                "has no version; require one"
            } else {
                return None;
            };
            Some(format!("{}: `{}` {what}", package.manifest, edge.name))
        })
        .collect()
}

fn crates(json: &Value, packages: &[Package]) -> Vec<Crate> {
    let shipped = shipped(json, packages);
    items(json, "packages")
        .filter(|package| package["source"].is_string())
        .map(|package| Crate {
            name: text(package, "name"),
            version: text(package, "version"),
            licence: text(package, "license"),
            source: text(package, "source"),
            shipped: shipped.contains(&text(package, "id")),
        })
        .collect()
}

/// Ids of all packages that a crate in `crates/` needs outside its tests.
fn shipped(json: &Value, packages: &[Package]) -> BTreeSet<String> {
    let edges: BTreeMap<String, Vec<String>> = items(&json["resolve"], "nodes")
        .map(|node| {
            let deps =
                items(node, "deps").filter(|dep| items(dep, "dep_kinds").any(|kind| kind["kind"] != "dev"));
            (text(node, "id"), deps.map(|dep| text(dep, "pkg")).collect())
        })
        .collect();
    let ours = |package: &&Value| {
        let name = text(package, "name");
        package["source"].is_null() && packages.iter().any(|own| own.name == name && own.is_shipped())
    };
    let mut todo: Vec<String> = items(json, "packages")
        .filter(ours)
        .map(|package| text(package, "id"))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if let Some(next) = edges.get(&id).filter(|_| !seen.contains(&id)) {
            todo.extend(next.iter().cloned());
        }
        seen.insert(id);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;
    use serde_json::json;

    fn policy() -> Policy {
        Policy {
            licences: vec!["MIT".into()],
            banned: vec!["rsa".into(), "paste".into()],
        }
    }

    fn krate(name: &str, licence: &str) -> Crate {
        Crate {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            source: "registry+https://example.com/crates.io-index".into(),
            shipped: true,
        }
    }

    #[test]
    fn licences_sources_and_bans_are_found() {
        assert_eq!(krate("a", "MIT OR GPL-3.0").judge(&policy()), [] as [String; 0]);
        let git = Crate {
            source: "git+https://example.com/a".into(),
            ..krate("a", "MIT")
        };
        for (bad, what) in [
            (krate("a", "GPL-3.0"), "GPL-3.0"),
            (krate("a", ""), "no licence"),
            (krate("paste", "MIT"), "banned"),
            (krate("rsa", "MIT"), "banned"),
            (git, "default registry"),
        ] {
            let found = bad.judge(&policy());
            assert!(found.len() == 1 && found[0].contains(what), "{what}: {found:?}");
        }
    }

    #[test]
    fn some_bans_end_where_tests_begin() {
        let in_tests = |name| Crate {
            shipped: false,
            ..krate(name, "MIT")
        };
        assert_eq!(in_tests("rsa").judge(&policy()).len(), 0);
        assert_eq!(in_tests("paste").judge(&policy()).len(), 1);
    }

    /// RUSTSEC-2023-0071: by each way in which `rsa` could come to users, judged by the policy as it stands.
    #[test]
    fn t49_the_rsa_crate_reaches_no_user_and_tests_may_have_it() {
        let policy = Policy::parse(include_str!("../../../deny.toml")).expect("deny.toml is one");
        let kind = |kind: Option<&str>| json!({ "dep_kinds": [{ "kind": kind }], "pkg": "rsa" });
        let through = |kind: Option<&str>| json!({ "dep_kinds": [{ "kind": kind }], "pkg": "keys" });
        let planted = |core: Vec<Value>, keys: Vec<Value>, suites: Vec<Value>| {
            let json = json!({
                "packages": [
                    {"id": "core", "name": "grantflow-core", "source": null},
                    {"id": "suites", "name": "grantflow-suites", "source": null},
                    {"id": "keys", "name": "keys", "version": "1.0.0", "license": "MIT", "source": "registry+x/crates.io-index"},
                    {"id": "rsa", "name": "rsa", "version": "0.9.8", "license": "MIT OR Apache-2.0", "source": "registry+x/crates.io-index"},
                ],
                "resolve": {"nodes": [
                    {"id": "core", "deps": core}, {"id": "suites", "deps": suites}, {"id": "keys", "deps": keys},
                    {"id": "rsa", "deps": []},
                ]},
            });
            let package = |name: &str, manifest: &str| Package {
                name: name.into(),
                manifest: manifest.into(),
                ..Package::default()
            };
            let packages = [
                package("grantflow-core", "crates/grantflow-core/Cargo.toml"),
                package("grantflow-suites", "tests/Cargo.toml"),
            ];
            let found = crates(&json, &packages);
            found
                .iter()
                .flat_map(|krate| krate.judge(&policy))
                .collect::<Vec<_>>()
        };
        for (way, problems) in [
            ("a dependency", planted(vec![kind(None)], vec![], vec![])),
            (
                "one of a build script",
                planted(vec![kind(Some("build"))], vec![], vec![]),
            ),
            (
                "both",
                planted(
                    vec![json!({ "dep_kinds": [{ "kind": "dev" }, { "kind": null }], "pkg": "rsa" })],
                    vec![],
                    vec![],
                ),
            ),
            (
                "through another crate",
                planted(vec![through(None)], vec![kind(None)], vec![]),
            ),
        ] {
            assert!(
                problems.len() == 1 && problems[0].starts_with("rsa 0.9.8: is banned"),
                "{way}: {problems:?}"
            );
        }
        for (way, problems) in [
            (
                "tests of a crate",
                planted(vec![kind(Some("dev"))], vec![], vec![]),
            ),
            (
                "what tests of a crate need",
                planted(vec![through(Some("dev"))], vec![kind(None)], vec![]),
            ),
            (
                "what another tests with",
                planted(vec![through(None)], vec![kind(Some("dev"))], vec![]),
            ),
            ("the suites", planted(vec![], vec![], vec![kind(None)])),
        ] {
            assert_eq!(problems, [] as [String; 0], "{way}");
        }
    }

    #[test]
    fn what_users_get_is_told_from_what_tests_need() {
        let json = json!({
            "packages": [
                {"id": "core", "name": "grantflow-core", "source": null},
                {"id": "suites", "name": "grantflow-suites", "source": null},
                {"id": "http", "name": "http", "source": "registry+x"},
                {"id": "bytes", "name": "bytes", "source": "registry+x"},
                {"id": "rsa", "name": "rsa", "source": "registry+x"},
            ],
            "resolve": {"nodes": [
                {"id": "core", "deps": [
                    {"pkg": "http", "dep_kinds": [{"kind": null}]},
                    {"pkg": "rsa", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "http", "deps": [{"pkg": "bytes", "dep_kinds": [{"kind": "dev"}, {"kind": null}]}]},
                {"id": "suites", "deps": [{"pkg": "rsa", "dep_kinds": [{"kind": null}]}]},
                {"id": "bytes", "deps": []},
                {"id": "rsa", "deps": []},
            ]},
        });
        let package = |name: &str, manifest: &str| Package {
            name: name.into(),
            manifest: manifest.into(),
            ..Package::default()
        };
        let packages = [
            package("grantflow-core", "crates/grantflow-core/Cargo.toml"),
            package("grantflow-suites", "tests/Cargo.toml"),
        ];
        let shipped: Vec<String> = crates(&json, &packages)
            .into_iter()
            .filter(|c| c.shipped)
            .map(|c| c.name)
            .collect();
        assert_eq!(shipped, ["http", "bytes"]);
    }

    #[test]
    fn wildcards_and_git_dependencies_are_found() {
        let edge = |name: &str, requirement: &str| Dependency {
            name: name.into(),
            requirement: requirement.into(),
            ..Dependency::default()
        };
        let package = Package {
            manifest: "crates/a/Cargo.toml".into(),
            dependencies: vec![
                edge("fine", "^1"),
                edge("wild", "*"),
                Dependency {
                    is_git: true,
                    ..edge("git", "^1")
                },
            ],
            ..Package::default()
        };
        let found = requirements(&package);
        assert!(
            found.len() == 2 && found[0].contains("`wild`") && found[1].contains("`git`"),
            "{found:?}"
        );
    }
}

//! Which of our crates may know which (DESIGN section 2): arrows point down only.
//!
//! ```text
//! cli ─▶ facade ─┬─▶ ureq │ reqwest │ tower │ loopback │ web ─▶ core
//!                ├─▶ store │ redis │ postgres ────────────────▶ core
//!                └─▶ google ──▶ oidc ─────────────────────────▶ core     (google, oidc ▶ jwt)
//! ```

use super::Problem;
use crate::workspace::{Kind, Package};

const NONE: &[&str] = &[];
const CORE: &[&str] = &["grantflow-core"];

/// Each crate, and what it may depend on outside its tests.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("grantflow-core", NONE),
    ("grantflow-jwt", NONE),
    ("grantflow-testserver", NONE),
    ("grantflow-oidc", &["grantflow-core", "grantflow-jwt"]),
    (
        "grantflow-google",
        &["grantflow-core", "grantflow-oidc", "grantflow-jwt"],
    ),
    ("grantflow-store", CORE),
    ("grantflow-redis", CORE),
    ("grantflow-postgres", CORE),
    ("grantflow-ureq", CORE),
    ("grantflow-reqwest", CORE),
    ("grantflow-tower", CORE),
    ("grantflow-loopback", CORE),
    ("grantflow-web", CORE),
    (
        "grantflow",
        &[
            "grantflow-core",
            "grantflow-jwt",
            "grantflow-oidc",
            "grantflow-google",
            "grantflow-store",
            "grantflow-redis",
            "grantflow-postgres",
            "grantflow-ureq",
            "grantflow-reqwest",
            "grantflow-tower",
            "grantflow-loopback",
            "grantflow-web",
        ],
    ),
    // The receiver is named for its feature `clap` alone; the code goes through the facade. The server is for `grantflow demo`.
    (
        "grantflow-cli",
        &["grantflow", "grantflow-loopback", "grantflow-testserver"],
    ),
    ("xtask", NONE),
];

/// Every edge between our crates is in the table. The suites in `tests/` may know all.
pub(super) fn layers(packages: &[Package]) -> Vec<Problem> {
    let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut problems = Vec::new();
    for package in packages.iter().filter(|p| !p.manifest.starts_with("tests/")) {
        let row = ALLOWED.iter().find(|(name, _)| *name == package.name);
        let Some((_, allowed)) = row else {
            problems.push(Problem::new(
                &package.manifest,
                0,
                format!(
                    "`{}` has no place among the layers; give it a row in xtask/src/tidy/layers.rs, and one in DESIGN section 2",
                    package.name
                ),
            ));
            continue;
        };
        for edge in &package.dependencies {
            if edge.kind != Kind::Dev && is_ours(&edge.name) && !allowed.contains(&edge.name.as_str()) {
                problems.push(Problem::new(
                    &package.manifest,
                    0,
                    format!(
                        "`{}` may not depend on `{}` (allowed: {}); arrows between our crates point down only",
                        package.name,
                        edge.name,
                        if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") },
                    ),
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, edges: &[(&str, Kind)]) -> Package {
        Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: edges
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: *kind,
                    ..Dependency::default()
                })
                .collect(),
            ..Package::default()
        }
    }

    #[test]
    fn arrows_down_and_edges_of_tests_are_allowed() {
        let packages = [
            package("grantflow-core", &[("serde", Kind::Normal)]),
            package("grantflow-store", &[("grantflow-core", Kind::Normal)]),
            package(
                "grantflow-ureq",
                &[("grantflow-core", Kind::Normal), ("grantflow-store", Kind::Dev)],
            ),
        ];
        assert_eq!(layers(&packages), []);
    }

    #[test]
    fn a_transport_that_knows_a_store_is_found() {
        let packages = [
            package("grantflow-store", &[]),
            package("grantflow-ureq", &[("grantflow-store", Kind::Normal)]),
            package("grantflow-core", &[("grantflow-store", Kind::Build)]),
        ];
        let found = layers(&packages);
        assert_eq!(found.len(), 2);
        assert!(
            found[0]
                .what
                .contains("`grantflow-ureq` may not depend on `grantflow-store`")
        );
        assert!(found[1].what.contains("none of ours"));
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let found = layers(&[package("grantflow-new", &[])]);
        assert!(
            found.len() == 1 && found[0].what.contains("no place"),
            "{found:?}"
        );
    }
}

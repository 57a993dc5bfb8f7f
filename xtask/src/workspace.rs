//! The workspace as cargo sees it: packages, their dependencies, features and targets.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cmd::Cmd;

/// `cargo metadata --no-deps`.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: Vec<String>,
    pub(crate) has_lib: bool,
}

/// An edge to another package, as the manifest has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) requirement: String,
    pub(crate) kind: Kind,
    pub(crate) is_path: bool,
    pub(crate) is_git: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Kind {
    #[default]
    Normal,
    Dev,
    Build,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, String> {
        let root = root();
        let json = Cmd::cargo(&root, "metadata --no-deps --format-version 1").read()?;
        let json: Value = serde_json::from_str(&json)
            .map_err(|e| format!("`cargo metadata` printed what is not JSON: {e}"))?;
        Self::parse(&root, &json)
    }

    fn parse(root: &Path, json: &Value) -> Result<Self, String> {
        let root_of_metadata = text(json, "workspace_root");
        let packages = items(json, "packages")
            .map(|package| Package::parse(&root_of_metadata, package))
            .collect::<Vec<_>>();
        let target = text(json, "target_directory");
        if packages.is_empty() || target.is_empty() {
            return Err("`cargo metadata` names no packages; is this the workspace?".into());
        }
        Ok(Self {
            root: root.to_owned(),
            target: target.into(),
            packages,
        })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn parse(root: &str, json: &Value) -> Self {
        let features = json["features"].as_object();
        let manifest = text(json, "manifest_path");
        let is_lib =
            |target: &Value| items(target, "kind").any(|kind| matches!(kind.as_str(), Some("lib" | "rlib")));
        Self {
            name: text(json, "name"),
            manifest: manifest
                .strip_prefix(root)
                .unwrap_or(&manifest)
                .replace('\\', "/")
                .trim_start_matches('/')
                .to_owned(),
            dependencies: items(json, "dependencies").map(Dependency::parse).collect(),
            features: features.into_iter().flat_map(|map| map.keys().cloned()).collect(),
            has_lib: items(json, "targets").any(is_lib),
        }
    }

    /// Lives in `crates/`, so its users are not only us.
    pub(crate) fn is_shipped(&self) -> bool {
        self.manifest.starts_with("crates/")
    }
}

impl Dependency {
    fn parse(json: &Value) -> Self {
        let source = text(json, "source");
        Self {
            name: text(json, "name"),
            requirement: text(json, "req"),
            kind: match json["kind"].as_str() {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            },
            is_path: json["path"].is_string(),
            is_git: source.starts_with("git+"),
        }
    }
}

/// The workspace's root: xtask lives right below it.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map(Path::to_owned).unwrap_or(own)
}

/// A string member, or the empty one.
pub(crate) fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}

/// The items of an array member, or none.
pub(crate) fn items<'a>(json: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    json[name].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_is_read_from_metadata() {
        let package = Package::parse(
            "/r",
            &json!({
                "name": "grantflow-core",
                "manifest_path": "/r/crates/grantflow-core/Cargo.toml",
                "features": {"default": [], "native": ["getrandom"]},
                "targets": [{"kind": ["lib"]}],
                "dependencies": [
                    {"name": "http", "req": "^1", "kind": null, "source": "registry+x"},
                    {"name": "own", "req": "*", "kind": "dev", "path": "/r/x"},
                ],
            }),
        );
        assert_eq!(package.manifest, "crates/grantflow-core/Cargo.toml");
        assert!(package.has_lib && package.is_shipped());
        assert_eq!(package.features, ["default", "native"]);
        assert_eq!(package.dependencies[1].kind, Kind::Dev);
        assert!(package.dependencies[1].is_path && !package.dependencies[0].is_path);
    }

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml"));
        assert!(manifest.is_ok_and(|text| text.contains("[workspace]")));
    }
}

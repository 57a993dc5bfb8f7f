//! What the environment says of default credentials, as a value: this crate reads no variable itself
//! ([the variables](https://cloud.google.com/docs/authentication/application-default-credentials)).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::error::InvalidInput;

use crate::metadata::MetadataAddress;

/// What the variables said that [`DefaultCredentials`](crate::DefaultCredentials) looks at. One that is empty counts as not set.
///
/// # Example
///
/// ```
/// use grantflow_google::Environment;
///
/// let environment = Environment::read(|name| match name {
///     "GOOGLE_APPLICATION_CREDENTIALS" => Some("/etc/key.json".into()),
///     "HOME" => Some("/users/ann".into()),
///     _ => None,
/// });
/// assert_eq!(environment.credentials_file.as_deref(), Some("/etc/key.json".as_ref()));
/// # #[cfg(not(windows))]
/// assert!(environment.gcloud_file.is_some_and(|file| file.starts_with("/users/ann/.config/gcloud")));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Environment {
    /// The file of `GOOGLE_APPLICATION_CREDENTIALS`.
    pub credentials_file: Option<PathBuf>,
    /// gcloud's file: in `CLOUDSDK_CONFIG`, else in `~/.config/gcloud`, on Windows in `%APPDATA%\\gcloud`.
    pub gcloud_file: Option<PathBuf>,
    /// The project of `GOOGLE_CLOUD_QUOTA_PROJECT`.
    pub quota_project: Option<String>,
    /// Where the metadata server is, and how long it may take to answer.
    pub metadata: MetadataSettings,
}

/// What the variables said of the metadata server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetadataSettings {
    /// Whether `NO_GCE_CHECK` says that there is none (`true` in any case, or `1`).
    pub switched_off: bool,
    /// Where it is: `GCE_METADATA_HOST`, else `GCE_METADATA_ROOT`, else where it is probed, else Google's address; why not, if no
    /// metadata server can be there.
    pub address: Result<MetadataAddress, InvalidInput>,
    /// Where it is probed: `GCE_METADATA_IP`, else where it is.
    pub probe: Result<MetadataAddress, InvalidInput>,
    /// How long it has to answer the probe: `GCE_METADATA_TIMEOUT` in whole seconds, at most 30, else 3 s.
    pub timeout: Duration,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            switched_off: false,
            address: Ok(MetadataAddress::default()),
            probe: Ok(MetadataAddress::default()),
            timeout: TIMEOUT,
        }
    }
}

impl Environment {
    /// Asks for the variables by their names, such as `std::env::var_os` answers.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::read_on(cfg!(windows), variable)
    }

    fn read_on(windows: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // What is not Unicode is no name of a host or a project: taken as it nearly is, it is refused where it is used.
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let directory = match set("CLOUDSDK_CONFIG") {
            Some(directory) => Some(PathBuf::from(directory)),
            None if windows => set("APPDATA").map(|data| PathBuf::from(data).join("gcloud")),
            None => set("HOME").map(|home| PathBuf::from(home).join(".config").join("gcloud")),
        };
        let address = |names: &[&'static str]| {
            let found = names.iter().find_map(|name| Some((*name, text(name)?)));
            found.map_or_else(
                || Ok(MetadataAddress::default()),
                |(name, host)| MetadataAddress::read(&host, name),
            )
        };
        let switched_off =
            text("NO_GCE_CHECK").is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
        let seconds = text("GCE_METADATA_TIMEOUT").and_then(|value| value.trim().parse().ok());
        let timeout = seconds
            .filter(|seconds| *seconds > 0)
            .map_or(TIMEOUT, Duration::from_secs);
        Self {
            credentials_file: set("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from),
            gcloud_file: directory.map(|directory| directory.join("application_default_credentials.json")),
            quota_project: text("GOOGLE_CLOUD_QUOTA_PROJECT"),
            metadata: MetadataSettings {
                switched_off,
                address: address(&["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"]),
                probe: address(&["GCE_METADATA_IP", "GCE_METADATA_HOST", "GCE_METADATA_ROOT"]),
                timeout: timeout.min(LONGEST),
            },
        }
    }
}

/// As long as oauth2client and google-auth wait.
const TIMEOUT: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn on(windows: bool, set: &[(&str, &str)]) -> Environment {
        Environment::read_on(windows, |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn gclouds_file_is_where_gcloud_puts_it() {
        let file = |windows, set: &[(&str, &str)]| on(windows, set).gcloud_file;
        let name = "application_default_credentials.json";
        let home = ("HOME", "/users/ann");
        let data = ("APPDATA", "C:/Users/ann/AppData/Roaming");
        assert_eq!(
            file(false, &[home, data]).unwrap(),
            PathBuf::from("/users/ann/.config/gcloud").join(name)
        );
        assert_eq!(
            file(true, &[home, data]).unwrap(),
            PathBuf::from("C:/Users/ann/AppData/Roaming/gcloud").join(name)
        );
        for windows in [false, true] {
            let moved = file(windows, &[home, data, ("CLOUDSDK_CONFIG", "/etc/gcloud")]);
            assert_eq!(moved.unwrap(), PathBuf::from("/etc/gcloud").join(name));
            assert_eq!(file(windows, &[]), None);
        }
        // Set to nothing, a variable says nothing: oauth2client looked in the current directory then.
        let empty = on(
            false,
            &[
                home,
                ("CLOUDSDK_CONFIG", ""),
                ("GOOGLE_APPLICATION_CREDENTIALS", ""),
            ],
        );
        assert!(empty.gcloud_file.unwrap().starts_with("/users/ann"));
        assert_eq!(empty.credentials_file, None);
    }

    #[test]
    fn the_metadata_server_is_where_the_variables_say() {
        let places = |set: &[(&str, &str)]| {
            let metadata = on(false, set).metadata;
            [metadata.address, metadata.probe].map(|place| place.unwrap().to_string())
        };
        let (host, root, ip) = (
            ("GCE_METADATA_HOST", "metadata.google.internal"),
            ("GCE_METADATA_ROOT", "127.0.0.1:1"),
            ("GCE_METADATA_IP", "127.0.0.1:2"),
        );
        assert_eq!(places(&[]), ["169.254.169.254", "169.254.169.254"]);
        assert_eq!(places(&[host]), [host.1, host.1]);
        assert_eq!(places(&[root]), [root.1, root.1]);
        assert_eq!(places(&[ip]), [ip.1, ip.1]);
        assert_eq!(places(&[host, root, ip]), [host.1, ip.1]);
        let refused = on(false, &[("GCE_METADATA_ROOT", "evil.example")])
            .metadata
            .address;
        assert_eq!(refused.unwrap_err().what(), "GCE_METADATA_ROOT");
    }

    #[test]
    fn what_cannot_be_read_of_the_probe_is_as_if_it_were_not_set() {
        let timeout = |value: &str| {
            on(false, &[("GCE_METADATA_TIMEOUT", value)])
                .metadata
                .timeout
                .as_secs()
        };
        for (value, seconds) in [
            ("7", 7),
            (" 7 ", 7),
            ("0", 3),
            ("-1", 3),
            ("1.5", 3),
            ("soon", 3),
            ("3600", 30),
        ] {
            assert_eq!(timeout(value), seconds, "{value}");
        }
        let off = |value: &str| on(false, &[("NO_GCE_CHECK", value)]).metadata.switched_off;
        assert!(off("true") && off("True") && off("1"));
        assert!(!off("false") && !off("") && !off("0"));
    }
}

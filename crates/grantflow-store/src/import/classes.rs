//! The closed table of classes: a name in a file is looked up here and nowhere else. Python imports what the file names.

use super::NotTaken;

/// What a class holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// A user's grant: `OAuth2Credentials` and what adds nothing to it.
    User,
    /// An access token and nothing to renew it.
    AccessToken,
    Not(NotTaken),
}

/// Module without its oldest prefix, class, and what it is. Modules of before 2.0 lay one level higher.
const TABLE: [(&[&str], &str, Class); 11] = [
    (CLIENT, "OAuth2Credentials", Class::User),
    (CLIENT, "GoogleCredentials", Class::User),
    (CLIENT, "AccessTokenCredentials", Class::AccessToken),
    (CLIENT, "SignedJwtAssertionCredentials", SERVICE_ACCOUNT),
    (CLIENT, "AssertionCredentials", SERVICE_ACCOUNT),
    (
        &["oauth2client.service_account"],
        "ServiceAccountCredentials",
        SERVICE_ACCOUNT,
    ),
    (
        &["oauth2client.service_account"],
        "_ServiceAccountCredentials",
        SERVICE_ACCOUNT,
    ),
    (
        &["oauth2client.service_account"],
        "_JWTAccessCredentials",
        SERVICE_ACCOUNT,
    ),
    (
        &["oauth2client.contrib.appengine", "oauth2client.appengine"],
        "AppAssertionCredentials",
        OF_THE_MACHINE,
    ),
    (
        &["oauth2client.contrib.gce", "oauth2client.gce"],
        "AppAssertionCredentials",
        OF_THE_MACHINE,
    ),
    (
        &["oauth2client.contrib.devshell", "oauth2client.devshell"],
        "DevshellCredentials",
        OF_THE_MACHINE,
    ),
];

const CLIENT: &[&str] = &["oauth2client.client"];
const SERVICE_ACCOUNT: Class = Class::Not(NotTaken::ServiceAccount);
const OF_THE_MACHINE: Class = Class::Not(NotTaken::OfTheMachine);

/// The class of this name; `oauth2client.googleapiclient.client` is `oauth2client.client`, as Python has it.
pub(super) fn class(module: &str, name: &str) -> Option<Class> {
    let module = module.replace(".googleapiclient", "");
    let mut rows = TABLE.iter();
    let row = rows.find(|(modules, class, _)| *class == name && modules.contains(&module.as_str()))?;
    Some(row.2)
}

/// What a file of `google-auth` or `gcloud` names as its `type`.
pub(super) fn google_type(name: &str) -> Option<Class> {
    Some(match name {
        "authorized_user" => Class::User,
        "service_account" | "gdch_service_account" => SERVICE_ACCOUNT,
        "external_account" | "external_account_authorized_user" => Class::Not(NotTaken::ExternalAccount),
        "impersonated_service_account" => Class::Not(NotTaken::Impersonated),
        _ => return None,
    })
}

/// A class or a type as it may be shown: a name of Python, or nothing of what else is there.
pub(super) fn shown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if (1..=60).contains(&name.len()) && name.bytes().all(plain) {
        name.to_owned()
    } else {
        "?".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_the_table_is_a_class() {
        for known in [
            ("oauth2client.client", "OAuth2Credentials"),
            ("oauth2client.googleapiclient.client", "OAuth2Credentials"),
            ("oauth2client.appengine", "AppAssertionCredentials"),
            ("oauth2client.contrib.gce", "AppAssertionCredentials"),
        ] {
            assert!(class(known.0, known.1).is_some(), "{known:?}");
        }
        for unknown in [
            ("os", "system"),
            ("oauth2client.client", "Storage"),
            ("oauth2client.service_account", "OAuth2Credentials"),
            ("oauth2client", "client.OAuth2Credentials"),
            ("", ""),
        ] {
            assert_eq!(class(unknown.0, unknown.1), None, "{unknown:?}");
        }
        assert_eq!(google_type("authorized_user"), Some(Class::User));
        assert_eq!(google_type("serviceaccount"), None);
        assert_eq!(shown("a b"), "?");
    }
}

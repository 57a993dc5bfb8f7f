//! What the authorization URL carries if the program asks for nothing: `state` ([RFC 6749 section 10.12]) and PKCE ([RFC 7636]).
//!
//! tame-oauth and google-cloud-auth have no login: they begin with a refresh token that another program got.
//!
//! [RFC 6749 section 10.12]: https://www.rfc-editor.org/rfc/rfc6749#section-10.12
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636

use grantflow::{AuthorizationRequest, Cx, Host, TransportHost, ureq::UreqTransport};
use grantflow_comparison::grant::parameter;
use grantflow_comparison::yup::User;
use grantflow_comparison::{Grant, SCOPE, oauth2_rs, ours, runtime, yup};
use grantflow_testserver::Rotation;
use oauth2::{CsrfToken, PkceCodeChallenge, Scope};
use tame_oauth::gcp::end_user::EndUserCredentialsInfo;

const SERVER: &str = "http://127.0.0.1:1";

fn has(url: &str, name: &str) -> bool {
    parameter(url, name).is_some_and(|value| value.len() >= 22)
}

#[test]
fn grantflow_has_state_and_pkce() {
    let transport = UreqTransport::new().expect("a transport");
    let host = TransportHost::new(&transport);
    let mut fill = |bytes: &mut [u8]| host.fill(bytes);
    let mut cx = Cx::new(host.now(), &mut fill);
    let client = ours::client(SERVER);
    let request = AuthorizationRequest::new(&client, "http://127.0.0.1/callback");
    let (url, _) = request.start(&mut cx).expect("an address");
    assert!(has(url.as_str(), "state") && has(url.as_str(), "code_challenge"));
    assert_eq!(
        parameter(url.as_str(), "code_challenge_method").as_deref(),
        Some("S256")
    );
}

/// `state` cannot be left out; comparing it is the program's part.
#[test]
fn oauth2_has_state_and_pkce_if_asked() {
    let client = oauth2_rs::client(SERVER);
    let request = || {
        client
            .authorize_url(CsrfToken::new_random)
            .add_scope(Scope::new(SCOPE.to_owned()))
    };
    let (url, _) = request().url();
    assert!(has(url.as_str(), "state"));
    assert!(parameter(url.as_str(), "code_challenge").is_none());
    let (challenge, _) = PkceCodeChallenge::new_random_sha256();
    let (url, _) = request().set_pkce_challenge(challenge).url();
    assert!(has(url.as_str(), "code_challenge"));
}

#[test]
fn yup_oauth2_has_neither() {
    let grant = Grant::new(Rotation::Strict);
    let user = User::default();
    let file = grant.path("tokens.json");
    runtime().block_on(async {
        let authenticator = yup::open(SERVER, &file, user.clone()).await;
        yup::token(&authenticator)
            .await
            .expect_err("the user does nothing");
    });
    let asked = user.asked();
    let [url] = &asked[..] else {
        panic!("one login, but {asked:?}")
    };
    assert_eq!(parameter(url, "scope").as_deref(), Some(SCOPE));
    assert!(parameter(url, "state").is_none() && parameter(url, "code_challenge").is_none());
}

#[test]
fn tame_oauth_begins_with_a_refresh_token() {
    let mut json = Grant::new(Rotation::Strict).authorized_user();
    assert!(EndUserCredentialsInfo::deserialize(json.to_string()).is_ok());
    json.as_object_mut().expect("an object").remove("refresh_token");
    assert!(EndUserCredentialsInfo::deserialize(json.to_string()).is_err());
}

#[test]
fn google_cloud_auth_begins_with_a_refresh_token() {
    use google_cloud_auth::credentials::user_account::Builder;
    let mut json = Grant::new(Rotation::Strict).authorized_user();
    let build = |json| runtime().block_on(async { Builder::new(json).build() });
    assert!(build(json.clone()).is_ok());
    json.as_object_mut().expect("an object").remove("refresh_token");
    assert!(build(json).is_err());
}

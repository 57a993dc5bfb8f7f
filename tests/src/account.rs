//! A service account of the test server, whose private key is wherever a test puts it.

use grantflow_core::{Authentication, Client, Endpoint, Error};
use grantflow_jwt::Signer;
use grantflow_oidc::JwtBearer;
use grantflow_testserver::{Config, TestServer, TestServiceAccount};

const EMAIL: &str = "svc@project.example";

/// Where the key of RFC 7515 appendix A.2 is, which is the account's, as `rsa.FORM.pem`.
pub const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/grantflow-jwt/tests/keys");

/// The key in this form.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn pem(form: &str) -> String {
    std::fs::read_to_string(format!("{KEYS}/rsa.{form}.pem")).expect("the keys of the tests are committed")
}

/// A server that knows the account by its public key.
///
/// # Panics
///
/// If it does not start.
#[must_use]
pub fn server() -> TestServer {
    let account = TestServiceAccount::new(EMAIL, &pem("public-pkcs1")).expect("it is PKCS #1");
    Config::new()
        .service_account(account)
        .start()
        .expect("there is a port")
}

/// What the account asks the server for, by assertions that `signer` signs.
///
/// # Errors
///
/// If that is no address of a token endpoint.
pub fn grant(token_endpoint: &str, signer: Signer) -> Result<JwtBearer, Error> {
    let endpoint = Endpoint::allow_http_for_loopback(token_endpoint)?;
    let client = Client::new(EMAIL, endpoint).with_authentication(Authentication::None);
    JwtBearer::new(client, signer, "read")
}

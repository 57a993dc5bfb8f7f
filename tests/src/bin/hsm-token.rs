//! A program whose key is in a hardware module, or in SoftHSM: it asks for a token and prints what came of it.
//!
//! ```text
//! hsm-token MODULE PIN KEY TOKEN-ENDPOINT
//! ```
//!
//! The module is its PKCS #11 library, and the key is known by its label.

#![expect(clippy::print_stdout, reason = "that is how it answers")]

use std::error::Error;
use std::sync::Mutex;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use grantflow_core::blocking::Credentials;
use grantflow_core::{Request, Response, SignError, Signature, SigningRequest, Transport, TransportError};
use grantflow_jwt::{Algorithm, Signer};
use grantflow_suites::account;
use grantflow_ureq::UreqTransport;

/// A transport beside a session with the module.
struct WithHsm(UreqTransport, Mutex<Session>);

impl Transport for WithHsm {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request)
    }

    fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        let mechanism = match Algorithm::named(&request.algorithm) {
            Some(Algorithm::Rs256) => Mechanism::Sha256RsaPkcs,
            Some(Algorithm::Rs384) => Mechanism::Sha384RsaPkcs,
            Some(Algorithm::Rs512) => Mechanism::Sha512RsaPkcs,
            _ => return Err(SignError::Failed),
        };
        let wanted = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(request.key_id.into_bytes()),
        ];
        let session = self.1.lock().map_err(|_| SignError::Failed)?;
        let keys = session.find_objects(&wanted).map_err(|_| SignError::Failed)?;
        let key = keys.first().ok_or(SignError::Failed)?;
        let signature = session.sign(&mechanism, *key, &request.message);
        signature.map(Signature).map_err(|_| SignError::Failed)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [module, pin, key, token_endpoint] = &args[..] else {
        return Err("hsm-token MODULE PIN KEY TOKEN-ENDPOINT".into());
    };
    let pkcs11 = Pkcs11::new(module)?;
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slots = pkcs11.get_slots_with_initialized_token()?;
    let session = pkcs11.open_ro_session(*slots.first().ok_or("no token")?)?;
    session.login(UserType::User, Some(&AuthPin::new(pin.clone().into())))?;

    let source = account::grant(token_endpoint, Signer::remote(Algorithm::Rs256, &**key))?;
    let credentials = Credentials::from_source(source, WithHsm(UreqTransport::new()?, session.into()));
    match credentials.access_token() {
        Ok(access) => println!("token {}", access.token.expose()),
        Err(error) => println!("error {error}"),
    }
    Ok(())
}

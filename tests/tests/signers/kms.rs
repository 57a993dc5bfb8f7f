//! A key in a key management service, in the slot of one on disk: a transport that can ask the service signs for the handle.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use grantflow_core::{
    AsyncTransport, Body, Credentials, Error, Request, Response, SignError, Signature, SigningRequest,
    Transport, TransportError, blocking,
};
use grantflow_jwt::{Algorithm, Signer, SigningKey};
use grantflow_reqwest::ReqwestTransport;
use grantflow_suites::{account, kms::Kms};
use grantflow_ureq::UreqTransport;
use serde_json::{Value, json};

/// A transport beside the address of a service.
struct WithKms<T>(T, String);

impl Transport for WithKms<UreqTransport> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request)
    }

    fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        read(self.0.send(ask(&self.1, &request)?))
    }
}

#[async_trait]
impl AsyncTransport for WithKms<ReqwestTransport> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        read(self.0.send(ask(&self.1, &request)?).await)
    }
}

fn ask(kms: &str, request: &SigningRequest) -> Result<Request, SignError> {
    let body = json!({ "algorithm": request.algorithm, "data": BASE64.encode(&request.message) });
    let post = http::Request::post(format!("{kms}/{}:sign", request.key_id));
    post.header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|_| SignError::Failed)
}

fn read(reply: Result<Response, TransportError>) -> Result<Signature, SignError> {
    let reply = reply.map_err(|_| SignError::Failed)?;
    let json: Value = serde_json::from_slice(reply.body().as_bytes()).map_err(|_| SignError::Failed)?;
    let signature = json["signature"].as_str().ok_or(SignError::Failed)?;
    let bytes = BASE64.decode(signature).map_err(|_| SignError::Failed)?;
    Ok(Signature(bytes))
}

#[tokio::test]
async fn a_key_in_a_service_works_like_one_on_disk() -> Result<(), Error> {
    let server = account::server();
    let key = SigningKey::from_pem(&account::pem("pkcs8")).expect("a key");
    let kms = Kms::start("rsa", key);
    let address = || kms.address().to_owned();

    let signer = Signer::remote(Algorithm::Rs256, "rsa");
    let source = account::grant(&server.url("/token"), signer)?;
    let transport = WithKms(UreqTransport::new()?, address());
    let blocking = blocking::Credentials::from_source(source.clone(), transport);
    assert!(blocking.access_token()?.token.expose().starts_with("gft_at_"));

    let transport = WithKms(ReqwestTransport::new()?, address());
    Credentials::from_source(source, transport).header().await?;
    assert_eq!((kms.asked(), server.stats().assertions), (2, 2));

    let unknown = account::grant(&server.url("/token"), Signer::remote(Algorithm::Rs256, "another"))?;
    let transport = WithKms(UreqTransport::new()?, address());
    let error = blocking::Credentials::from_source(unknown, transport).header();
    assert!(matches!(error, Err(Error::NotSigned(SignError::Failed))));
    assert_eq!(server.stats().token_requests, 2);
    Ok(())
}

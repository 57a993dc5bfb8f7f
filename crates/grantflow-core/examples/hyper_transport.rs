//! A transport over an HTTP client that no adapter knows: hyper's, on tokio. With a TLS connector in place of the plain one it
//! speaks https.
//!
//! `cargo run -p grantflow-core --example hyper_transport --features native -- http://127.0.0.1:8080`, and before it, elsewhere,
//! `cargo run -p grantflow-testserver -- --port 8080`
#![expect(clippy::print_stdout, reason = "an example")]

use std::io::Cursor;

use async_trait::async_trait;
use grantflow_core::transport::{CONNECT_TIMEOUT, MAX_BODY, REQUEST_TIMEOUT};
use grantflow_core::{AsyncTransport, AsyncTransportHost, Issuer, Request, Response, drive, flow};
use grantflow_core::{TransportError, TransportErrorKind as Kind};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client as Hyper, Error as HyperError, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

pub(crate) struct HyperTransport(Hyper<HttpConnector, Full<Cursor<Vec<u8>>>>);

impl HyperTransport {
    pub(crate) fn new() -> Self {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut client = Hyper::builder(TokioExecutor::new());
        Self(client.retry_canceled_requests(false).build(http))
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let request = request.map(|body| Full::new(Cursor::new(body.into_bytes())));
        let (parts, body) = self.0.request(request).await.map_err(classify)?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body = body.map_err(|_| TransportError::new(Kind::Other))?.to_bytes();
        Ok(Response::from_parts(parts, body.to_vec().into()))
    }
}

fn classify(error: HyperError) -> TransportError {
    match error.is_connect() {
        true => TransportError::new(Kind::Connect).before_sending().because(error),
        false => TransportError::new(Kind::Other).because(error),
    }
}

#[async_trait]
impl AsyncTransport for HyperTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let exchange = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await;
        exchange.unwrap_or_else(|_| Err(TransportError::new(Kind::Timeout)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), grantflow_core::Error> {
    let issuer = Issuer::allow_http_for_loopback(std::env::args().nth(1).unwrap_or_default())?;
    let transport = HyperTransport::new();
    let metadata = drive(flow::discover(&issuer), &AsyncTransportHost::new(&transport)).await?;
    println!("tokens are granted at {}", metadata.token_endpoint());
    Ok(())
}

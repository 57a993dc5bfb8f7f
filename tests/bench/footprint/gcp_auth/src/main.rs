//! The same with gcp_auth, which reads gcloud's own file and writes nothing: `footprint-gcp_auth URL`.

use std::error::Error;

use gcp_auth::{ConfigDefaultCredentials, TokenProvider as _};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let url = std::env::args().nth(1).ok_or("URL")?;
        let credentials = ConfigDefaultCredentials::new().await?;
        let token = credentials.token(&["email"]).await?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new();
        let connector = connector
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let request = http::Request::get(url).header("authorization", format!("Bearer {}", token.as_str()));
        let reply = client.request(request.body(Empty::<&[u8]>::new())?).await?;
        println!("{}", reply.status());
        Ok(())
    })
}

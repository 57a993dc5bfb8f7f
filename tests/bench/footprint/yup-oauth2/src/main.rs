//! The same with yup-oauth2 and its file of tokens: `footprint-yup-oauth2 SECRET FILE URL`.

use std::error::Error;

use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use yup_oauth2::{InstalledFlowAuthenticator, InstalledFlowReturnMethod};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut args = std::env::args().skip(1);
        let (secret, file) = args.next().zip(args.next()).ok_or("SECRET FILE URL")?;
        let url = args.next().ok_or("SECRET FILE URL")?;
        let secret = yup_oauth2::read_application_secret(secret).await?;
        let authenticator =
            InstalledFlowAuthenticator::builder(secret, InstalledFlowReturnMethod::HTTPRedirect)
                .persist_tokens_to_disk(file)
                .build()
                .await?;
        let token = authenticator.token(&["email"]).await?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new();
        let connector = connector
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let token = token.token().ok_or("no token")?;
        let request = http::Request::get(url).header("authorization", format!("Bearer {token}"));
        let reply = client.request(request.body(Empty::<&[u8]>::new())?).await?;
        println!("{}", reply.status());
        Ok(())
    })
}

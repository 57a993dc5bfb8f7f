//! The same with google-cloud-auth, which writes nothing: `footprint-google-cloud-auth FILE URL`.

use std::error::Error;

use google_cloud_auth::credentials::{CacheableResource, user_account};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut args = std::env::args().skip(1);
        let (file, url) = args.next().zip(args.next()).ok_or("FILE URL")?;
        let stored = serde_json::from_slice(&std::fs::read(file)?)?;
        let credentials = user_account::Builder::new(stored).build()?;
        let CacheableResource::New { data, .. } = credentials.headers(http::Extensions::new()).await? else {
            return Err("no headers".into());
        };
        let reply = reqwest::Client::new().get(url).headers(data).send().await?;
        println!("{}", reply.status());
        Ok(())
    })
}

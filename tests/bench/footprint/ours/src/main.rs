//! Stored credentials, an authorized GET: `footprint-ours FILE URL`.

use std::error::Error;

use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow::{Body, Store as _, blocking};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, url) = args.next().zip(args.next()).ok_or("FILE URL")?;
    let store = FileStore::new(file);
    let key = store.keys()?.pop().ok_or("nothing stored")?;
    let credentials = blocking::Credentials::new(key, store, UreqTransport::new()?);
    let reply = credentials.authorized(http::Request::get(url).body(Body::empty())?)?;
    println!("{}", reply.status());
    Ok(())
}

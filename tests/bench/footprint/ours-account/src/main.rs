//! The key of a service account, a header with its token: `footprint-ours-account FILE SCOPE`.

use std::error::Error;

use grantflow::google::ServiceAccountKey;
use grantflow::ureq::UreqTransport;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, scope) = args.next().zip(args.next()).ok_or("FILE SCOPE")?;
    let key = ServiceAccountKey::from_json(&std::fs::read_to_string(file)?)?;
    let credentials = key.credentials(&*scope)?.build_blocking(UreqTransport::new()?);
    println!("{} bytes", credentials.header()?.len());
    Ok(())
}

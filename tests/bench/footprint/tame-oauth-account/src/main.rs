//! The same with tame-oauth, which brings no HTTP client: `footprint-tame-oauth-account FILE SCOPE`.

use std::error::Error;

use tame_oauth::gcp::{ServiceAccountInfo, ServiceAccountProvider, TokenOrRequest, TokenProvider as _};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, scope) = args.next().zip(args.next()).ok_or("FILE SCOPE")?;
    let credentials = ServiceAccountProvider::new(ServiceAccountInfo::deserialize(std::fs::read(file)?)?)?;
    let token = match credentials.get_token(&[scope])? {
        TokenOrRequest::Token(token) => token,
        TokenOrRequest::Request {
            request, scope_hash, ..
        } => {
            let agent = ureq::Agent::new_with_defaults();
            let (parts, mut body) = agent.run(request)?.into_parts();
            let reply = ureq::http::Response::from_parts(parts, body.read_to_vec()?);
            credentials.parse_token_response(scope_hash, reply)?
        }
    };
    println!("{} bytes", format!("Bearer {}", token.access_token).len());
    Ok(())
}

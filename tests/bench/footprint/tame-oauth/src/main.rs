//! The same with tame-oauth, which brings no HTTP client and stores nothing: `footprint-tame-oauth FILE URL`.

use std::error::Error;

use tame_oauth::gcp::TokenOrRequest;
use tame_oauth::gcp::TokenProvider as _;
use tame_oauth::gcp::end_user::{EndUserCredentials, EndUserCredentialsInfo};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, url) = args.next().zip(args.next()).ok_or("FILE URL")?;
    let credentials = EndUserCredentials::new(EndUserCredentialsInfo::deserialize(std::fs::read(file)?)?);
    let agent = ureq::Agent::new_with_defaults();
    let token = match credentials.get_token(&["email"])? {
        TokenOrRequest::Token(token) => token,
        TokenOrRequest::Request {
            request, scope_hash, ..
        } => {
            let (parts, mut body) = agent.run(request)?.into_parts();
            let reply = ureq::http::Response::from_parts(parts, body.read_to_vec()?);
            credentials.parse_token_response(scope_hash, reply)?
        }
    };
    let authorization = format!("Bearer {}", token.access_token);
    let reply = agent.get(url).header("authorization", authorization).call()?;
    println!("{}", reply.status());
    Ok(())
}

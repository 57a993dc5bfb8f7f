//! F7 of the table of threats: what a server, or a protected resource, says of itself.
//!
//! ```text
//! 1 byte   which document     the issuer, or the resource, is the one that was asked; every endpoint is https;
//! the rest the body           what was believed stands in the document, as another reader of JSON finds it
//! ```

use grantflow_core::{Endpoint, Issuer, MetadataRequest, ResourceMetadataRequest};
use serde_json::{Map, Value};

use crate::world::{has_each_once, reply, with};

const ISSUER: &str = "https://as.example/issuer1";
const RESOURCE: &str = "https://api.example/mcp";

/// Reads a document.
///
/// # Panics
///
/// If a promise is broken.
pub fn metadata(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    if choice & 4 != 0 {
        resource(body);
    } else {
        server(*choice, body);
    }
}

fn server(choice: u8, body: &[u8]) {
    let issuer = Issuer::new(ISSUER).expect("an issuer");
    let request = match choice & 3 {
        0 => MetadataRequest::new(&issuer),
        1 => MetadataRequest::openid(&issuer),
        2 => MetadataRequest::openid_before_path(&issuer),
        _ => MetadataRequest::new(&issuer).requiring_s256(),
    };
    let Ok(read) = with(|cx| request.parse(&reply(200, "application/json", body), cx)) else {
        return;
    };
    has_each_once(body);
    let Some(members) = members(body) else { return };
    assert_eq!(members["issuer"], ISSUER);
    assert_eq!(read.issuer().as_str(), ISSUER);
    let endpoints = [
        ("token_endpoint", Some(read.token_endpoint())),
        ("authorization_endpoint", read.authorization_endpoint()),
        ("revocation_endpoint", read.revocation_endpoint()),
        ("introspection_endpoint", read.introspection_endpoint()),
        (
            "device_authorization_endpoint",
            read.device_authorization_endpoint(),
        ),
        (
            "backchannel_authentication_endpoint",
            read.backchannel_authentication_endpoint(),
        ),
        ("userinfo_endpoint", read.userinfo_endpoint()),
        (
            "pushed_authorization_request_endpoint",
            read.pushed_authorization_request_endpoint(),
        ),
        ("jwks_uri", read.jwks_uri()),
        ("registration_endpoint", read.registration_endpoint()),
    ];
    for (name, endpoint) in endpoints {
        let Some(endpoint) = endpoint else { continue };
        is_safe(endpoint);
        assert_eq!(
            members.get(name).and_then(Value::as_str),
            Some(endpoint.as_str()),
            "{name}"
        );
    }
    if choice & 3 == 3 {
        let methods = &members["code_challenge_methods_supported"];
        assert!(
            methods
                .as_array()
                .is_some_and(|methods| methods.iter().any(|method| method == "S256"))
        );
    }
    // What is said of a client is what was read.
    let client = read.client("client");
    assert_eq!(client.issuer().map(Issuer::as_str), Some(ISSUER));
    assert_eq!(client.token_endpoint(), read.token_endpoint());
}

fn resource(body: &[u8]) {
    let Ok(resource) = Endpoint::new(RESOURCE) else {
        return;
    };
    let request = ResourceMetadataRequest::new(&resource);
    let Ok(read) = with(|cx| request.parse(&reply(200, "application/json", body), cx)) else {
        return;
    };
    has_each_once(body);
    if let Some(members) = members(body) {
        // The same, or what it is a part of: hosts have no case.
        let named = members["resource"]
            .as_str()
            .and_then(|named| url::Url::parse(named).ok());
        let named = named.expect("an address");
        assert_eq!((named.scheme(), named.host_str()), ("https", Some("api.example")));
        assert!("/mcp/".starts_with(named.path()), "{named}");
    }
    for server in read.authorization_servers() {
        let scheme = server.as_str().get(..8).map(str::to_ascii_lowercase);
        assert_eq!(scheme.as_deref(), Some("https://"));
    }
}

fn is_safe(endpoint: &Endpoint) {
    let Ok(address) = url::Url::parse(endpoint.as_str()) else {
        // A name that is no international one, or an address with too many digits: nobody can connect to it.
        let text = endpoint.as_str();
        let rest = text.get(8..).unwrap_or_default();
        let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_unsound = host.contains("xn--") || last.starts_with(|first: char| first.is_ascii_digit());
        assert!(
            is_unsound,
            "an address for one reader and none for another: {text}"
        );
        return;
    };
    assert_eq!(address.scheme(), "https");
    assert!(address.username().is_empty() && address.password().is_none() && address.fragment().is_none());
}

/// `None` where a number, or half a character, in some other member is unsound to this reader.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    serde_json::from_slice(body).ok()
}

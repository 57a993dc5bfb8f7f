//! Metadata of a protected resource: at the right place, about the right resource, and no address in them that is not safe.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Challenge, Endpoint, Error, ResourceMetadata, ResourceMetadataRequest};
use serde_json::{Value, json};

use super::{JSON, at, problem, reply};

const MCP: &str = "https://mcp.example.com/mcp";

fn resource(address: &str) -> Endpoint {
    Endpoint::allow_http_for_localhost(address).unwrap()
}

fn address(request: &ResourceMetadataRequest) -> String {
    at(|cx| request.to_http(cx)).unwrap().uri().to_string()
}

fn read(request: &ResourceMetadataRequest, document: &Value) -> Result<ResourceMetadata, Error> {
    let reply = reply(200, JSON, document.to_string());
    at(|cx| request.parse(&reply, cx))
}

/// A document at a place that a challenge names.
fn named(of: &str, place: &str) -> Result<Option<ResourceMetadataRequest>, Error> {
    let mut headers = http::HeaderMap::new();
    let header = format!("Bearer resource_metadata=\"{place}\"");
    headers.insert("www-authenticate", header.parse().unwrap());
    ResourceMetadataRequest::named_by(&resource(of), &Challenge::bearer(&headers).unwrap())
}

#[test]
fn metadata_lie_between_host_and_path() {
    for (of, place, root) in [
        // RFC 9728 section 3.1.
        (
            "https://resource.example.com",
            "https://resource.example.com/.well-known/oauth-protected-resource",
            "https://resource.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://resource.example.com/",
            "https://resource.example.com/.well-known/oauth-protected-resource",
            "https://resource.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://resource.example.com/?k=v",
            "https://resource.example.com/.well-known/oauth-protected-resource?k=v",
            "https://resource.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "http://localhost:3000/a/b/?k=v",
            "http://localhost:3000/.well-known/oauth-protected-resource/a/b/?k=v",
            "http://localhost:3000/.well-known/oauth-protected-resource",
        ),
    ] {
        assert_eq!(address(&ResourceMetadataRequest::new(&resource(of))), place);
        assert_eq!(address(&ResourceMetadataRequest::root(&resource(of))), root);
    }
}

#[test]
fn a_document_is_about_the_resource_that_was_asked_for() {
    let request = ResourceMetadataRequest::new(&resource(MCP));
    for same in [
        MCP,
        "https://mcp.example.com/mcp/",
        "https://MCP.example.com:443/mcp",
    ] {
        assert_eq!(
            read(&request, &json!({"resource": same})).unwrap().resource(),
            same
        );
    }
    for other in [
        "https://evil.example.com/mcp",
        "https://mcp.example.com/mcp/x",
        "https://mcp.example.com/mc",
        "https://mcp.example.com/MCP",
        "https://mcp.example.com/mcp?x",
        "https://mcp.example.com:8443/mcp",
        "http://mcp.example.com/mcp",
        "https://mcp.example.com",
        "https://u@mcp.example.com/mcp",
        "https://mcp.example.com/mcp#x",
        "urn:x",
        "",
    ] {
        assert_eq!(
            problem(&read(&request, &json!({"resource": other}))),
            ReplyProblem::Resource,
            "{other}"
        );
    }
    assert_eq!(
        problem(&read(&request, &json!({}))),
        ReplyProblem::Missing("resource")
    );
    assert_eq!(
        problem(&read(&request, &json!({"resource": [MCP]}))),
        ReplyProblem::Invalid("resource")
    );
}

#[test]
fn a_whole_is_spoken_for_at_its_own_well_known_place_only() {
    let about =
        |request: &ResourceMetadataRequest, whole: &str| read(request, &json!({"resource": whole})).is_ok();
    let deep = resource("https://host.example/tenant/mcp");
    let root = ResourceMetadataRequest::root(&deep);
    assert!(about(&root, "https://host.example") && about(&root, "https://host.example/"));
    assert!(about(&root, "https://host.example/tenant/mcp"));
    assert!(!about(&root, "https://host.example/tenant"), "of another place");
    assert!(!about(&root, "https://host.example/ten"));

    // The same place, named by a challenge, and those that a tenant of the host could write to.
    let at_place = |place: &str| named("https://host.example/tenant/mcp", place).unwrap().unwrap();
    let well_known = "https://host.example/.well-known/oauth-protected-resource";
    assert!(about(&at_place(well_known), "https://host.example"));
    assert!(about(
        &at_place(&format!("{well_known}/tenant")),
        "https://host.example/tenant"
    ));
    // What only begins alike is another resource, whose owner may well have a place of its own.
    assert!(!about(
        &at_place(&format!("{well_known}/ten")),
        "https://host.example/ten"
    ));
    for place in [
        "https://host.example/tenant/metadata.json",
        "https://host.example/tenant/.well-known/oauth-protected-resource",
        "https://evil.example/.well-known/oauth-protected-resource",
    ] {
        assert!(!about(&at_place(place), "https://host.example"), "{place}");
        assert!(
            about(&at_place(place), "https://host.example/tenant/mcp"),
            "{place}"
        );
    }
}

#[test]
fn t29_t39_a_challenge_names_https_or_what_the_resource_itself_is_spoken_to_by() {
    for bad in [
        "http://mcp.example.com/m",
        "http://127.0.0.1/m",
        "http://localhost/m",
        "file:///etc/passwd",
        "/m",
        "https://u:p@mcp.example.com/m",
        "https://mcp.example.com/#m",
    ] {
        let refused = named(MCP, bad).map(drop);
        assert_eq!(
            problem(&refused),
            ReplyProblem::Invalid("resource_metadata"),
            "{bad}"
        );
    }
    assert!(
        named("http://127.0.0.1:1/mcp", "http://127.0.0.1:2/m")
            .unwrap()
            .is_some()
    );
    let custom = named(MCP, "https://mcp.example.com/custom/m.json?x=1")
        .unwrap()
        .unwrap();
    assert_eq!(address(&custom), "https://mcp.example.com/custom/m.json?x=1");
    let silent = Challenge::bearer(&{
        let mut headers = http::HeaderMap::new();
        headers.insert("www-authenticate", "Bearer".parse().unwrap());
        headers
    });
    assert!(
        ResourceMetadataRequest::named_by(&resource(MCP), &silent.unwrap())
            .unwrap()
            .is_none()
    );
}

#[test]
fn servers_that_cannot_be_asked_are_passed_over() {
    let request = ResourceMetadataRequest::new(&resource(MCP));
    let metadata = read(
        &request,
        &json!({
            "resource": MCP,
            "authorization_servers": [
                "http://as.example.com", "http://localhost", "https://as.example.com/?x", "https://as.example.com/t", "x", "https://b.example",
            ],
            "scopes_supported": ["mcp", "a\"b"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Files",
            "jwks_uri": 7,
        }),
    )
    .unwrap();
    let servers: Vec<&str> = metadata
        .authorization_servers()
        .iter()
        .map(|server| server.as_str())
        .collect();
    assert_eq!(servers, ["https://as.example.com/t", "https://b.example"]);
    assert_eq!(metadata.scopes_supported().unwrap().to_string(), "mcp");
    assert_eq!(metadata.bearer_methods_supported().unwrap(), ["header"]);
    assert_eq!(metadata.resource_name(), Some("Files"));

    let odd = json!({"resource": MCP, "authorization_servers": "https://as.example.com"});
    assert_eq!(
        problem(&read(&request, &odd)),
        ReplyProblem::Invalid("authorization_servers")
    );
    let many = vec!["https://as.example.com"; 1000];
    let many = read(&request, &json!({"resource": MCP, "authorization_servers": many})).unwrap();
    assert_eq!(many.authorization_servers().len(), 16);
}

#[test]
fn metadata_of_a_resource_that_are_not_there_are_told_with_the_address_that_was_asked() {
    let request = ResourceMetadataRequest::new(&resource(MCP));
    let error = at(|cx| request.parse(&reply(404, "text/plain", ""), cx)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server's reply (404) is that there are no metadata at https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
    );
    let moved = at(|cx| request.parse(&reply(302, JSON, "{}"), cx));
    assert_eq!(problem(&moved), ReplyProblem::Redirect);
}

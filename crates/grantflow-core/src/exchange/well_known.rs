//! Where metadata are kept: `/.well-known/` between host and path ([RFC 8414 section 3.1], [RFC 9728 section 3.1]).
//!
//! [RFC 8414 section 3.1]: https://www.rfc-editor.org/rfc/rfc8414#section-3.1
//! [RFC 9728 section 3.1]: https://www.rfc-editor.org/rfc/rfc9728#section-3.1

/// The address of the document of this name for what is at `address`.
pub(crate) fn before_path(address: &str, name: &str) -> String {
    let (origin, path) = split(address);
    // RFC 9728 section 3.1: "any terminating slash following the host component MUST be removed".
    let path = match path.strip_prefix('/') {
        Some(rest) if rest.is_empty() || rest.starts_with('?') => rest,
        _ => path,
    };
    format!("{origin}/.well-known/{name}{path}")
}

/// Scheme, host and port; and what follows them.
pub(crate) fn split(address: &str) -> (&str, &str) {
    let host = address.find("://").map_or(0, |scheme| scheme + 3);
    let rest = address.get(host..).unwrap_or_default();
    let length = rest.find(['/', '?']).unwrap_or(rest.len());
    address.split_at(host + length)
}

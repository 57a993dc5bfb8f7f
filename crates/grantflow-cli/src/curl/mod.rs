//! `grantflow curl`: curl with the `Authorization` header through an inherited pipe, never in its arguments (threats T51, T61).
//!
//! The rule: one address, of an origin that the credentials are for, and none of curl's options that could change where the
//! request goes or show the header. What is not known to be harmless is refused.

mod options;

use std::ffi::OsString;
#[cfg(unix)]
use std::process::Command;
use std::sync::Arc;

use grantflow::blocking::ApiCall;
use grantflow::{Endpoint, Error, Record, Transport as _};
use http::{HeaderMap, HeaderName};

use crate::args::{Args, Curl, why_no_address};
use crate::bound;
use crate::exit::{FAILED, Failure, NETWORK, USAGE};
#[cfg(unix)]
use crate::guard;
use crate::output::while_waiting;
use crate::record;
use crate::session::Session;

/// curl's exit codes for what the network or the server did.
const CURL_NETWORK: [i32; 12] = [5, 6, 7, 16, 18, 22, 28, 35, 52, 55, 56, 92];

/// curl's exit codes for a certificate that is not one to trust.
const CURL_CERTIFICATE: [i32; 4] = [60, 77, 90, 91];

/// curl's exit code for what it could not write.
const CURL_WRITE: i32 = 23;

/// Runs curl.
pub(crate) fn curl(args: &Args, curl: &Curl) -> Result<(), Failure> {
    let asked = options::check(&curl.options)?;
    let target = Target::read(&curl.url)?;
    let session = Session::open(args)?;
    let record = session.record(&curl.selector)?;
    session.make_directory()?;
    let credentials = session.credentials_of(&record)?;
    if asked.repeats && bound::is_by_key(&record) {
        return Err(Failure::new(
            USAGE,
            "curl's option --retry is not taken: the token is bound to a key, and its proof is good for one request",
        ));
    }
    let call = while_waiting("getting an access token", || {
        credentials.api_call(&asked.method, &target.uri)
    })
    .map_err(|error| not_allowed(&record, error))?;
    let call = call.over_certificate(session.transport.certificate());
    record::warn_if_unsaved(&credentials.access_token()?);
    let header = header_lines(&call)?;
    let mut arguments = target.arguments(&curl.options);
    // Last, since of several curl takes the last.
    if let Some(identity) = session.identity.filter(|_| record.certificate().is_some()) {
        arguments.extend(identity.curl_options());
    }
    let code = run(arguments, &header)?;
    match code {
        Some(0) => Ok(()),
        // A reader that has gone wanted no more; but then it must have been the one that curl could not write to.
        Some(CURL_WRITE) if !asked.writes_files && has_no_reader() => Ok(()),
        Some(code) if CURL_NETWORK.contains(&code) || CURL_CERTIFICATE.contains(&code) => {
            Err(Failure::new(NETWORK, format!("curl ended with {code}")))
        }
        Some(code) => Err(Failure::new(FAILED, format!("curl ended with {code}"))),
        None => Err(Failure::new(FAILED, "curl was ended by a signal")),
    }
}

/// The token as a header, and the proof of this very request where the token is bound to a key.
fn header_lines(call: &ApiCall) -> Result<String, Failure> {
    let mut headers = HeaderMap::new();
    call.put_on(&mut headers)?;
    let mut lines = String::new();
    for name in [call.header_name(), &HeaderName::from_static("dpop")] {
        let Some(value) = headers.get(name) else { continue };
        let value = value
            .to_str()
            .map_err(|_| Failure::new(FAILED, "the access token has a character that no header may have"))?;
        lines = format!("{lines}{}: {value}\n", record::written(name));
    }
    Ok(lines)
}

/// Where the origin can be added: a login knows nothing of what was imported.
fn not_allowed(record: &Record, error: Error) -> Failure {
    let origin = match &error {
        Error::OriginNotAllowed(origin) if record.provenance().source == "import" => Arc::clone(origin),
        _ => return error.into(),
    };
    Failure::from(error).hint(format!(
        "if the token is meant for it, run `grantflow import FILE --origin {origin}` with the file that it came from and the options of the first time"
    ))
}

/// Whether nobody reads the standard output that curl has from this command.
#[cfg(unix)]
fn has_no_reader() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let output = std::io::stdout();
    let mut polled = [PollFd::new(&output, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut polled, Some(&at_once)).is_ok() && polled[0].revents().intersects(gone)
}

#[cfg(not(unix))]
fn has_no_reader() -> bool {
    false
}

/// An address that curl and this command read alike.
struct Target {
    text: String,
    uri: http::Uri,
    https: bool,
    loopback: bool,
}

impl Target {
    fn read(text: &str) -> Result<Self, Failure> {
        let endpoint = Endpoint::allow_http_for_loopback(text)
            .map_err(|error| Failure::new(USAGE, why_no_address(text, &error)))?;
        let unreadable = || Failure::new(USAGE, "the address has a host that cannot be read with certainty");
        let uri: http::Uri = endpoint.as_str().parse().map_err(|_| unreadable())?;
        let host = uri.host().ok_or_else(unreadable)?;
        // curl decodes percent signs in hosts; others end a host at a semicolon.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let address = bare.unwrap_or(host).parse::<std::net::IpAddr>();
        if !host.bytes().all(is_plain) && address.is_err() {
            return Err(unreadable());
        }
        Ok(Self {
            text: text.to_owned(),
            https: uri.scheme_str() == Some("https"),
            loopback: address.is_ok_and(|address| address.is_loopback()),
            uri,
        })
    }

    /// What curl is given besides the header: nothing of `.curlrc`, no patterns in the address, no other protocol, and no proxy
    /// on this machine, where a plain address would show the header to it.
    fn arguments(&self, options: &[OsString]) -> Vec<OsString> {
        let protocol = if self.https { "=https" } else { "=http" };
        let mut arguments: Vec<OsString> = ["--globoff", "--proto", protocol].map(Into::into).into();
        if self.loopback {
            arguments.extend(["--noproxy", "*"].map(OsString::from));
        }
        arguments.extend_from_slice(options);
        arguments.extend(["--url", &self.text].map(OsString::from));
        arguments
    }
}

#[cfg(unix)]
fn run(arguments: Vec<OsString>, header: &str) -> Result<Option<i32>, Failure> {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::process::ExitStatusExt as _;

    use rustix::io::{FdFlags, fcntl_setfd};
    use rustix::process::Signal;

    let broken =
        |error: std::io::Error| Failure::new(FAILED, format!("cannot hand the header to curl: {error}"));
    let (reader, mut writer) = std::io::pipe().map_err(broken)?;
    // A header fits into a pipe's buffer, 64 KiB; a larger one would wait for a reader that is not there yet.
    if header.len() > 64 * 1024 {
        return Err(Failure::new(FAILED, "the access token is too long for a header"));
    }
    writer.write_all(header.as_bytes()).map_err(broken)?;
    drop(writer);
    fcntl_setfd(&reader, FdFlags::empty()).map_err(|error| broken(error.into()))?;
    let mut command = Command::new("curl");
    command
        .arg("--disable")
        .arg("--header")
        .arg(format!("@/dev/fd/{}", reader.as_raw_fd()))
        .args(arguments);
    let status = guard::run(&mut command).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(FAILED, "curl is not installed")
            .hint("`grantflow header` prints the header for other programs"),
        _ => Failure::new(FAILED, format!("cannot run curl: {error}")),
    })?;
    // The signal of a pipe that nobody reads says the same.
    let pipe = status.signal() == Some(Signal::PIPE.as_raw());
    Ok(status.code().or(pipe.then_some(CURL_WRITE)))
}

#[cfg(not(unix))]
fn run(_: Vec<OsString>, _: &str) -> Result<Option<i32>, Failure> {
    Err(Failure::new(FAILED, "no pipe can be inherited on this system")
        .hint("use `grantflow header` instead"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use grantflow::Origin;

    #[test]
    fn t51_an_address_that_curl_may_read_otherwise_is_refused() {
        for address in [
            "https://evil.example%2f.googleapis.com/",
            "https://evil.example%23.googleapis.com/",
            "https://evil.example;.googleapis.com/",
            "https://evil.example\\.googleapis.com/",
            "https://evil.example#.googleapis.com/",
            "https://evil.example?.googleapis.com@x/",
            "https://{a,b}.googleapis.com/",
            "https://a@b.googleapis.com/",
            "https://a b.googleapis.com/",
            "https://a.googleapis.com:x/",
            "https://a.googleapis.com,evil.example/",
            "https:/a.googleapis.com/",
            "a.googleapis.com",
            "-K/etc/passwd",
            "file:///etc/passwd",
            "http://a.googleapis.com/",
            "http://localhost/",
            "",
        ] {
            let read = Target::read(address).map(|target| Origin::of(&target.uri).unwrap().to_string());
            // Read as what curl reads: it ends the host at `?` too.
            assert!(
                read.is_err() || address.contains('?') && read.as_deref().unwrap() == "https://evil.example",
                "{address}: {read:?}"
            );
        }
        for address in [
            "https://a.googleapis.com/x?y=[1]&z={a,b}",
            "https://a_b.example:8443",
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
        ] {
            assert!(Target::read(address).is_ok(), "{address}");
        }
    }
}

//! `grantflow curl`: curl with the `Authorization` header through an inherited pipe, never in its arguments (threat T61).

use std::process::Command;

use grantflow::Error;

use crate::args::{Args, Curl};
use crate::exit::{FAILED, Failure, NETWORK, USAGE};
use crate::output::while_waiting;
use crate::session::Session;

/// Options that would send the header elsewhere than to the one address that was checked.
const REFUSED: [&str; 6] = ["--location-trusted", "--next", "-:", "--url", "--config", "-K"];

/// curl's exit codes for what the network or the server did.
const CURL_NETWORK: [i32; 9] = [5, 6, 7, 22, 28, 35, 52, 56, 60];

/// Runs curl.
pub(crate) fn curl(args: &Args, curl: &Curl) -> Result<(), Failure> {
    if let Some(option) = curl.options.iter().find(|option| refused(option)) {
        return Err(Failure::new(
            USAGE,
            format!("curl's option {option} could send the token to another address"),
        ));
    }
    let session = Session::open(args)?;
    let credentials = session.credentials()?;
    for address in [&curl.url]
        .into_iter()
        .chain(curl.options.iter().filter(|option| option.contains("://")))
    {
        let uri = address
            .parse()
            .map_err(|_| Failure::new(USAGE, "the address cannot be read"));
        match uri {
            Ok(uri) => credentials.allows(&uri)?,
            // What curl takes as an address and this does not read is not checked, so it is not sent.
            Err(failure) => return Err(failure),
        }
    }
    let header = while_waiting("getting an access token", || credentials.header())?;
    let value = header
        .to_str()
        .map_err(|_| Error::Unsupported("write this token into a header"))?;
    let status = run(&curl.url, &curl.options, &format!("Authorization: {value}\n"))?;
    match status {
        0 => Ok(()),
        code if CURL_NETWORK.contains(&code) => Err(Failure::new(NETWORK, format!("curl ended with {code}"))),
        code => Err(Failure::new(FAILED, format!("curl ended with {code}"))),
    }
}

fn refused(option: &str) -> bool {
    REFUSED
        .iter()
        .any(|refused| option == *refused || option.starts_with(&format!("{refused}=")))
        || option.starts_with("-K")
}

#[cfg(unix)]
fn run(url: &str, options: &[String], header: &str) -> Result<i32, Failure> {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use rustix::io::{FdFlags, fcntl_setfd};

    let broken =
        |error: std::io::Error| Failure::new(FAILED, format!("cannot hand the header to curl: {error}"));
    let (reader, mut writer) = std::io::pipe().map_err(broken)?;
    // A header is smaller than a pipe's buffer, so that this never waits for a reader.
    writer.write_all(header.as_bytes()).map_err(broken)?;
    drop(writer);
    fcntl_setfd(&reader, FdFlags::empty()).map_err(|error| broken(error.into()))?;
    let status = Command::new("curl")
        .arg("-H")
        .arg(format!("@/dev/fd/{}", reader.as_raw_fd()))
        .args(options)
        .arg("--url")
        .arg(url)
        .status()
        .map_err(|error| Failure::new(FAILED, format!("cannot start curl: {error}")))?;
    Ok(status.code().unwrap_or(1))
}

#[cfg(not(unix))]
fn run(_: &str, _: &[String], _: &str) -> Result<i32, Failure> {
    Err(Failure::new(FAILED, "no pipe can be inherited on this system")
        .hint("use `grantflow header` instead"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t51_options_that_send_the_header_elsewhere_are_refused() {
        for option in [
            "--location-trusted",
            "--next",
            "--url",
            "--url=https://evil.example",
            "-K",
            "-Kfile",
            "--config=x",
        ] {
            assert!(refused(option), "{option}");
        }
        for option in ["-s", "-L", "--location", "-d", "name=value", "--data-urlencode"] {
            assert!(!refused(option), "{option}");
        }
    }
}

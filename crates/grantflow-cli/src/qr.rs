//! An address as a QR code on the terminal, for the camera of another device
//! ([RFC 8628 section 3.3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.3.1)).

use std::io::IsTerminal as _;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::output::note;

/// Shows it on standard error, where that is a terminal with room for all of it.
pub(crate) fn show(address: &str) {
    let Some((columns, rows)) = room() else { return };
    if let Some(lines) = drawn(address)
        && lines.iter().all(|line| line.chars().count() < columns)
        && lines.len() + LINES_BELOW < rows
    {
        for line in lines {
            // Black on white whatever the colours of the terminal: many cameras do not read the inverse.
            note(&format!("\x1b[30;107m{line}\x1b[0m"));
        }
        note("");
    }
}

/// Two modules of the code above each other in one character; `None` for an address that is too long.
fn drawn(address: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let text = code.render::<Dense1x2>().build();
    Some(text.lines().map(str::to_owned).collect())
}

/// The columns and rows of the terminal.
#[cfg(unix)]
fn room() -> Option<(usize, usize)> {
    let terminal = std::io::stderr();
    let size = terminal
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&terminal).ok())??;
    Some((size.ws_col.into(), size.ws_row.into()))
}

#[cfg(not(unix))]
fn room() -> Option<(usize, usize)> {
    // What most have at least, where the system does not say it without unsafe code.
    std::io::stderr().is_terminal().then_some((80, 24))
}

/// An empty line and what turns.
const LINES_BELOW: usize = 2;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_usual_address_fits_on_a_usual_terminal() {
        let lines = drawn("https://www.google.com/device?user_code=WDJB-MJHT").unwrap();
        assert!(lines.len() + LINES_BELOW < 24, "{}", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() < 80));
        assert!(drawn(&"x".repeat(3000)).is_none());
    }
}

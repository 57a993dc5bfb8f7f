//! `--logging-level`: the records of the libraries below, on standard error.
//!
//! Grantflow itself logs nothing: what it has to say are results and errors. The HTTP and TLS libraries log connections, methods
//! and statuses; what they redact stays redacted, since nothing finer than DEBUG is ever asked for.

use std::io::Write as _;

use grantflow::loopback::{LoggingLevel, Visible};
use log::{LevelFilter, Log, Metadata, Record};

/// Writes records of this level and above.
pub(crate) fn to_standard_error(level: LoggingLevel) {
    let filter = match level {
        LoggingLevel::Debug => LevelFilter::Debug,
        LoggingLevel::Info => LevelFilter::Info,
        LoggingLevel::Warning => LevelFilter::Warn,
        LoggingLevel::Error => LevelFilter::Error,
        LoggingLevel::Critical => LevelFilter::Off,
    };
    // A command sets it once.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(filter);
    }
}

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            // Whoever closed standard error does not want to read it.
            let _ = writeln!(
                std::io::stderr(),
                "{} {}: {}",
                record.level(),
                record.target(),
                Visible(&text)
            );
        }
    }

    fn flush(&self) {}
}

//! Secrets with names, the forms in which they may hide, and everything that is searched for them.
//!
//! ```text
//! log, tracing ──▶ capture ─┐
//! panics ─────────────────▶ ├──▶ Surfaces ──▶ each canary × each form ──▶ hits
//! Debug, Display, errors ─▶ ┘
//! ```

use std::cell::Cell;
use std::fmt::{self, Debug, Display, Write as _};
use std::sync::{Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use grantflow_core::Error;

/// A secret that must show nowhere.
#[derive(Clone)]
pub struct Canary {
    name: String,
    forms: Vec<(&'static str, String)>,
}

impl Canary {
    /// A secret and what it is called in reports, which never print it.
    ///
    /// # Panics
    ///
    /// If it is so short that it may occur by chance.
    #[track_caller]
    #[must_use]
    pub fn new(name: &str, secret: &str) -> Self {
        assert!(secret.len() >= 12, "{name} is too short for a canary");
        let bytes = secret.as_bytes();
        let hex = |upper: bool, prefix: &str| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                let written = if upper {
                    write!(text, "{prefix}{byte:02X}")
                } else {
                    write!(text, "{prefix}{byte:02x}")
                };
                written.expect("a string takes everything");
                text
            })
        };
        let percent: String = url::form_urlencoded::byte_serialize(bytes).collect();
        let mut forms = vec![
            ("raw", secret.to_owned()),
            ("percent", percent.clone()),
            ("percent", percent.replace('+', "%20")),
            ("percent", percent.to_lowercase()),
            ("percent", hex(true, "%")),
            ("percent", hex(false, "%")),
            ("hex", hex(true, "")),
            ("hex", hex(false, "")),
            ("escaped", secret.escape_debug().to_string()),
            // What `Debug` of bytes prints: `[103, 102, …`.
            ("bytes", format!("{bytes:?}").trim_matches(['[', ']']).to_owned()),
        ];
        // HTTP Basic encodes in percent first.
        for text in [secret, &percent] {
            for before in 0..3 {
                forms.push(("base64", shifted(&STANDARD_NO_PAD, text.as_bytes(), before)));
                forms.push(("base64url", shifted(&URL_SAFE_NO_PAD, text.as_bytes(), before)));
            }
        }
        let name = name.to_owned();
        Self { name, forms }
    }
}

/// The characters of base64 that are the secret's alone when that many bytes stand before it in the same group.
fn shifted(engine: &impl base64::Engine, secret: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    let text = engine.encode(&bytes);
    let (first, last) = ([0, 2, 3][before], bytes.len() * 8 / 6);
    text[first..last].to_owned()
}

/// Everything that could be seen by others, by where it was seen.
#[derive(Default)]
pub struct Surfaces(Vec<(String, String)>);

impl Surfaces {
    /// Takes text as it is.
    pub fn add(&mut self, place: &str, text: impl Into<String>) {
        self.0.push((place.to_owned(), text.into()));
    }

    /// Takes what `Debug` prints of a value, and the panic that it would end in.
    pub fn debug(&mut self, place: &str, value: &dyn Debug) {
        self.add(&format!("Debug of {place}"), format!("{value:?}"));
        self.add(&format!("Debug of {place}, alternate"), format!("{value:#?}"));
        let unwrapped = || panic!("what was expected: {value:?}");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(unwrapped));
        let message = panicked.expect_err("it panics always");
        let message = message
            .downcast_ref::<String>()
            .expect("it is a formatted message");
        assert!(
            message.contains("what was expected"),
            "the panic is the one that was made"
        );
        self.add(&format!("panic with {place}"), message.as_str());
    }

    /// Takes what an error prints in every way, with its sources.
    pub fn error(&mut self, place: &str, error: &(dyn std::error::Error + 'static)) {
        self.debug(place, &error);
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.display(place, &error);
            self.debug(&format!("{place}, a cause"), &error);
            if let Some(Error::Server(refusal) | Error::Denied(refusal)) = error.downcast_ref() {
                self.display("ServerError", refusal);
                self.debug("ServerError", refusal);
            }
            cause = error.source();
        }
    }

    /// Takes what `Display` prints of a value.
    pub fn display(&mut self, place: &str, value: &dyn Display) {
        self.add(&format!("Display of {place}"), value.to_string());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where canaries show, and in which form.
    ///
    /// # Panics
    ///
    /// If there are more forms than memory.
    #[must_use]
    pub fn hits(&self, canaries: &[Canary]) -> Vec<String> {
        let forms = canaries
            .iter()
            .flat_map(|canary| canary.forms.iter().map(move |form| (&canary.name, form)));
        let (names, forms): (Vec<_>, Vec<_>) = forms
            .map(|(name, (kind, form))| (format!("{name} ({kind})"), form))
            .unzip();
        let search = AhoCorasick::new(forms).expect("the forms fit");
        let mut hits: Vec<String> = self
            .0
            .iter()
            .flat_map(|(place, text)| {
                let found = search.find_overlapping_iter(text);
                let names = &names;
                found.map(move |hit| format!("{} in {place}", names[hit.pattern().as_usize()]))
            })
            .collect();
        hits.sort();
        hits.dedup();
        hits
    }
}

impl Debug for Surfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surfaces({})", self.0.len())
    }
}

impl Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canary({})", self.name)
    }
}

/// Captures all that any crate logs from now on, at TRACE, through `log` and `tracing`; and panics.
///
/// # Panics
///
/// If this process has a logger already.
pub fn capture() {
    log::set_logger(&Captured).expect("the test is alone in its process");
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Captured).expect("the test is alone in its process");
    std::panic::set_hook(Box::new(|panic| keep(format!("panic: {panic}"))));
}

/// Runs what is not the product, such as the browser of a user, without its lines.
pub fn muted<T>(run: impl FnOnce() -> T) -> T {
    MUTED.set(true);
    let result = run();
    MUTED.set(false);
    result
}

/// The lines captured, and the end of it: a panic from now on is the test's own.
#[must_use]
pub fn captured() -> Vec<String> {
    drop(std::panic::take_hook());
    std::mem::take(&mut LINES.lock().unwrap_or_else(PoisonError::into_inner))
}

fn keep(line: String) {
    let is_server = std::thread::current().name() == Some("grantflow-testserver");
    if !is_server && !MUTED.get() {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    static MUTED: Cell<bool> = const { Cell::new(false) };
}

struct Captured;

impl log::Log for Captured {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(format!(
            "{} {} {}",
            record.level(),
            record.target(),
            record.args()
        ));
    }

    fn flush(&self) {}
}

/// The fields of a span or an event as text.
struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes everything");
    }
}

impl tracing::Subscriber for Captured {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(format!("span {}", span.metadata().name()));
        span.record(&mut fields);
        keep(fields.0);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        let mut fields = Fields("recorded".to_owned());
        values.record(&mut fields);
        keep(fields.0);
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(format!(
            "{} {}",
            event.metadata().level(),
            event.metadata().target()
        ));
        event.record(&mut fields);
        keep(fields.0);
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &str = "s3cr\u{e9}t/+ &=~\"7Q";

    #[test]
    fn a_canary_is_found_in_every_form_and_at_every_offset() {
        let found = |text: &str| {
            let mut surfaces = Surfaces::default();
            surfaces.add("x", text);
            let hits = surfaces.hits(&[Canary::new("secret", SECRET)]);
            hits.first().map(|hit| {
                hit.trim_start_matches("secret (")
                    .trim_end_matches(") in x")
                    .to_owned()
            })
        };
        assert_eq!(found("s3cr"), None);
        assert_eq!(found(&format!("token={SECRET};")), Some("raw".to_owned()));
        assert_eq!(
            found("s3cr%C3%A9t%2F%2B%20%26%3D%7E%227Q"),
            Some("percent".to_owned())
        );
        assert_eq!(
            found(&format!("{:?}", format!("x{SECRET}"))),
            Some("escaped".to_owned())
        );
        assert_eq!(
            found(&format!("{:?}", format!("x{SECRET}y").as_bytes())),
            Some("bytes".to_owned())
        );
        for before in ["", "i", "id", "id:", "id:x"] {
            let text = format!("{before}{SECRET}!");
            assert_eq!(
                found(&STANDARD.encode(&text)),
                Some("base64".to_owned()),
                "{before}"
            );
            // Without `+` and `/` the two alphabets are one.
            assert!(
                found(&URL_SAFE.encode(&text)).is_some_and(|form| form.starts_with("base64")),
                "{before}"
            );
        }
        let basic = format!(
            "id:{}",
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>()
        );
        assert_eq!(found(&STANDARD.encode(basic)), Some("base64".to_owned()));
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found(&format!("00{hex}")), Some("hex".to_owned()));
    }

    #[test]
    fn a_leak_in_a_value_an_error_or_a_panic_is_a_hit() {
        let mut surfaces = Surfaces::default();
        surfaces.debug("a value", &Some(SECRET));
        surfaces.error("an error", &std::io::Error::other(SECRET));
        let hits = surfaces.hits(&[
            Canary::new("secret", SECRET),
            Canary::new("other", "another secret"),
        ]);
        assert!(
            hits.contains(&"secret (escaped) in panic with a value".to_owned()),
            "{hits:?}"
        );
        assert!(
            hits.contains(&"secret (raw) in Display of an error".to_owned()),
            "{hits:?}"
        );
        assert!(hits.iter().all(|hit| hit.starts_with("secret")), "{hits:?}");
    }
}

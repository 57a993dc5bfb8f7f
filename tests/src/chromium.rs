//! Headless Chromium, driven through chromedriver: the dozen commands of WebDriver that logins need.
//!
//! WebDriver is JSON over HTTP, so the client that the stand-in browser has anyway does it in two hundred lines; the crates for
//! it are async and bring more than a hundred others.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::child::Running;
use crate::skip::{find_program, skip};

/// A running chromedriver, which ends when the last of its windows is dropped.
#[derive(Clone, Debug)]
pub struct Chromium(Rc<Driver>);

#[derive(Debug)]
struct Driver {
    address: String,
    agent: ureq::Agent,
    _process: Running,
}

impl Chromium {
    /// Starts chromedriver; `None`, after saying so, where it or Chromium is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    #[track_caller]
    #[must_use]
    pub fn start() -> Option<Self> {
        for program in ["chromium", "chromedriver"] {
            if find_program(program).is_none() {
                skip(
                    "chromium",
                    &format!("{program} is not installed; `cargo xtask test` does it as root"),
                );
                return None;
            }
        }
        let process = Running::start(Command::new("chromedriver").arg("--port=0"));
        let port = process.wait_for(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .proxy(None)
            .build();
        Some(Self(Rc::new(Driver {
            address: format!("http://127.0.0.1:{port}"),
            agent: config.into(),
            _process: process,
        })))
    }

    /// A window with cookies of its own, which reaches this machine alone.
    ///
    /// # Panics
    ///
    /// If Chromium does not start.
    #[track_caller]
    #[must_use]
    pub fn window(&self) -> Window {
        let profile = tempfile::tempdir().expect("a temporary directory can be made");
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "performance": "ALL" },
        } } });
        let session = self
            .0
            .ask("POST", "/session", Some(&capabilities))
            .expect("Chromium starts");
        let id = session["sessionId"]
            .as_str()
            .expect("a session has an id")
            .to_owned();
        Window {
            driver: Rc::clone(&self.0),
            path: format!("/session/{id}"),
            _profile: profile,
        }
    }
}

impl Driver {
    /// One command; the value of its reply, or what is wrong.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let url = format!("{}{path}", self.address);
        let sent = match (method, body) {
            ("GET", _) => self.agent.get(url).call(),
            ("DELETE", _) => self.agent.delete(url).call(),
            (_, body) => {
                let json = body.map_or_else(|| "{}".to_owned(), Value::to_string);
                self.agent.post(url).content_type("application/json").send(json)
            }
        };
        let mut reply = sent.map_err(|error| error.to_string())?;
        let limit = 32 * 1024 * 1024; // a log of everything, or a picture
        let text = reply.body_mut().with_config().limit(limit).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let mut json: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if let Some(error) = json["value"]["error"].as_str() {
            let message = json["value"]["message"].as_str().unwrap_or_default();
            return Err(format!("{error}: {}", message.lines().next().unwrap_or_default()));
        }
        Ok(json["value"].take())
    }
}

/// One window of a person.
#[derive(Debug)]
pub struct Window {
    driver: Rc<Driver>,
    path: String,
    _profile: tempfile::TempDir,
}

impl Window {
    /// Opens an address, and waits until the page is there.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }))
            .expect("the address can be opened");
    }

    /// The address line.
    ///
    /// # Panics
    ///
    /// If the window is gone.
    #[track_caller]
    #[must_use]
    pub fn url(&self) -> String {
        let url = self.get("/url").expect("there is a window");
        url.as_str().unwrap_or_default().to_owned()
    }

    /// Types into the field that a CSS selector names, once it is there.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        self.on(selector, |field| {
            self.post(&format!("{field}/clear"), &json!({}))?;
            self.post(&format!("{field}/value"), &json!({ "text": text }))
        });
    }

    /// Clicks what a CSS selector names, once it is there.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.on(selector, |element| {
            self.post(&format!("{element}/click"), &json!({}))
        });
    }

    /// The text of what a CSS selector names, once it is there.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let text = self.on(selector, |element| self.get(&format!("{element}/text")));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Does something to the first element that a CSS selector names, given the path of its commands. Between finding it and
    /// that its page may go away; nothing has been done then, and it is looked for again.
    #[track_caller]
    fn on(&self, selector: &str, act: impl Fn(&str) -> Result<Value, String>) -> Value {
        let wanted = json!({ "using": "css selector", "value": selector });
        self.wait_for(selector, || {
            let element = self.post("/element", &wanted).ok()?;
            let id = element.as_object()?.values().next()?.as_str()?;
            act(&format!("/element/{id}")).ok()
        })
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Panics
    ///
    /// If there is none within 20 seconds; the message says where the window is, without its query.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(answer) = ask() {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20)); // sleep: WebDriver tells nobody when a page has changed
        }
        let url = self.url();
        panic!("no {what} at {}", url.split('?').next().unwrap_or_default());
    }

    /// The addresses that pages asked for while their own begins so.
    ///
    /// # Panics
    ///
    /// If Chromium kept no log.
    #[track_caller]
    #[must_use]
    pub fn requests_of(&self, page: &str) -> Vec<String> {
        let log = self
            .post("/se/log", &json!({ "type": "performance" }))
            .expect("it keeps a log");
        let entries = log.as_array().expect("a log is a list");
        let messages = entries
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        messages
            .map(|mut message| message["message"].take())
            .filter(|message| message["method"] == "Network.requestWillBeSent")
            .filter(|message| {
                message["params"]["documentURL"]
                    .as_str()
                    .is_some_and(|url| url.starts_with(page))
            })
            .filter_map(|message| Some(message["params"]["request"]["url"].as_str()?.to_owned()))
            .collect()
    }

    /// Keeps a picture of the page.
    ///
    /// # Panics
    ///
    /// If it cannot be taken or written.
    #[track_caller]
    pub fn screenshot(&self, file: &Path) {
        let picture = self.get("/screenshot").expect("the page can be seen");
        let png = STANDARD
            .decode(picture.as_str().unwrap_or_default())
            .expect("it is base64");
        std::fs::write(file, png).expect("the picture can be written");
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        self.driver.ask("GET", &format!("{}{path}", self.path), None)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.driver
            .ask("POST", &format!("{}{path}", self.path), Some(body))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        _ = self.driver.ask("DELETE", &self.path, None);
    }
}

/// Chromium does without what a container lacks, and speaks to nobody but this machine.
const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE ::1, EXCLUDE localhost",
    "--window-size=800,600",
];

const PATIENCE: Duration = Duration::from_secs(20);

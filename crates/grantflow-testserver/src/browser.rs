//! A person at a browser, as far as login and consent need one: cookies, redirects and forms over real HTTP.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use url::{Url, form_urlencoded};

/// A browser with a cookie jar and somebody who fills in forms.
///
/// It knows this server's pages, whether they come from a [`TestServer`](crate::TestServer) or from the
/// `grantflow-testserver` command.
///
/// # Example
///
/// ```
/// # let server = grantflow_testserver::TestServer::start()?;
/// # let authorization_url = server.url(
/// #     "/authorize?response_type=code&client_id=native-app&redirect_uri=http://127.0.0.1:1/callback\
/// #      &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
/// # );
/// let mut browser = server.browser().user("bob");
/// let location = browser.approve(&authorization_url)?;
/// assert!(location.contains("code="));
/// let location = browser.deny(&authorization_url)?; // still logged in, other answer
/// assert!(location.contains("error=access_denied"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Browser {
    user: String,
    password: String,
    /// By host and port, then by name: stricter than real browsers, which ignore the port.
    cookies: HashMap<String, HashMap<String, String>>,
}

impl Browser {
    /// A browser without cookies; its user is `ann`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            user: "ann".to_owned(),
            password: "password".to_owned(),
            cookies: HashMap::new(),
        }
    }

    /// The name to log in with.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = name.into();
        self
    }

    /// The password to log in with; only `password` is right.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = password.into();
        self
    }

    /// Opens an authorization URL, logs in if asked, allows, and returns where the server sent the browser in the
    /// end; if it has to go there with a form (`form_post`), the form's body.
    ///
    /// # Errors
    ///
    /// [`BrowseError::Page`] if the server showed an error instead, [`BrowseError::Io`] if it could not be reached.
    pub fn approve(&mut self, authorization_url: &str) -> Result<String, BrowseError> {
        self.visit(authorization_url, &Decision::of("allow"))
    }

    /// Like [`Browser::approve`], but denies.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn deny(&mut self, authorization_url: &str) -> Result<String, BrowseError> {
        self.visit(authorization_url, &Decision::of("deny"))
    }

    /// Opens the page for devices, enters the code that one shows, logs in if asked, allows, and returns what the last page says.
    ///
    /// # Errors
    ///
    /// [`BrowseError::Page`] if the server showed an error instead, [`BrowseError::Io`] if it could not be reached.
    pub fn approve_device(&mut self, verification_uri: &str, user_code: &str) -> Result<String, BrowseError> {
        self.answer_device(verification_uri, user_code, "allow")
    }

    /// Like [`Browser::approve_device`], but denies.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn deny_device(&mut self, verification_uri: &str, user_code: &str) -> Result<String, BrowseError> {
        self.answer_device(verification_uri, user_code, "deny")
    }

    fn answer_device(&mut self, uri: &str, user_code: &str, decision: &str) -> Result<String, BrowseError> {
        let decided = Decision {
            decision,
            user_code: Some(user_code),
        };
        match self.visit(uri, &decided) {
            Err(BrowseError::Page { status: 200, text }) => Ok(text),
            Err(error) => Err(error),
            Ok(_) => Err(BrowseError::Location),
        }
    }

    /// Visits a location that [`Browser::approve`] returned, as the browser would have, and returns the status and
    /// the body of the page where that ends.
    ///
    /// # Errors
    ///
    /// [`BrowseError::Io`] if nobody listens there, [`BrowseError::Location`] if it is no `http` URL.
    pub fn follow(&mut self, location: &str) -> Result<(u16, String), BrowseError> {
        let mut url = parse(location)?;
        let mut answer = self.send("GET", &url, None)?;
        for _ in 0..MOST_STEPS {
            let Some(next) = answer.location.take() else { break };
            url = url.join(&next).map_err(|_| BrowseError::Location)?;
            answer = self.send("GET", &url, None)?;
        }
        Ok((answer.status, answer.body))
    }

    fn visit(&mut self, start: &str, decision: &Decision<'_>) -> Result<String, BrowseError> {
        let mut url = parse(start)?;
        let home = url.origin();
        let mut answer = self.send("GET", &url, None)?;
        for _ in 0..MOST_STEPS {
            if let Some(location) = answer.location.take() {
                url = match url.join(&location) {
                    Ok(next) if next.origin() == home => next,
                    _ => return Ok(location),
                };
                answer = self.send("GET", &url, None)?;
                continue;
            }
            let Some(form) = Form::find(&answer.body).filter(|_| answer.status == 200) else {
                break;
            };
            let action = form.action.clone();
            let body = form.fill(&self.user, &self.password, decision);
            url = match url.join(&action) {
                Ok(next) if next.origin() == home => next,
                _ => return Ok(body),
            };
            answer = self.send("POST", &url, Some(&body))?;
        }
        Err(BrowseError::Page {
            status: answer.status,
            text: visible_text(&answer.body),
        })
    }

    fn send(&mut self, method: &str, url: &Url, form: Option<&str>) -> Result<Answer, BrowseError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(BrowseError::Location);
        };
        let authority = format!("{host}:{port}");
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\naccept: text/html\r\n"
        );
        let jar = self.cookies.entry(authority.clone()).or_default();
        if !jar.is_empty() {
            let pairs: Vec<String> = jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request.push_str(&format!("cookie: {}\r\n", pairs.join("; ")));
        }
        if let Some(form) = form {
            let length = form.len();
            request.push_str(&format!(
                "content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"
            ));
        }
        request.push_str("\r\n");
        request.push_str(form.unwrap_or_default());
        let answer = Answer::parse(&exchange(&authority, &request).map_err(BrowseError::Io)?)?;
        jar.extend(answer.cookies.iter().cloned());
        Ok(answer)
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why a [`Browser`] did not get where it should.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrowseError {
    /// The server could not be reached, or broke the connection.
    Io(io::Error),
    /// The reply was no HTTP.
    Reply,
    /// The URL is none that this browser can visit.
    Location,
    /// The way ended on a page, usually an error.
    #[non_exhaustive]
    Page {
        /// The status of the page.
        status: u16,
        /// What a person reads on it.
        text: String,
    },
}

impl fmt::Display for BrowseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the server gave no reply"),
            Self::Reply => f.write_str("the reply was no HTTP"),
            Self::Location => f.write_str("the location is no http URL"),
            Self::Page { status, text } => {
                write!(f, "the browser ended on a page with status {status}: {text}")
            }
        }
    }
}

impl std::error::Error for BrowseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Reply | Self::Location | Self::Page { .. } => None,
        }
    }
}

struct Answer {
    status: u16,
    location: Option<String>,
    cookies: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Result<Self, BrowseError> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").ok_or(BrowseError::Reply)?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .ok_or(BrowseError::Reply)?;
        let mut answer = Self {
            status,
            location: None,
            cookies: Vec::new(),
            body: body.to_owned(),
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("location") && (300..400).contains(&status) {
                answer.location = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
                answer
                    .cookies
                    .extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        Ok(answer)
    }
}

/// What the person has in mind.
struct Decision<'a> {
    decision: &'a str,
    user_code: Option<&'a str>,
}

impl<'a> Decision<'a> {
    fn of(decision: &'a str) -> Self {
        Self {
            decision,
            user_code: None,
        }
    }
}

/// The form on one of this server's pages.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
    asks: bool,
}

impl Form {
    fn find(html: &str) -> Option<Self> {
        let (_, form) = html.split_once("<form ")?;
        let (form, _) = form.split_once("</form>")?;
        let fields = form.split("<input ").skip(1).filter_map(|input| {
            let input = input.split('>').next()?;
            Some((
                attribute(input, "name")?,
                attribute(input, "value").unwrap_or_default(),
            ))
        });
        Some(Self {
            action: attribute(form.split('>').next()?, "action")?,
            fields: fields.collect(),
            asks: form.contains("name=\"decision\""),
        })
    }

    fn fill(self, user: &str, password: &str, decision: &Decision<'_>) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.fields {
            let value = match name.as_str() {
                "username" => user,
                "password" => password,
                "user_code" => decision.user_code.unwrap_or(value),
                _ => value,
            };
            body.append_pair(name, value);
        }
        if self.asks {
            body.append_pair("decision", decision.decision);
        }
        body.finish()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescape(value))
}

fn unescape(text: &str) -> String {
    let plain = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'");
    plain.replace("&amp;", "&")
}

/// The text between the tags of a page's `main`.
fn visible_text(html: &str) -> String {
    let main = html.split_once("<main>").map_or(html, |(_, main)| main);
    let text: Vec<&str> = main
        .split('<')
        .filter_map(|piece| Some(piece.split_once('>')?.1.trim()))
        .collect();
    unescape(text.join(" ").trim())
}

fn parse(url: &str) -> Result<Url, BrowseError> {
    Url::parse(url)
        .ok()
        .filter(|url| url.scheme() == "http")
        .ok_or(BrowseError::Location)
}

fn exchange(authority: &str, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.take(LARGEST_PAGE).read_to_end(&mut reply)?;
    Ok(reply)
}

const MOST_STEPS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);
const LARGEST_PAGE: u64 = 1 << 20;

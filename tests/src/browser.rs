//! A stand-in for a browser and the person before it: cookies, redirects and forms over real HTTP, no script, no style.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use url::{Origin, Url};

use crate::form::{Form, abort_link};

/// A browser with its own cookies; a clone has the same.
#[derive(Clone, Debug)]
pub struct Browser {
    agent: ureq::Agent,
    user: String,
    denies: bool,
    /// By host, path and name. Like a browser's, they do not tell ports apart.
    cookies: BTreeMap<(String, String, String), String>,
}

/// What a browser shows.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page {
    /// The address line.
    pub url: String,
    /// The status of the reply.
    pub status: u16,
    /// The reply itself.
    pub body: String,
}

/// The answer of a server to an authorization, on its way through the browser.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The address that it goes to.
    pub url: String,
    /// The body of the form that it is, if it is one.
    pub form: Option<String>,
}

impl Browser {
    /// A browser without cookies, before which `user` sits.
    #[must_use]
    pub fn of(user: &str) -> Self {
        Self {
            agent: settings().build().into(),
            user: user.to_owned(),
            denies: false,
            cookies: BTreeMap::new(),
        }
    }

    /// Trusts the authority of this certificate in PEM, and no other.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn who_trusts(mut self, authority: &str) -> Self {
        let root = Certificate::from_pem(authority.as_bytes()).expect("a certificate of the test");
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(vec![root]))
            .unversioned_rustls_crypto_provider(ring)
            .build();
        self.agent = settings().tls_config(tls).build().into();
        self
    }

    /// One who says no to every consent.
    #[must_use]
    pub fn who_denies(mut self) -> Self {
        self.denies = true;
        self
    }

    /// Opens the address of an authorization, logs in, answers the consent, and returns the redirect that leaves the server,
    /// without following it; of one that is a form the form's body.
    ///
    /// # Panics
    ///
    /// If the server does not redirect in the end; the message has its page.
    #[track_caller]
    pub fn authorize(&mut self, url: &str) -> String {
        let answer = self.answer(url);
        answer.form.unwrap_or(answer.url)
    }

    /// The same, with the address that a form goes to.
    ///
    /// # Panics
    ///
    /// As [`authorize`](Self::authorize).
    #[track_caller]
    pub fn answer(&mut self, url: &str) -> Answer {
        let mut url = parse(url);
        let home = url.origin();
        let mut form = None;
        for _ in 0..MOST_PAGES {
            if url.origin() != home {
                return Answer {
                    url: url.into(),
                    form: None,
                };
            }
            let reply = self.exchange(&url, form.take());
            if let Some(next) = reply.location {
                url = next;
            } else if let Some(abort) = abort_link(&reply.body).filter(|_| self.denies) {
                url = join(&url, &abort);
            } else if let Some(page) = page_of(&reply, &url, &home) {
                let (next, body) = (join(&url, &page.action), page.fill(&self.user, self.denies));
                if next.origin() != home {
                    return Answer {
                        url: next.into(),
                        form: Some(body),
                    };
                }
                (url, form) = (next, Some(body));
            } else {
                panic!(
                    "{} instead of a form or a redirect: {}",
                    reply.status,
                    visible(&reply.body)
                );
            }
        }
        panic!("the server showed more than {MOST_PAGES} pages");
    }

    /// Opens the page for devices, enters the code, logs in, answers the consent, and returns the text of the page where that ends.
    ///
    /// # Panics
    ///
    /// If it never ends.
    #[track_caller]
    pub fn connect_device(&mut self, url: &str, user_code: &str) -> String {
        let mut url = parse(url);
        let (mut form, mut aborted) = (None, false);
        for _ in 0..MOST_PAGES {
            let reply = self.exchange(&url, form.take());
            if let Some(next) = reply.location {
                url = next;
                continue;
            }
            if let Some(abort) = abort_link(&reply.body).filter(|_| self.denies) {
                url = join(&url, &abort);
                aborted = true;
                continue;
            }
            match Form::first(&reply.body).filter(|_| !aborted) {
                Some(mut page) => {
                    url = join(&url, &page.action);
                    page.enter("user_code", user_code);
                    form = Some(page.fill(&self.user, self.denies));
                }
                None => return visible(&reply.body),
            }
        }
        panic!("the server showed more than {MOST_PAGES} pages");
    }

    /// Does all of it: authorizes and follows the redirect to the application's page.
    ///
    /// # Panics
    ///
    /// As [`authorize`](Self::authorize), and if nobody answers the redirect.
    #[track_caller]
    pub fn log_in(&mut self, url: &str) -> Page {
        let answer = self.answer(url);
        self.bring(answer)
    }

    /// Brings an answer to the application, and follows redirects.
    ///
    /// # Panics
    ///
    /// As [`visit`](Self::visit).
    #[track_caller]
    pub fn bring(&mut self, answer: Answer) -> Page {
        self.open(parse(&answer.url), answer.form)
    }

    /// Opens an address and follows redirects.
    ///
    /// # Panics
    ///
    /// If nobody answers, or redirects never end.
    #[track_caller]
    pub fn visit(&mut self, url: &str) -> Page {
        self.open(parse(url), None)
    }

    #[track_caller]
    fn open(&mut self, mut url: Url, mut form: Option<String>) -> Page {
        for _ in 0..MOST_PAGES {
            let reply = self.exchange(&url, form.take());
            match reply.location {
                Some(next) => url = next,
                None => {
                    return Page {
                        url: url.into(),
                        status: reply.status,
                        body: reply.body,
                    };
                }
            }
        }
        panic!("more than {MOST_PAGES} redirects");
    }

    #[track_caller]
    fn exchange(&mut self, url: &Url, form: Option<String>) -> Reply {
        let cookie = self.cookie_header(url);
        let sent = match &form {
            Some(body) => self
                .agent
                .post(url.as_str())
                .header("cookie", &cookie)
                .content_type("application/x-www-form-urlencoded")
                .send(body),
            None => self.agent.get(url.as_str()).header("cookie", &cookie).call(),
        };
        // The address may have a code in its query.
        let place = url.origin().ascii_serialization() + url.path();
        let mut reply = sent.unwrap_or_else(|error| panic!("{place} does not answer: {error}"));
        for cookie in reply.headers().get_all("set-cookie") {
            self.keep_cookie(url, cookie.to_str().unwrap_or_default());
        }
        let location = reply
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok());
        Reply {
            location: location
                .filter(|_| reply.status().is_redirection())
                .map(|next| join(url, next)),
            status: reply.status().as_u16(),
            body: reply.body_mut().read_to_string().unwrap_or_default(),
        }
    }

    fn cookie_header(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        self.cookies
            .iter()
            .filter(|((of, path, _), _)| of == host && url.path().starts_with(path.as_str()))
            .map(|((_, _, name), value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep_cookie(&mut self, url: &Url, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let attribute = |wanted: &str| {
            attributes
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| *value)
        };
        let key = (
            url.host_str().unwrap_or_default().to_owned(),
            attribute("path").unwrap_or("/").to_owned(),
            name.to_owned(),
        );
        let gone = attribute("max-age") == Some("0")
            || attribute("expires").is_some_and(|time| time.contains("1970"));
        if gone {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.to_owned());
        }
    }
}

fn settings() -> ConfigBuilder<AgentScope> {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .proxy(None)
}

/// The form of a page: of one that says that something is wrong only where the form carries that to the application.
fn page_of(reply: &Reply, url: &Url, home: &Origin) -> Option<Form> {
    let page = Form::first(&reply.body)?;
    let leaves = join(url, &page.action).origin() != *home;
    (reply.status == 200 || leaves).then_some(page)
}

struct Reply {
    status: u16,
    location: Option<Url>,
    body: String,
}

#[track_caller]
fn parse(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("not an address: {error}"))
}

#[track_caller]
fn join(base: &Url, link: &str) -> Url {
    base.join(link)
        .unwrap_or_else(|error| panic!("not a link: {error}"))
}

/// The text of a page, for messages.
fn visible(html: &str) -> String {
    let body = html.split("</style>").last().unwrap_or_default();
    let text = body
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|(_, text)| text.trim());
    let text: Vec<&str> = text.filter(|text| !text.is_empty()).collect();
    text.join(" ").chars().take(300).collect()
}

const MOST_PAGES: usize = 20;

//! What a browser is shown: constant pages, with nothing of a request in them, and headers that let them load nothing
//! ([RFC 9700 section 4.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.2)).

/// A whole reply. Every one is a constant but for the path of the redirect, which is the receiver's own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Page {
    /// The login arrived: go to the final page, so that the code leaves the address bar.
    SeeOther(&'static str),
    Received,
    Denied,
    NotARequest,
    Stranger,
    Over,
    WrongHost,
    NotHere,
    WrongMethod,
    OnlyPost,
    NotYet,
    TooLarge,
}

impl Page {
    /// The reply on the wire; a reply to HEAD has no body.
    pub(super) fn to_bytes(self, with_body: bool) -> Vec<u8> {
        let (status, extra, body) = self.parts();
        let mut reply = format!(
            "HTTP/1.1 {status}\r\n{extra}{HEADERS}Content-Length: {}\r\n\r\n",
            body.len()
        );
        if with_body {
            reply.push_str(body);
        }
        reply.into_bytes()
    }

    fn parts(self) -> (&'static str, String, &'static str) {
        let plain = |status, body| (status, String::new(), body);
        match self {
            Self::SeeOther(path) => ("303 See Other", format!("Location: {path}\r\n"), MOVED),
            Self::Received => plain("200 OK", RECEIVED),
            Self::Denied => plain("200 OK", DENIED),
            Self::NotARequest => plain("400 Bad Request", NOT_A_REQUEST),
            Self::Stranger => plain("400 Bad Request", STRANGER),
            Self::Over => plain("400 Bad Request", OVER),
            Self::WrongHost => plain("403 Forbidden", WRONG_HOST),
            Self::NotHere => plain("404 Not Found", NOT_HERE),
            Self::WrongMethod => (
                "405 Method Not Allowed",
                "Allow: GET\r\n".to_owned(),
                WRONG_METHOD,
            ),
            Self::OnlyPost => ("405 Method Not Allowed", "Allow: POST\r\n".to_owned(), ONLY_POST),
            // What a browser prefetched is asked for again when the user really goes there.
            Self::NotYet => plain("503 Service Unavailable", NOT_YET),
            Self::TooLarge => plain("431 Request Header Fields Too Large", NOT_A_REQUEST),
        }
    }
}

/// One style sheet, admitted by its hash; no script, no image, no frame, no other origin.
const HEADERS: &str = concat!(
    "Content-Type: text/html; charset=utf-8\r\n",
    "Content-Security-Policy: default-src 'none'; style-src 'sha256-MDBF+91HWR/SxR5r8ImuHXKipKZgnARkuqeAj+ZjdPo='; ",
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
    "Cache-Control: no-store\r\n",
    "Referrer-Policy: no-referrer\r\n",
    "X-Content-Type-Options: nosniff\r\n",
    "X-Frame-Options: DENY\r\n",
    "Cross-Origin-Resource-Policy: same-origin\r\n",
    "Connection: close\r\n",
);

macro_rules! page {
    ($class:literal, $sign:literal, $title:literal, $text:literal) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
            $title,
            "</title>\n<style>",
            include_str!("../pages/style.css"),
            "</style>\n</head>\n<body>\n<main class=\"",
            $class,
            "\">\n<svg viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"21\"/>",
            $sign,
            "</svg>\n<h1>",
            $title,
            "</h1>\n<p>",
            $text,
            "</p>\n</main>\n</body>\n</html>\n"
        )
    };
    (good: $title:literal, $text:literal) => {
        page!("good", "<path d=\"M15 25l6.5 6.5L33.5 18\"/>", $title, $text)
    };
    (bad: $title:literal, $text:literal) => {
        page!("bad", "<path d=\"M24 14v13M24 33.5v.1\"/>", $title, $text)
    };
}

const RECEIVED: &str = page!(
    good: "Login received",
    "You can close this window and go back to the application."
);
const MOVED: &str = page!(good: "Login received", "One moment.");
const DENIED: &str = page!(
    bad: "Access was not granted",
    "The application was given nothing. You can close this window; to try again, start from the application."
);
const STRANGER: &str = page!(
    bad: "This is not the login that was begun",
    "Nothing was changed. If you are logging in, use the window that the application opened last, or start again from there."
);
const OVER: &str = page!(
    bad: "This login has ended",
    "To log in, start again from the application."
);
const WRONG_HOST: &str =
    page!(bad: "Not for this address", "This address takes no requests under another name.");
const NOT_HERE: &str =
    page!(bad: "Nothing is here", "An application is waiting for a login, at another address.");
const WRONG_METHOD: &str =
    page!(bad: "Only GET is taken", "An application is waiting for a login to come back.");
const ONLY_POST: &str =
    page!(bad: "Only POST is taken", "An application is waiting for a login to come back.");
const NOT_A_REQUEST: &str =
    page!(bad: "Not a request", "An application is waiting for a login to come back.");
const NOT_YET: &str = page!(bad: "Not yet", "The login is taken when you go there yourself.");

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn t10_the_policy_admits_the_one_style_sheet_and_nothing_else() {
        let style = include_str!("../pages/style.css");
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        assert!(HEADERS.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
        assert!(RECEIVED.contains(&format!("<style>{style}</style>")));
        for page in [
            RECEIVED,
            MOVED,
            DENIED,
            STRANGER,
            OVER,
            WRONG_HOST,
            NOT_HERE,
            WRONG_METHOD,
            ONLY_POST,
            NOT_A_REQUEST,
            NOT_YET,
        ] {
            for loader in [
                "<script", "src=", "href=", "url(", "@import", "style=", "http:", "https:",
            ] {
                assert!(!page.contains(loader), "{loader}");
            }
        }
    }
}

//! The first form of a page, as far as login and consent pages have one.

use url::form_urlencoded;

/// A form, read from HTML.
#[derive(Debug, Default)]
pub struct Form {
    /// Where it goes, relative to the page.
    pub action: String,
    inputs: Vec<(String, String)>,
    /// Name and value of each button that has a name.
    buttons: Vec<(String, String)>,
}

impl Form {
    /// The first form of the page.
    #[must_use]
    pub fn first(html: &str) -> Option<Self> {
        let html = &html[html.find("<form")?..];
        let html = html.split("</form>").next()?;
        let mut tags = html
            .split('<')
            .skip(1)
            .map(|tag| tag.split('>').next().unwrap_or_default());
        let mut form = Self {
            action: attribute(tags.next()?, "action").unwrap_or_default(),
            ..Self::default()
        };
        for tag in tags {
            let Some(name) = attribute(tag, "name") else {
                continue;
            };
            let value = attribute(tag, "value").unwrap_or_default();
            match tag.split_whitespace().next() {
                Some("input") if attribute(tag, "type").as_deref() == Some("submit") => {
                    form.buttons.push((name, value));
                }
                Some("input") => form.inputs.push((name, value)),
                Some("button") => form.buttons.push((name, value)),
                _ => {}
            }
        }
        Some(form)
    }

    /// Enters a text where there is a field for it that is empty.
    pub fn enter(&mut self, name: &str, text: &str) {
        let mut fields = self.inputs.iter_mut();
        if let Some((_, value)) = fields.find(|(known, value)| known == name && value.is_empty()) {
            text.clone_into(value);
        }
    }

    /// The body that a person sends: their name and a password where one is asked for, and the button that allows or denies.
    #[must_use]
    pub fn fill(&self, user: &str, denies: bool) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.inputs {
            body.append_pair(
                name,
                match name.as_str() {
                    "login" | "username" | "user" => user,
                    "password" => "password",
                    _ => value,
                },
            );
        }
        let pressed = self.buttons.iter().find(|(_, value)| (value == "deny") == denies);
        if let Some((name, value)) = pressed {
            body.append_pair(name, value);
        }
        body.finish()
    }
}

/// The address of the link that gives up, where a page denies with a link.
#[must_use]
pub fn abort_link(html: &str) -> Option<String> {
    let links = html.split("<a ").skip(1).filter_map(|tag| attribute(tag, "href"));
    links.into_iter().find(|href| href.ends_with("/abort"))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\"")).or_else(|| {
        tag.strip_prefix(name)?
            .strip_prefix("=\"")
            .map(|value| ("", value))
    })?;
    let value = value.split('"').next()?;
    let value = value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'");
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_presses_no_button_that_allows() {
        let page = r#"<form method="post"><input type="submit" value="Cancel"><input type="submit" name="allow" value="Yes"></form>"#;
        let form = Form::first(page).expect("the page has one");
        assert_eq!(
            (form.fill("ann", false).as_str(), form.fill("ann", true).as_str()),
            ("allow=Yes", "")
        );
    }

    const PAGE: &str = r#"<p>Hello</p><form action="/consent?a=1&amp;b=2" method="post">
        <input type="hidden" name="interaction" value="&quot;x&quot;"><input type="text" name="login">
        <input name="password" type="password"><button name="decision" value="allow">Allow</button>
        <button name="decision" value="deny">Deny</button></form><form action="/other"></form>"#;

    #[test]
    fn a_form_is_filled_as_a_person_would() {
        let form = Form::first(PAGE).expect("the page has one");
        assert_eq!(form.action, "/consent?a=1&b=2");
        assert_eq!(
            form.fill("ann", false),
            "interaction=%22x%22&login=ann&password=password&decision=allow"
        );
        assert!(form.fill("ann", true).ends_with("decision=deny"));
    }

    #[test]
    fn a_page_without_a_form_has_none() {
        assert!(Form::first("<h1>Done</h1>").is_none());
        assert_eq!(
            abort_link(r#"<a href="/x/abort">Cancel</a>"#),
            Some("/x/abort".into())
        );
    }
}

//! The project that calls are counted to ([its documentation](https://cloud.google.com/docs/quotas/quota-project)).

use grantflow_core::error::InvalidInput;
use grantflow_core::{Client, Error};
use http::{HeaderName, HeaderValue};

/// The name of a project that fits in a header.
#[derive(Clone, Debug)]
pub(crate) struct QuotaProject(String, HeaderValue);

impl QuotaProject {
    pub(crate) fn new(project: impl Into<String>) -> Result<Self, Error> {
        let project = project.into();
        let problem = "is empty or has a character that no header may have";
        let value = HeaderValue::from_str(&project).ok();
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or(InvalidInput::new("quota project", problem))?;
        Ok(Self(project, value))
    }

    /// The client, whose tokens take the project along wherever they go.
    pub(crate) fn on(&self, client: Client) -> Client {
        client.with_api_header(HEADER, self.1.clone())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

const HEADER: HeaderName = HeaderName::from_static("x-goog-user-project");

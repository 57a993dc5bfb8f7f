//! A transport that repeats on its own what was lost, that does not say all it hears, or that does not wait.

use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{AsyncTransport, Task, Ticks};
use grantflow_core::{Body, EntropyError, Now, Request, Response, TransportError};

use super::Plant;
use crate::host::SimHost;

/// How much later a request is made once more.
const LATER: Duration = Duration::from_millis(100);
/// Longer than a server wants to be left alone.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// The transport, with a bug or without.
#[derive(Clone)]
pub(crate) struct PlantedTransport {
    host: SimHost,
    plant: Option<Plant>,
}

impl PlantedTransport {
    pub(crate) fn new(host: SimHost, plant: Option<Plant>) -> Self {
        Self { host, plant }
    }

    /// Makes it once more a moment later, if it was lost.
    async fn send_and_again(&self, request: Request) -> Result<Response, TransportError> {
        let sent = self.host.send(request.clone()).await;
        let lost = match &sent {
            Ok(reply) => reply.status().as_u16() == 500,
            Err(error) => error.request_left(),
        };
        if lost {
            let host = self.host.clone();
            let again = async move {
                host.sleep(LATER).await;
                drop(host.send(request).await);
            };
            drop(self.host.spawn(Box::pin(again)));
        }
        sent
    }
}

fn has(request: &Request, text: &str) -> bool {
    let body = request.body().as_bytes();
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

fn without_resource(mut request: Request) -> Request {
    let pairs = form_urlencoded::parse(request.body().as_bytes());
    let kept = pairs.filter(|(name, _)| name != "resource");
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .finish();
    *request.body_mut() = Body::from(body);
    request
}

#[async_trait]
impl AsyncTransport for PlantedTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        match self.plant {
            Some(Plant::IgnoreNonces) => {
                let mut reply = self.host.send(request).await?;
                reply.headers_mut().remove("dpop-nonce");
                Ok(reply)
            }
            Some(Plant::SendCodeAgain) if has(&request, "code_verifier=") => {
                let sent = self.host.send(request.clone()).await;
                match sent {
                    Err(error) if error.request_left() => self.host.send(request).await,
                    sent => sent,
                }
            }
            Some(Plant::PollAfterAnswer) if has(&request, "auth_req_id=") => {
                let answer = self.host.send(request.clone()).await?;
                if answer.status().is_success() {
                    self.host.sleep(LONG_ENOUGH).await;
                    drop(self.host.send(request).await);
                }
                Ok(answer)
            }
            Some(Plant::AskSourceTwice) if has(&request, "=client_credentials") => {
                let (host, again) = (self.host.clone(), request.clone());
                let again = async move { drop(host.send(again).await) };
                drop(self.host.spawn(Box::pin(again)));
                self.host.send(request).await
            }
            Some(Plant::ForgetResource) if has(&request, "=refresh_token") => {
                self.host.send(without_resource(request)).await
            }
            Some(Plant::RetryOutsideLock) if request.uri().path() == "/token" => {
                self.send_and_again(request).await
            }
            _ => self.host.send(request).await,
        }
    }

    async fn sleep(&self, pause: Duration) {
        let half = self.plant == Some(Plant::PollTooEarly);
        self.host.sleep(if half { pause / 2 } else { pause }).await;
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.host.spawn(task)
    }

    fn now(&self) -> Now {
        self.host.now()
    }

    fn ticks(&self) -> Ticks {
        self.host.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.host.fill(bytes)
    }
}

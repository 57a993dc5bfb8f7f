//! A transport that repeats on its own what was lost, that does not say all it hears, or that does not wait.

use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{AsyncTransport, Task, Ticks};
use grantflow_core::{EntropyError, Now, Request, Response, TransportError};

use super::Plant;
use crate::host::SimHost;

/// How much later a request is made once more.
const LATER: Duration = Duration::from_millis(100);

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
}

#[async_trait]
impl AsyncTransport for PlantedTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if self.plant == Some(Plant::IgnoreNonces) {
            let mut reply = self.host.send(request).await?;
            reply.headers_mut().remove("dpop-nonce");
            return Ok(reply);
        }
        if self.plant != Some(Plant::RetryOutsideLock) || request.uri().path() != "/token" {
            return self.host.send(request).await;
        }
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

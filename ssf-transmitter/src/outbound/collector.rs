//! The way to the operator's own collector of spans.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient as CarriesSpans, HttpError};
use reqwest::{Client, redirect};
use ssf_types::error::Chain;
use tokio::{runtime::Handle, time::Instant};
use tracing::warn;

use super::{client::ClientError, trust::TrustAnchors};

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read; one that says which spans were refused has a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Least time between two complaints in the log: spans come without end.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// Carries spans to the collector that the operator has named. It is the operator's choice, so that no address is out of
/// the question; the other rules of this tree hold.
#[derive(Clone, Debug)]
pub(crate) struct CollectorClient {
    client: Client,
    runtime: Handle,
    complained: Arc<Mutex<Option<Instant>>>,
}

/// The collector did not take spans.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("the answer is {0}")]
    Status(u16),
}

impl CollectorClient {
    /// Makes a client whose requests are made by the present runtime: whoever exports has none.
    pub(crate) fn new(trust: TrustAnchors) -> Result<Self, ClientError> {
        let client = Client::builder()
            .user_agent(concat!("ssf-transmitter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .tls_certs_merge(trust.certificates())
            .timeout(TIMEOUT)
            .build()
            .map_err(ClientError)?;
        Ok(Self {
            client,
            runtime: Handle::current(),
            complained: Arc::default(),
        })
    }

    async fn carry(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let carried = self.exchange(request).await;
        match &carried {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.complain(&NotTaken::Status(answer.status().as_u16())),
            Err(error) => self.complain(error.as_ref()),
        }
        carried
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let asked = self.client.post(parts.uri.to_string());
        let mut answer = asked.headers(parts.headers).body(body).send().await?;
        let mut read = Vec::new();
        while let Some(part) = answer.chunk().await? {
            if read.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(NotTaken::TooLong.into());
            }
            read.extend_from_slice(&part);
        }
        let mut response = Response::new(Bytes::from(read));
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }

    /// Tells the log once in a while; nothing else depends on the collector.
    fn complain(&self, error: &(dyn Error + 'static)) {
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complained.is_some_and(|at| at.elapsed() < COMPLAINT_INTERVAL) {
            return;
        }
        *complained = Some(Instant::now());
        warn!(error = %Chain(error), "the collector does not take spans");
    }
}

#[async_trait]
impl CarriesSpans for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.spawn(self.clone().carry(request)).await?
    }
}

//! The operator's API, as commands use it.

use std::{error::Error, time::Duration};

use clap::Args;
use reqwest::{Client, Method, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use ssf_types::uri::EndpointUrl;

/// How long a request may take; a change of status waits up to 3 s for what is under way.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer that is read, in bytes: a page of 1000 streams has less.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where the transmitter is, and who asks.
#[derive(Args, Debug)]
pub(super) struct ServerArgs {
    /// Where the transmitter is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8411")]
    url: String,
    /// The operator's token; in the environment other users of this machine cannot see it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SSF_OPERATOR_TOKEN",
        hide_env_values = true
    )]
    token: SecretString,
}

/// The transmitter did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the transmitter cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the transmitter answered {status}: {detail}")]
    Refused { status: u16, detail: String },
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

impl ServerArgs {
    /// A request; the segments of its path below `/operator/v1`, and what the query has, are escaped.
    pub(super) fn request(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, Option<&str>)],
    ) -> Result<RequestBuilder, Box<dyn Error>> {
        let base = self.url.trim_end_matches('/');
        let base = EndpointUrl::parse(format!("{base}/operator/v1"))?;
        let mut url = base.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(ApiError::Unreachable)?;
        Ok(client
            .request(method, url)
            .bearer_auth(self.token.expose_secret()))
    }
}

/// The answer's JSON; null if it has none.
pub(super) async fn sent(request: RequestBuilder) -> Result<Value, ApiError> {
    let mut response = request.send().await.map_err(ApiError::Unreachable)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ApiError::Unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ApiError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().unwrap_or("no explanation");
    Err(ApiError::Refused {
        status: status.as_u16(),
        detail: detail.to_owned(),
    })
}

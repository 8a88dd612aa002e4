//! The one HTTP client, towards the Transmitter: deadlines, capped bodies, no redirects.

pub(crate) mod discovery;
pub(crate) mod poll;
pub(crate) mod stream;

use std::{error::Error, time::Duration};

use reqwest::{Client, Method, RequestBuilder, Response, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for a whole answer, body included.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest document that is read, in bytes; a list of streams with all their event types fits.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// There was no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The client cannot be made, for lack of TLS roots, say.
    #[error("the HTTP client cannot be made")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// No answer came, or not in time.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host that was asked.
        host: String,
        /// Why, without the URL.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is longer than any that makes sense.
    #[error("the answer of {host} has more than {bytes_max} bytes")]
    TooLong {
        /// The host that was asked.
        host: String,
        /// Most bytes that would have been read.
        bytes_max: usize,
    },
    /// The answer has another status than was asked for.
    #[error("{host} answered with status {status}{}", hint(*status))]
    Status {
        /// The host that was asked.
        host: String,
        /// The status.
        status: u16,
    },
}

/// What the operator can do about a status.
fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed, so use the address that it points to",
        401 => "; check the management token",
        403 => "; the management token lacks a permission",
        404 => "; check the issuer",
        429 => "; it wants fewer requests",
        _ => "",
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    host: String,
}

impl Answered {
    /// The body, if the status is one of those.
    pub(crate) fn expect(self, statuses: &[u16]) -> Result<Vec<u8>, FetchError> {
        if statuses.contains(&self.status) {
            return Ok(self.body);
        }
        Err(FetchError::Status {
            host: self.host,
            status: self.status,
        })
    }
}

/// The HTTP client.
#[derive(Clone, Debug)]
pub(crate) struct Http(Client);

impl Http {
    pub(crate) fn new() -> Result<Self, FetchError> {
        Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("ssf-receiver/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| FetchError::Client(error.into()))
    }

    /// GETs a public document.
    pub(crate) async fn get(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let host = host_of(&url);
        answered(self.0.get(url), host).await?.expect(&[200])
    }

    /// Asks the stream management API.
    pub(crate) async fn manage(
        &self,
        method: Method,
        url: Url,
        token: &SecretString,
        body: Option<Vec<u8>>,
    ) -> Result<Answered, FetchError> {
        let host = host_of(&url);
        let mut request = self
            .0
            .request(method, url)
            .bearer_auth(token.expose_secret())
            .header(header::ACCEPT, "application/json");
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        answered(request, host).await
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn answered(request: RequestBuilder, host: String) -> Result<Answered, FetchError> {
    let response = sent(request, &host).await?;
    Ok(Answered {
        status: response.status().as_u16(),
        body: read_capped(response, &host, DOCUMENT_BYTES_MAX).await?,
        host,
    })
}

/// Sends a request, and waits for the head of its answer.
async fn sent(request: RequestBuilder, host: &str) -> Result<Response, FetchError> {
    request.send().await.map_err(unreachable(host))
}

/// Reads a body to its end, unless it is longer than `bytes_max`.
async fn read_capped(
    mut response: Response,
    host: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable(host))? {
        if body.len() + chunk.len() > bytes_max {
            let host = host.to_owned();
            return Err(FetchError::TooLong { host, bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(host: &str) -> impl Fn(reqwest::Error) -> FetchError {
    move |error| FetchError::Unreachable {
        host: host.to_owned(),
        source: error.without_url().into(),
    }
}

//! The one HTTP client, towards the Transmitter: deadlines, capped bodies, no redirects, no proxies.

pub(crate) mod access;
pub(crate) mod discovery;
pub(crate) mod poll;
pub(crate) mod reach;
pub(crate) mod stream;
#[cfg(feature = "daemon")]
pub(crate) mod token_keys;
#[cfg(feature = "daemon")]
mod webhook;

use std::{error::Error, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{
    Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, header, redirect,
};
use secrecy::{ExposeSecret, SecretString};
use ssf_types::uri::Issuer;
use url::Url;

use self::{
    access::Access,
    reach::{Names, Reach},
};

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
    /// There is no token to ask with.
    #[error("there is no access token")]
    Token {
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A document leads from a public issuer into a network that is not public.
    #[error(
        "{host} is a loopback, link-local, private or reserved address, to which no document of a public issuer leads"
    )]
    NotPublic {
        /// The host that would have been asked.
        host: String,
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
        401 => "; check the management token, or the client's credentials",
        403 => "; the management token, or the client, lacks a permission",
        404 => "; there is no such thing there: check the issuer, or the stream's id",
        405 | 501 => "; it does not offer this",
        409 => "; it has a stream for these credentials, and wants no second one",
        429 => "; it wants fewer requests",
        _ => "",
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    host: String,
}

impl Answered {
    /// The body, if the status is one of those.
    pub(crate) fn expect(self, statuses: &[u16]) -> Result<Vec<u8>, FetchError> {
        let status = self.status.as_u16();
        if statuses.contains(&status) {
            return Ok(self.body);
        }
        let host = self.host;
        Err(FetchError::Status { host, status })
    }
}

/// The HTTP client, for one Transmitter.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    reach: Reach,
}

impl Http {
    /// Asks the Transmitter `issuer`, and whatever its documents may lead to.
    pub(crate) fn new(issuer: &Issuer) -> Result<Self, FetchError> {
        let builder = builder().dns_resolver(Arc::new(Names::new(issuer)));
        Self::built(builder, Reach::of(issuer))
    }

    /// Asks at addresses that the operator chose, wherever they are.
    pub(crate) fn of_operator() -> Result<Self, FetchError> {
        Self::built(builder(), Reach::Everywhere)
    }

    fn built(builder: ClientBuilder, reach: Reach) -> Result<Self, FetchError> {
        let client = builder.build();
        let client = client.map_err(|error| FetchError::Client(error.into()))?;
        Ok(Self { client, reach })
    }

    /// A request to `url`, if the Transmitter's documents may lead there.
    fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, FetchError> {
        if !self.reach.allows(&url) {
            let host = host_of(&url);
            return Err(FetchError::NotPublic { host });
        }
        Ok(self.client.request(method, url))
    }

    /// GETs a public document.
    pub(crate) async fn get(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let host = host_of(&url);
        let request = self.request(Method::GET, url)?;
        answered(request, host).await?.expect(&[200])
    }

    /// What time it is where a public document is, as `Date` has it; whatever the status.
    #[cfg(feature = "daemon")]
    pub(crate) async fn date(&self, url: Url) -> Result<Option<String>, FetchError> {
        let host = host_of(&url);
        let response = sent(self.request(Method::GET, url)?, &host).await?;
        let date = response.headers().get(header::DATE);
        let date = date.and_then(|date| date.to_str().ok());
        Ok(date.map(str::to_owned))
    }

    /// Asks without a token, for the `WWW-Authenticate` of the refusal; `None` if there is none.
    async fn ask_bare(&self, method: Method, url: Url) -> Result<Option<String>, FetchError> {
        let host = host_of(&url);
        let response = sent(self.request(method, url)?, &host).await?;
        let mut challenges = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let texts = challenges.by_ref().filter_map(|value| value.to_str().ok());
        let all: Vec<&str> = texts.collect();
        Ok((!all.is_empty()).then(|| all.join(", ")))
    }

    /// Sends what the OAuth library has put together, within the same limits as everything else.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let (head, body) = request.into_parts();
        let host = head.uri.host().unwrap_or_default().to_owned();
        let url = Url::parse(&head.uri.to_string());
        let url = url.map_err(|error| FetchError::Unreachable {
            host: host.clone(),
            source: error.into(),
        })?;
        let request = self.request(head.method, url)?.headers(head.headers);
        let answer = answered(request.body(body), host).await?;
        // The library reads JSON alone, whatever it is called.
        let mut response = HttpResponse::new(answer.body);
        *response.status_mut() = answer.status;
        Ok(response)
    }

    /// Asks the stream management API.
    pub(crate) async fn manage(
        &self,
        method: Method,
        url: Url,
        access: &Access,
        body: Option<Vec<u8>>,
    ) -> Result<Answered, FetchError> {
        let host = host_of(&url);
        let response = self.authorised(access, &host, || {
            let request = self.request(method.clone(), url.clone())?;
            let request = request.header(header::ACCEPT, "application/json");
            Ok(match &body {
                None => request,
                Some(body) => request
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(body.clone()),
            })
        });
        read(response.await?, host).await
    }

    /// Sends a request with a token, and once more with another one if that is refused and there is another.
    async fn authorised(
        &self,
        access: &Access,
        host: &str,
        request: impl Fn() -> Result<RequestBuilder, FetchError>,
    ) -> Result<Response, FetchError> {
        let token = access.token().await?;
        let with = |token: &SecretString| -> Result<RequestBuilder, FetchError> {
            Ok(request()?.bearer_auth(token.expose_secret()))
        };
        let response = sent(with(&token)?, host).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match access.other_than(&token).await? {
            Some(other) => sent(with(&other)?, host).await,
            None => Ok(response),
        }
    }
}

/// How the crate openidconnect asks.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        // One of the environment would be asked even for this machine, in clear text, and would look names up by itself, so
        // that nobody had judged where they lead.
        .no_proxy()
        .user_agent(concat!("ssf-receiver/", env!("CARGO_PKG_VERSION")))
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn answered(request: RequestBuilder, host: String) -> Result<Answered, FetchError> {
    let response = sent(request, &host).await?;
    read(response, host).await
}

async fn read(response: Response, host: String) -> Result<Answered, FetchError> {
    Ok(Answered {
        status: response.status(),
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

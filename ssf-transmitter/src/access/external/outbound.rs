//! The HTTP client towards authorization servers: bounded in time and size, without redirects, and over TLS.

use std::{future::Future, pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::{
    Client, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
    redirect,
};
use ssf_types::uri::{Issuer, is_loopback};
use url::Url;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an answer may take, connecting included: a Receiver waits for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes: metadata and keys of large providers have some ten thousand.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the HTTP client cannot be made; TLS needs the system's CA certificates (Debian: ca-certificates)"
)]
pub struct OutboundClientError(#[source] reqwest::Error);

/// There was no usable answer. No URL is told, since a query may hold what is nobody's business.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    /// The request is none.
    #[error("the request cannot be made")]
    Request(#[source] reqwest::Error),
    /// The address is one to which nothing is sent.
    #[error("the address is not https, or of this machine without the issuer being so")]
    Insecure,
    /// No answer came, or not in time.
    #[error("no answer came")]
    Unanswered(#[source] reqwest::Error),
    /// The answer is too long.
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// The answer has another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The answer has a header that is none.
    #[error("the answer cannot be read")]
    Answer(#[source] http::Error),
}

/// Which addresses are asked.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// Those with TLS.
    Tls,
    /// Those of this machine as well, without TLS: the authorization server of a development set-up.
    OwnMachine,
}

/// Asks authorization servers. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    client: Client,
    reach: Reach,
}

impl Outbound {
    pub(super) fn new() -> Result<Self, OutboundClientError> {
        let client = Client::builder()
            .user_agent(concat!("ssf-transmitter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(OutboundClientError)?;
        Ok(Self {
            client,
            reach: Reach::Tls,
        })
    }

    /// A client for what the metadata of `issuer` names; only an issuer of this machine leads to this machine.
    pub(super) fn of(&self, issuer: &Issuer) -> Self {
        let reach = match issuer.to_url().scheme() {
            "http" => Reach::OwnMachine,
            _ => Reach::Tls,
        };
        Self {
            client: self.client.clone(),
            reach,
        }
    }

    /// The body of the answer to a form that is posted with a name and a password.
    pub(super) async fn post_form(
        &self,
        url: Url,
        (name, password): (&str, &str),
        form: String,
    ) -> Result<Vec<u8>, OutboundError> {
        let request = self
            .client
            .post(url)
            .basic_auth(name, Some(password))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form)
            .build()
            .map_err(|error| OutboundError::Request(error.without_url()))?;
        let mut response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => capped(&mut response).await,
            other => Err(OutboundError::Status(other.as_u16())),
        }
    }

    async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        if !self.reaches(request.url()) {
            return Err(OutboundError::Insecure);
        }
        let sent = self.client.execute(request).await;
        sent.map_err(|error| OutboundError::Unanswered(error.without_url()))
    }

    fn reaches(&self, url: &Url) -> bool {
        match self.reach {
            Reach::Tls => url.scheme() == "https",
            Reach::OwnMachine => url.scheme() == "https" || is_loopback(url),
        }
    }
}

async fn capped(response: &mut Response) -> Result<Vec<u8>, OutboundError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| OutboundError::Unanswered(error.without_url()))?;
        let Some(chunk) = chunk else {
            return Ok(body);
        };
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(OutboundError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
}

impl<'c> AsyncHttpClient<'c> for Outbound {
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(OutboundError::Request)?;
            let mut response = self.send(request).await?;
            let body = capped(&mut response).await?;
            let mut answer = http::Response::builder().status(response.status());
            for (name, value) in response.headers() {
                answer = answer.header(name, value);
            }
            answer.body(body).map_err(OutboundError::Answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(issuer: &str, url: &str) -> bool {
        let issuer = Issuer::parse(issuer).unwrap();
        let outbound = Outbound::new().unwrap().of(&issuer);
        outbound.reaches(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_server_elsewhere_leads_to_addresses_with_tls_alone() {
        let elsewhere = "https://as.example.com";
        assert!(reaches(elsewhere, "https://keys.example.com/jwks"));
        for url in [
            "http://as.example.com/jwks",
            "http://127.0.0.1/jwks",
            "file:///etc/passwd",
        ] {
            assert!(!reaches(elsewhere, url), "{url}");
        }
        let here = "http://127.0.0.1:9000";
        assert!(reaches(here, "http://localhost:9000/jwks"));
        assert!(!reaches(here, "http://as.example.com/jwks"));
    }
}

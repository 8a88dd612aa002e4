//! The HTTP of a tester: requests as they are told, without redirects, cookies or decompression.

use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, ClientBuilder, Method, redirect};
use rustls::ClientConfig;
use ssf_types::error::Chain;
use url::Url;

use crate::{
    exchange::{Answer, BODY_BYTES_MAX, Exchange, NoAnswer, Probes, Recording, Request, jwks_url},
    target::Target,
};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection waits for another request. Servers close those that wait, many after 5 s and some after 2 s, and a
/// request that meets the end of its connection would be held against the peer.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(1);

/// How the tester speaks to a Transmitter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Longest wait for a whole answer.
    pub timeout: Duration,
    /// Certificate authorities in PEM to trust besides those of this machine.
    pub extra_authorities: Option<Vec<u8>>,
}

impl Default for Settings {
    /// Waits 15 seconds and trusts the authorities of this machine.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            extra_authorities: None,
        }
    }
}

/// The tester cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The certificates that were given are none in PEM.
    #[error("the certificates cannot be read as PEM")]
    Certificates(#[source] reqwest::Error),
    /// The URL is none.
    #[error("there is no such URL")]
    NoUrl,
    /// The TLS library refused to start.
    #[error("there is no HTTP client")]
    Client(#[source] reqwest::Error),
    /// The Transmitter did not answer in a way that could be judged.
    #[error("{url} cannot be judged")]
    NoAnswer {
        /// What was asked for.
        url: Url,
        /// What happened instead.
        #[source]
        source: NoAnswer,
    },
    /// The answer has a status that brings no document.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked for.
        url: Url,
        /// The status.
        status: u16,
    },
}

/// Asks a Transmitter.
#[derive(Clone, Debug)]
pub struct Wire {
    client: Client,
    settings: Settings,
    /// Whether it is for what runs on this machine.
    is_local: bool,
}

fn builder(settings: &Settings) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("ssf-conformance/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
        .timeout(settings.timeout)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(redirect::Policy::none())
        .referer(false)
}

impl Wire {
    /// Makes a client for one Transmitter.
    ///
    /// # Errors
    /// The certificates are not PEM, or TLS cannot be had.
    pub fn new(target: &Target, settings: &Settings) -> Result<Self, WireError> {
        Self::to(target.url(), settings)
    }

    /// Makes a client for one place; what runs on this machine is not asked through a proxy.
    ///
    /// # Errors
    /// The certificates are not PEM, or TLS cannot be had.
    pub fn to(url: &Url, settings: &Settings) -> Result<Self, WireError> {
        let mut builder = builder(settings);
        if let Some(pem) = &settings.extra_authorities {
            let extra = Certificate::from_pem_bundle(pem).map_err(WireError::Certificates)?;
            builder = builder.tls_certs_merge(extra);
        }
        Self::built(builder, url, settings)
    }

    /// The same with TLS of its own: that of a reference which is not sound.
    pub(crate) fn over(
        tls: ClientConfig,
        url: &Url,
        settings: &Settings,
    ) -> Result<Self, WireError> {
        let builder = builder(settings).tls_backend_preconfigured(tls);
        Self::built(builder, url, settings)
    }

    fn built(
        mut builder: ClientBuilder,
        url: &Url,
        settings: &Settings,
    ) -> Result<Self, WireError> {
        let is_local = ssf_types::uri::is_loopback(url);
        if is_local {
            builder = builder.no_proxy();
        }
        Ok(Self {
            client: builder.build().map_err(WireError::Client)?,
            settings: settings.clone(),
            is_local,
        })
    }

    /// A client for another place with the same settings: this one where it can be, since each that is made reads the
    /// trust anchors of this machine.
    ///
    /// # Errors
    /// TLS cannot be had.
    pub fn also_to(&self, url: &Url) -> Result<Self, WireError> {
        if ssf_types::uri::is_loopback(url) == self.is_local {
            return Ok(self.clone());
        }
        Self::to(url, &self.settings)
    }

    /// Longest wait for a whole answer.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Makes all requests that the checks of the metadata judge.
    ///
    /// # Errors
    /// The first one, for the metadata itself, has no answer.
    pub async fn metadata(&self, target: Target) -> Result<Recording, WireError> {
        let metadata = self.get(target.metadata_url()).await;
        if let Err(source) = metadata.result {
            return Err(WireError::NoAnswer {
                url: metadata.request.url,
                source,
            });
        }
        let probes = Probes {
            appended: self.get_if(target.appended_url()).await,
            unknown_tenant: self.get(target.unknown_tenant_url()).await,
            risc: self.get(target.risc_url()).await,
            jwks: self.get_if(jwks_url(&target, &metadata)).await,
        };
        Ok(Recording::new(target, metadata, probes))
    }

    /// Fetches the document at one URL.
    ///
    /// # Errors
    /// There is no answer, or its status is none of the 2xx.
    pub async fn document(&self, url: Url) -> Result<Vec<u8>, WireError> {
        match self.send(Request::get(url.clone())).await.result {
            Ok(answer) if answer.is_success() => Ok(answer.body),
            Ok(answer) => Err(WireError::Status {
                url,
                status: answer.status,
            }),
            Err(source) => Err(WireError::NoAnswer { url, source }),
        }
    }

    /// Makes one request.
    pub async fn send(&self, request: Request) -> Exchange {
        let began = Instant::now();
        let result = self.answer(&request).await;
        Exchange::new(request, result, began.elapsed())
    }

    async fn get_if(&self, url: Option<Url>) -> Option<Exchange> {
        match url {
            Some(url) => Some(self.get(url).await),
            None => None,
        }
    }

    async fn get(&self, url: Url) -> Exchange {
        self.send(Request::get(url)).await
    }

    async fn answer(&self, request: &Request) -> Result<Answer, NoAnswer> {
        let unreachable = |error: reqwest::Error| NoAnswer::Unreachable {
            reason: Chain(&error.without_url()).to_string(),
        };
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| {
            NoAnswer::Unreachable {
                reason: error.to_string(),
            }
        })?;
        let mut asked = self.client.request(method, request.url.clone());
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        if !request.body.is_empty() {
            asked = asked.body(request.body.clone());
        }
        let mut response = asked.send().await.map_err(unreachable)?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.as_str().to_owned(), value.into_owned())
                })
                .collect(),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(NoAnswer::TooLong);
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

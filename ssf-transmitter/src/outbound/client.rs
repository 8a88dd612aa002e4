//! The client itself.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, header::ACCEPT_ENCODING};
use reqwest::{Client, dns::Resolve, redirect};
use ssf_types::uri::EndpointUrl;
use tokio::time::{self, Instant};

use super::{
    deadlines::Deadlines,
    fault::{Fault, NoReply},
    names::{SystemNames, VettedNames},
    peer::PeerCheck,
    places::{Place, Places},
    reply::Reply,
    trust::TrustAnchors,
};
use crate::domain::push_address::PushAddresses;

/// How long an idle connection is kept: shorter than the 60 or 75 seconds after which servers commonly close it.
const IDLE: Duration = Duration::from_secs(45);

/// What a client keeps to.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where requests may go.
    pub addresses: PushAddresses,
    /// How long one may take.
    pub deadlines: Deadlines,
    /// Most that are under way to one host, at least 1.
    pub host_requests_max: usize,
    /// Who else may certify servers, beside those that the system trusts.
    pub trust: TrustAnchors,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the HTTP client cannot be made; TLS needs the system's CA certificates (Debian: ca-certificates)"
)]
pub struct ClientError(#[source] pub(super) reqwest::Error);

/// What is asked of a peer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: EndpointUrl,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Sends requests, and keeps to its terms. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: Client,
    addresses: Arc<PushAddresses>,
    deadlines: Deadlines,
    places: Places,
}

impl HttpClient {
    /// Makes a client that asks the operating system what names lead to.
    pub(crate) fn new(terms: Terms) -> Result<Self, ClientError> {
        Self::with_names(terms, Arc::new(SystemNames::new()))
    }

    /// Makes a client that asks `names`.
    pub(super) fn with_names(terms: Terms, names: Arc<dyn Resolve>) -> Result<Self, ClientError> {
        let addresses = Arc::new(terms.addresses);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let client = Client::builder()
            .user_agent(concat!("ssf-transmitter/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .tls_certs_merge(terms.trust.certificates())
            .connect_timeout(terms.deadlines.connect)
            .dns_resolver(VettedNames::new(Arc::clone(&addresses), names))
            .connector_layer(PeerCheck(Arc::clone(&addresses)))
            .pool_idle_timeout(IDLE)
            // Fewer would be closed, and opened again, between any two windows of a stream.
            .pool_max_idle_per_host(terms.host_requests_max)
            .build()
            .map_err(ClientError)?;
        Ok(Self {
            client,
            addresses,
            deadlines: terms.deadlines,
            places: Places::new(terms.host_requests_max),
        })
    }

    /// Takes a place at the host of a URL; `None` if as much is under way to it as may be.
    pub(crate) fn place(&self, url: &EndpointUrl) -> Option<Place> {
        self.places.try_take(url.host(), port(url))
    }

    /// Waits for a place, sends one request and returns the head of its answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, NoReply> {
        self.check(&request.url)?;
        let whole = Instant::now() + self.deadlines.whole;
        let place = self.places.take(request.url.host(), port(&request.url));
        let place = time::timeout_at(whole, place).await;
        let place = place.map_err(|_| Fault::Crowded)?;
        if Instant::now() >= whole {
            // A place that came with the end of the time is none: nothing is to be sent that nobody waits for.
            return Err(Fault::Crowded.into());
        }
        self.send_until(whole, place, request).await
    }

    /// Sends one request at once, from a place at its host, and returns the head of its answer.
    pub(crate) async fn send_from(&self, place: Place, request: Request) -> Result<Reply, NoReply> {
        self.check(&request.url)?;
        let whole = Instant::now() + self.deadlines.whole;
        self.send_until(whole, place, request).await
    }

    /// A host that is an address is never resolved, so it is judged here.
    fn check(&self, url: &EndpointUrl) -> Result<(), Fault> {
        self.addresses.check(url).map_err(|_| Fault::AddressRefused)
    }

    async fn send_until(
        &self,
        whole: Instant,
        place: Place,
        request: Request,
    ) -> Result<Reply, NoReply> {
        let url = request.url.url().clone();
        let mut sent = reqwest::Request::new(request.method, url);
        *sent.headers_mut() = request.headers;
        if !request.body.is_empty() {
            *sent.body_mut() = Some(request.body.into());
        }
        let head = whole.min(Instant::now() + self.deadlines.head);
        let response = time::timeout_at(head, self.client.execute(sent)).await;
        let response = response.map_err(|_| Fault::Timeout)??;
        let until = whole.min(Instant::now() + self.deadlines.body);
        Ok(Reply::new(response, until, place))
    }
}

fn port(url: &EndpointUrl) -> u16 {
    url.url().port_or_known_default().unwrap_or_default()
}

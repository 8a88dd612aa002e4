//! Requests to authorization servers, through the one way out: over TLS, and to addresses that the operator allows.

use std::{future::Future, pin::Pin, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use ssf_types::uri::{EndpointUrl, Issuer, UriError, is_loopback};
use url::Url;

use crate::{
    domain::push_address::{OwnMachine, PushAddresses},
    outbound::{
        BodyEnd, ClientError, Deadlines, HttpClient, NoReply, Reply, Request, Terms, TrustAnchors,
    },
};

/// How long an answer may take; a Receiver waits for it.
const DEADLINES: Deadlines = Deadlines::new(
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(5),
    Duration::from_secs(5),
);

/// Most requests that are under way to one server: documents are fetched one at a time, and tokens are asked about by as
/// many as wait for that.
const HOST_REQUESTS_MAX: usize = 64;

/// Longest answer that is read, in bytes: metadata and keys of large providers have some ten thousand.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// There was no usable answer. No URL is told, since a query may hold what is nobody's business.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    /// The address is none to which anything is sent.
    #[error("the address is none to which anything is sent")]
    Address(#[source] UriError),
    /// The address is one of this machine without TLS, and the issuer is elsewhere.
    #[error("the address is not https, and that of the issuer is")]
    Insecure,
    /// No answer came, or not in time.
    #[error("no answer came")]
    Unanswered(#[source] NoReply),
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
    /// For servers elsewhere.
    elsewhere: HttpClient,
    /// For servers of this machine.
    here: HttpClient,
    reach: Reach,
}

impl Outbound {
    /// Asks servers at `addresses`, and those of this machine that the configuration names without TLS.
    pub(super) fn new(
        addresses: &PushAddresses,
        trust: &TrustAnchors,
    ) -> Result<Self, ClientError> {
        let client = |addresses| {
            HttpClient::new(Terms {
                addresses,
                deadlines: DEADLINES,
                host_requests_max: HOST_REQUESTS_MAX,
                trust: trust.clone(),
            })
        };
        Ok(Self {
            elsewhere: client(addresses.clone())?,
            here: client(PushAddresses::new(OwnMachine::Allowed, Vec::new()))?,
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
            reach,
            ..self.clone()
        }
    }

    /// The body of the answer to a form that is posted with a name and a password.
    pub(super) async fn post_form(
        &self,
        url: Url,
        (name, password): (&str, &str),
        form: String,
    ) -> Result<Vec<u8>, OutboundError> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, basic(name, password)),
            (CONTENT_TYPE, form_type),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let body = form.into_bytes();
        let reply = self.send(Method::POST, url.as_str(), headers, body).await?;
        match reply.status() {
            StatusCode::OK => whole_body(reply).await,
            other => Err(OutboundError::Status(other.as_u16())),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Reply, OutboundError> {
        let url = EndpointUrl::parse(url).map_err(OutboundError::Address)?;
        if !self.reaches(url.url()) {
            return Err(OutboundError::Insecure);
        }
        let client = match self.reach {
            Reach::Tls => &self.elsewhere,
            Reach::OwnMachine => &self.here,
        };
        let request = Request {
            method,
            url,
            headers,
            body,
        };
        let sent = client.send(request).await;
        sent.map_err(OutboundError::Unanswered)
    }

    fn reaches(&self, url: &Url) -> bool {
        match self.reach {
            Reach::Tls => url.scheme() == "https",
            Reach::OwnMachine => url.scheme() == "https" || is_loopback(url),
        }
    }
}

/// Name and password as in RFC 7617; they are encoded already, and hold no colon.
#[expect(
    clippy::expect_used,
    reason = "the alphabet of base64 is made of visible ASCII characters"
)]
fn basic(name: &str, password: &str) -> HeaderValue {
    let value = format!("Basic {}", BASE64.encode(format!("{name}:{password}")));
    let mut value = HeaderValue::try_from(value).expect("visible ASCII");
    value.set_sensitive(true);
    value
}

async fn whole_body(reply: Reply) -> Result<Vec<u8>, OutboundError> {
    let (body, end) = reply.body(ANSWER_BYTES_MAX).await;
    match end {
        BodyEnd::Complete => Ok(body),
        BodyEnd::TooLong => Err(OutboundError::TooLong),
        BodyEnd::BrokeOff(error) => Err(OutboundError::Unanswered(error)),
    }
}

impl<'c> AsyncHttpClient<'c> for Outbound {
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let url = head.uri.to_string();
            let reply = self.send(head.method, &url, head.headers, body).await?;
            let mut answer = http::Response::builder().status(reply.status());
            for (name, value) in reply.headers() {
                answer = answer.header(name, value);
            }
            let body = whole_body(reply).await?;
            answer.body(body).map_err(OutboundError::Answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Fault;

    fn outbound(issuer: &str, networks: &[&str]) -> Outbound {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        let addresses = PushAddresses::new(OwnMachine::Refused, networks);
        let outbound = Outbound::new(&addresses, &TrustAnchors::default());
        outbound.unwrap().of(&Issuer::parse(issuer).unwrap())
    }

    fn reaches(issuer: &str, url: &str) -> bool {
        outbound(issuer, &[]).reaches(&Url::parse(url).unwrap())
    }

    async fn got(outbound: &Outbound, url: &str) -> OutboundError {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        outbound.call(request).await.unwrap_err()
    }

    #[tokio::test]
    async fn t01_what_metadata_names_inside_the_network_is_asked_only_where_that_is_allowed() {
        let refused = |error: &OutboundError| matches!(error, OutboundError::Unanswered(reply) if reply.fault == Fault::AddressRefused);
        let elsewhere = "https://as.example.com";
        for url in [
            "https://127.0.0.1:9/jwks",
            "https://localhost:9/jwks",
            "https://10.0.0.1/jwks",
            "https://169.254.169.254/latest",
            "https://[::ffff:127.0.0.1]:9/jwks",
        ] {
            let error = got(&outbound(elsewhere, &[]), url).await;
            assert!(refused(&error), "{url}: {error:?}");
        }
        let allowed = outbound(elsewhere, &["127.0.0.0/8"]);
        let error = got(&allowed, "https://127.0.0.1:9/jwks").await;
        assert!(!refused(&error), "{error:?}");
        let here = outbound("http://127.0.0.1:9000", &[]);
        let error = got(&here, "https://10.0.0.1/jwks").await;
        assert!(refused(&error), "{error:?}");
    }

    #[tokio::test]
    async fn a_url_with_credentials_is_not_asked() {
        let error = got(
            &outbound("https://as.example.com", &[]),
            "https://u:p@as.example.com/",
        )
        .await;
        assert!(
            matches!(error, OutboundError::Address(UriError::Credentials)),
            "{error:?}"
        );
    }

    #[test]
    fn name_and_password_are_those_of_the_basic_scheme() {
        // The example of RFC 7617.
        let header = basic("Aladdin", "open sesame");
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(header.is_sensitive());
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

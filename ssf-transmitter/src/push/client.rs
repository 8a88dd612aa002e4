//! Pushes SETs, and says what came of it.

use std::{sync::Arc, time::Instant};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use ssf_types::{
    dialect::Body,
    error::Chain,
    json,
    push::{Answer, Exchange, PushOutcome, classify},
    set::{self, CompactSet},
    stream::PushDelivery,
};
use tracing::{debug, warn};

use crate::{
    app::clock::SystemClock,
    domain::{profile::Profile, push_hosts::PushHosts},
    outbound::{ClientError, Fault, HttpClient, NoReply, Place, Reply, Request, Terms},
    ports::{Clock, NotSent, Push},
    telemetry::traceparent,
};

/// The header that says of which trace a request is part.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Most bytes of an answer that are read; a refusal (RFC 8935 §2.3) has a few hundred.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;

/// Pushes SETs. Clones share connections.
///
/// The SET and the `Authorization` value go to the endpoint of the stream or nowhere, and to an address that SETs may be
/// pushed to.
#[derive(Clone, Debug)]
pub struct PushClient {
    client: HttpClient,
    /// Who is told of which trace a push is part; nobody unless hosts are named.
    traced: Arc<PushHosts>,
}

impl PushClient {
    /// Makes a client.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(terms: Terms) -> Result<Self, ClientError> {
        Ok(Self {
            client: HttpClient::new(terms)?,
            traced: Arc::default(),
        })
    }

    /// Tells these hosts of which trace a push is part (W3C Trace Context, "traceparent Header"), where it is part of one; nobody if there are
    /// none.
    #[must_use]
    pub fn telling_traces_to(self, hosts: PushHosts) -> Self {
        Self {
            traced: Arc::new(hosts),
            ..self
        }
    }

    fn traceparent(&self, delivery: &PushDelivery) -> Option<HeaderValue> {
        let is_told = !self.traced.is_any() && self.traced.check(&delivery.endpoint_url).is_ok();
        if !is_told {
            return None;
        }
        HeaderValue::try_from(traceparent()?).ok()
    }

    async fn send(
        &self,
        place: Place,
        delivery: &PushDelivery,
        set: CompactSet,
    ) -> Result<Reply, NoReply> {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(set::MEDIA_TYPE));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(mut value) = authorization(delivery) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(value) = self.traceparent(delivery) {
            headers.insert(TRACEPARENT, value);
        }
        let request = Request {
            method: Method::POST,
            url: delivery.endpoint_url.clone(),
            headers,
            body: set.into_string().into_bytes(),
        };
        self.client.send_from(place, request).await
    }
}

impl Push for PushClient {
    type Place = Place;

    fn place(&self, to: &PushDelivery) -> Option<Place> {
        self.client.place(&to.endpoint_url)
    }

    /// Makes one attempt to deliver `set` and says what came of it (RFC 8935 §2).
    async fn push(
        &self,
        place: Place,
        to: &PushDelivery,
        profile: Profile,
        set: CompactSet,
    ) -> Result<PushOutcome, NotSent> {
        let started = Instant::now();
        let outcome = match self.send(place, to, set).await {
            Ok(reply) => judge(reply, profile).await,
            Err(error) => {
                tell(to, &error);
                if error.fault == Fault::NotLookedUp {
                    return Err(NotSent);
                }
                meaning(Exchange::Unanswered(error.fault.no_answer()), profile)
            }
        };
        metrics::histogram!("ssf_push_seconds", "outcome" => label(&outcome))
            .record(started.elapsed());
        Ok(outcome)
    }
}

/// Tells the operator why there is no answer, and nobody else.
fn tell(to: &PushDelivery, error: &NoReply) {
    let (host, class) = (to.endpoint_url.host(), error.fault.as_str());
    metrics::counter!("ssf_push_unanswered_total", "reason" => class).increment(1);
    if error.fault == Fault::AddressRefused {
        warn!(
            peer.host = host,
            error.class = class,
            "nothing is pushed to this host: its address is neither public nor in push_private_networks, or its URL is not https"
        );
        return;
    }
    debug!(peer.host = host, error.class = class, error = %Chain(error), "no answer to a push");
}

#[expect(
    clippy::expect_used,
    reason = "AuthorizationHeader::parse() accepts visible ASCII and blanks only, all of them legal in a header"
)]
fn authorization(delivery: &PushDelivery) -> Option<HeaderValue> {
    let value = delivery.authorization_header.as_ref()?;
    Some(HeaderValue::from_str(value.expose()).expect("visible ASCII"))
}

/// Reads as much of the answer as it takes to say what it means: the body counts in a refusal only. Of one that is longer,
/// breaks off or is too slow, what arrived counts.
async fn judge(reply: Reply, profile: Profile) -> PushOutcome {
    let status = reply.status().as_u16();
    let retry_after = reply.headers().get(RETRY_AFTER).cloned();
    let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
    let body = match status {
        400 => understood(&reply.body(RESPONSE_BYTES_MAX).await.0, profile),
        _ => Vec::new(),
    };
    let answer = Answer {
        status,
        retry_after,
        body: &body,
    };
    meaning(Exchange::Answered(answer), profile)
}

fn meaning(exchange: Exchange<'_>, profile: Profile) -> PushOutcome {
    classify(exchange, profile.acknowledge(), SystemClock.now())
}

/// A refusal as SSF 1.0 has it; what is none stays as it is, to be judged as that.
fn understood(refusal: &[u8], profile: Profile) -> Vec<u8> {
    let read = json::check(refusal).and_then(|text| profile.dialect().read(Body::PushError, text));
    read.map_or_else(
        |_| refusal.to_vec(),
        |reading| reading.text.into_owned().into(),
    )
}

fn label(outcome: &PushOutcome) -> &'static str {
    match outcome {
        PushOutcome::Acknowledged { .. } => "acknowledged",
        PushOutcome::SetRefused(_) | PushOutcome::KeyRefused(_) | PushOutcome::StreamRefused(_) => {
            "refused"
        }
        PushOutcome::CredentialsRefused { .. } => "unauthorized",
        PushOutcome::Gone { .. } => "gone",
        PushOutcome::Busy { .. } => "busy",
        PushOutcome::OtherSuccess { .. }
        | PushOutcome::Redirected { .. }
        | PushOutcome::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ssf_types::{
        error::ErrCode,
        push::{Failure, NoAnswer, PushError},
        secret::AuthorizationHeader,
        uri::EndpointUrl,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;
    use crate::{
        domain::push_address::{OwnMachine, PushAddresses},
        outbound::{Deadlines, TrustAnchors},
    };

    /// A client that allows the machine itself, and half a second.
    fn client() -> PushClient {
        let short = Duration::from_millis(500);
        PushClient::new(Terms {
            addresses: PushAddresses::new(OwnMachine::Allowed, Vec::new()),
            deadlines: Deadlines::new(short, short, short, short),
            host_requests_max: 2,
            trust: TrustAnchors::default(),
        })
        .unwrap()
    }

    fn set() -> CompactSet {
        let sign = |_: &[u8]| Ok::<_, std::convert::Infallible>(b"signature".to_vec());
        CompactSet::compose("e30", b"{}", sign).unwrap()
    }

    fn delivery(port: u16, authorization: Option<&str>) -> PushDelivery {
        PushDelivery::new(
            EndpointUrl::parse(format!("http://127.0.0.1:{port}/events?tenant=7")).unwrap(),
            authorization.map(|value| AuthorizationHeader::parse(value).unwrap()),
        )
    }

    async fn push(client: &PushClient, to: &PushDelivery) -> PushOutcome {
        let place = client.place(to).unwrap();
        let sent = client.push(place, to, Profile::Strict, set()).await;
        sent.unwrap()
    }

    /// Reads one request to the end of its body, `e30.e30.c2lnbmF0dXJl`.
    async fn request(socket: &mut TcpStream) -> String {
        let mut request = Vec::new();
        while !request.ends_with(b"e30.e30.c2lnbmF0dXJl") {
            let mut chunk = [0; 1024];
            let length = socket.read(&mut chunk).await.unwrap();
            assert_ne!(length, 0, "the request ends too early");
            request.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8(request).unwrap()
    }

    /// A server that takes one request and answers with `answer`, then sends `more` until nobody listens.
    async fn server(answer: &'static str, more: &'static [u8]) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = request(&mut socket).await;
            socket.write_all(answer.as_bytes()).await.unwrap();
            while !more.is_empty() && socket.write_all(more).await.is_ok() {}
            request
        });
        (port, task)
    }

    async fn outcome_of(answer: &'static str, more: &'static [u8]) -> PushOutcome {
        let (port, _server) = server(answer, more).await;
        let client = client();
        push(&client, &delivery(port, None)).await
    }

    #[tokio::test]
    async fn a_push_has_the_headers_of_rfc_8935_and_the_configured_authorization() {
        let (port, server) =
            server("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", b"").await;
        let client = client();
        let outcome = push(&client, &delivery(port, Some("Basic dTpw"))).await;
        assert_eq!(outcome, PushOutcome::Acknowledged { status: 202 });
        let request = server.await.unwrap().to_lowercase();
        assert!(request.starts_with("post /events?tenant=7 http/1.1\r\n"));
        assert!(request.contains("\r\ncontent-type: application/secevent+jwt\r\n"));
        assert!(request.contains("\r\naccept: application/json\r\n"));
        assert!(request.contains("\r\nauthorization: basic dtpw\r\n"));
        assert!(request.contains("\r\naccept-encoding: identity\r\n"));
    }

    #[tokio::test]
    async fn without_a_configured_authorization_none_is_sent() {
        let (port, server) =
            server("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", b"").await;
        let client = client();
        push(&client, &delivery(port, None)).await;
        assert!(
            !server
                .await
                .unwrap()
                .to_lowercase()
                .contains("authorization")
        );
    }

    #[tokio::test]
    async fn a_refusal_is_read_from_the_body() {
        let outcome = outcome_of(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 54\r\n\r\n{\"err\":\"invalid_audience\",\"description\":\"not for us.\"}",
            b"",
        )
        .await;
        let expected = PushError::new(ErrCode::InvalidAudience, "not for us.");
        assert_eq!(outcome, PushOutcome::StreamRefused(expected));
    }

    #[tokio::test]
    async fn a_redirect_is_a_failure_and_is_not_followed() {
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = elsewhere.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            request(&mut socket).await;
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        let client = client();
        let outcome = push(&client, &delivery(port, Some("Bearer x"))).await;
        assert_eq!(outcome, PushOutcome::Redirected { status: 307 });
        let visited = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
        assert!(visited.is_err(), "the redirect was followed");
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_failure_without_status() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let client = client();
        let outcome = push(&client, &delivery(port, None)).await;
        assert_eq!(
            outcome,
            PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Connect))
        );
    }

    #[tokio::test]
    async fn a_receiver_that_never_answers_costs_no_more_than_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = client();
        let started = Instant::now();
        let outcome = push(&client, &delivery(port, None)).await;
        assert_eq!(
            outcome,
            PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Timeout))
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_slowly_dripping_refusal_ends_with_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            request(&mut socket).await;
            let head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1000\r\n\r\n";
            socket.write_all(head).await.unwrap();
            while socket.write_all(b"{").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let client = client();
        let started = Instant::now();
        let outcome = push(&client, &delivery(port, None)).await;
        assert_eq!(outcome, PushOutcome::Failed(Failure::Status(400)));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_endless_refusal_is_cut_off() {
        let outcome = outcome_of(
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            b"{\"err\":\"invalid_request\",\"description\":\"",
        )
        .await;
        assert_eq!(outcome, PushOutcome::Failed(Failure::Status(400)));
    }

    #[tokio::test]
    async fn an_acknowledgement_counts_whatever_its_body_does() {
        let outcome = outcome_of("HTTP/1.1 202 Accepted\r\n\r\n", b"endless").await;
        assert_eq!(outcome, PushOutcome::Acknowledged { status: 202 });
    }

    #[tokio::test]
    async fn a_busy_receiver_says_how_long_to_wait() {
        let outcome = outcome_of(
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            b"",
        )
        .await;
        let retry_after = Some(Duration::from_secs(7));
        let status = 503;
        assert_eq!(
            outcome,
            PushOutcome::Busy {
                status,
                retry_after
            }
        );
    }

    #[tokio::test]
    async fn a_busy_receiver_may_say_until_when_to_wait() {
        let outcome = outcome_of(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n",
            b"",
        )
        .await;
        let retry_after = Some(Duration::ZERO);
        let status = 429;
        assert_eq!(
            outcome,
            PushOutcome::Busy {
                status,
                retry_after
            }
        );
    }
}

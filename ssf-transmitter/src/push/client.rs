//! The HTTP client that pushes SETs: bounded in time and in size, and never sent elsewhere by an answer.

use std::time::{Duration, Instant};

use reqwest::{
    Client, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use ssf_types::{
    dialect::Body,
    json,
    push::{Answer, Exchange, NoAnswer, PushOutcome, classify},
    set::{self, CompactSet},
    stream::PushDelivery,
};
use tracing::debug;

use crate::{
    app::clock::SystemClock,
    domain::profile::Profile,
    ports::{Clock, Push},
};

/// Most bytes of an answer that are read; a refusal (RFC 8935 §2.3) has a few hundred.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;

/// Most idle connections that are kept per Receiver.
const IDLE_PER_HOST_MAX: usize = 16;

/// How long an idle connection is kept: shorter than the 60 or 75 seconds after which servers commonly close it.
const IDLE: Duration = Duration::from_secs(45);

/// How long one attempt may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PushTimeouts {
    /// Until the connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// Until the answer has been read, connecting included.
    pub whole: Duration,
}

impl PushTimeouts {
    /// Limits an attempt to `whole`, and its first part to `connect`.
    pub const fn new(connect: Duration, whole: Duration) -> Self {
        Self { connect, whole }
    }
}

impl Default for PushTimeouts {
    /// 5 seconds to connect, 10 for the whole attempt.
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_secs(10))
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the HTTP client cannot be made; TLS needs the system's CA certificates (Debian: ca-certificates)"
)]
pub struct ClientError(#[source] reqwest::Error);

/// Pushes SETs. Clones share connections.
///
/// Redirects are not followed and proxies of the environment are not used: the SET and the `Authorization` value go to
/// the endpoint of the stream or nowhere. Answers are not decompressed.
#[derive(Clone, Debug)]
pub struct PushClient(Client);

impl PushClient {
    /// Makes a client.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(timeouts: PushTimeouts) -> Result<Self, ClientError> {
        Client::builder()
            .user_agent(concat!("ssf-transmitter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build()
            .map(Self)
            .map_err(ClientError)
    }

    async fn send(
        &self,
        delivery: &PushDelivery,
        set: CompactSet,
    ) -> Result<Response, reqwest::Error> {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(set::MEDIA_TYPE));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(mut value) = authorization(delivery) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        self.0
            .post(delivery.endpoint_url.url().clone())
            .headers(headers)
            .body(set.into_string())
            .send()
            .await
    }
}

impl Push for PushClient {
    /// Makes one attempt to deliver `set` and says what came of it (RFC 8935 §2).
    async fn push(&self, to: &PushDelivery, profile: Profile, set: CompactSet) -> PushOutcome {
        let started = Instant::now();
        let outcome = match self.send(to, set).await {
            Ok(response) => judge(response, profile).await,
            Err(error) => {
                let reason = reason(&error);
                debug!(
                    peer.host = to.endpoint_url.host(),
                    error.class = reason.as_str(),
                    "no answer to a push"
                );
                meaning(Exchange::Unanswered(reason), profile)
            }
        };
        metrics::histogram!("ssf_push_seconds", "outcome" => label(&outcome))
            .record(started.elapsed());
        outcome
    }
}

#[expect(
    clippy::expect_used,
    reason = "AuthorizationHeader::parse() accepts visible ASCII and blanks only, all of them legal in a header"
)]
fn authorization(delivery: &PushDelivery) -> Option<HeaderValue> {
    let value = delivery.authorization_header.as_ref()?;
    Some(HeaderValue::from_str(value.expose()).expect("visible ASCII"))
}

/// Reads as much of the answer as it takes to say what it means: the body counts in a refusal only.
async fn judge(mut response: Response, profile: Profile) -> PushOutcome {
    let status = response.status().as_u16();
    let body = match status {
        400 => understood(&capped_body(&mut response).await, profile),
        _ => Vec::new(),
    };
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
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

/// The body up to [`RESPONSE_BYTES_MAX`]; what arrived of it if it is longer, breaks off or is too slow.
async fn capped_body(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = RESPONSE_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == RESPONSE_BYTES_MAX {
            break;
        }
    }
    body
}

fn reason(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::Timeout;
    }
    if error.is_connect() {
        return NoAnswer::Connect;
    }
    NoAnswer::Interrupted
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
    use ssf_types::{
        error::ErrCode,
        push::{Failure, PushError},
        secret::AuthorizationHeader,
        uri::EndpointUrl,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;

    const SHORT: PushTimeouts =
        PushTimeouts::new(Duration::from_millis(500), Duration::from_millis(500));

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
        let client = PushClient::new(SHORT).unwrap();
        client
            .push(&delivery(port, None), Profile::Strict, set())
            .await
    }

    #[tokio::test]
    async fn a_push_has_the_headers_of_rfc_8935_and_the_configured_authorization() {
        let (port, server) =
            server("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", b"").await;
        let client = PushClient::new(SHORT).unwrap();
        let outcome = client
            .push(&delivery(port, Some("Basic dTpw")), Profile::Strict, set())
            .await;
        assert_eq!(outcome, PushOutcome::Acknowledged { status: 202 });
        let request = server.await.unwrap().to_lowercase();
        assert!(request.starts_with("post /events?tenant=7 http/1.1\r\n"));
        assert!(request.contains("\r\ncontent-type: application/secevent+jwt\r\n"));
        assert!(request.contains("\r\naccept: application/json\r\n"));
        assert!(request.contains("\r\nauthorization: basic dtpw\r\n"));
        assert!(!request.contains("accept-encoding"));
    }

    #[tokio::test]
    async fn without_a_configured_authorization_none_is_sent() {
        let (port, server) =
            server("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", b"").await;
        let client = PushClient::new(SHORT).unwrap();
        client
            .push(&delivery(port, None), Profile::Strict, set())
            .await;
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
        let client = PushClient::new(SHORT).unwrap();
        let outcome = client
            .push(&delivery(port, Some("Bearer x")), Profile::Strict, set())
            .await;
        assert_eq!(outcome, PushOutcome::Redirected { status: 307 });
        let visited = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
        assert!(visited.is_err(), "the redirect was followed");
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_failure_without_status() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let client = PushClient::new(SHORT).unwrap();
        let outcome = client
            .push(&delivery(port, None), Profile::Strict, set())
            .await;
        assert_eq!(
            outcome,
            PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Connect))
        );
    }

    #[tokio::test]
    async fn a_receiver_that_never_answers_costs_no_more_than_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = PushClient::new(SHORT).unwrap();
        let started = Instant::now();
        let outcome = client
            .push(&delivery(port, None), Profile::Strict, set())
            .await;
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
        let client = PushClient::new(SHORT).unwrap();
        let started = Instant::now();
        let outcome = client
            .push(&delivery(port, None), Profile::Strict, set())
            .await;
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

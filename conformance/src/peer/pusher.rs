//! How the reference pushes (RFC 8935): one SET of a stream after the other, each until it is judged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, Method, redirect};
use tokio::time::{sleep_until, timeout};

use super::{Rules, transmitter::Transmitter};
use crate::{
    exchange::{Answer, Request},
    wire::IDLE_MAX,
};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The wait after the first failure in a row, which doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// How often it doubles at most.
const DOUBLINGS_MAX: u32 = 5;

/// For how long it is waited for that all has been offered once.
const OFFERED_PATIENCE: Duration = Duration::from_secs(2);

/// One push under way.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The stream.
    pub stream: String,
    /// The name of the SET.
    pub jti: String,
    /// How many attempts in a row have failed before.
    pub failed: u32,
    /// When it began.
    pub began: Instant,
}

/// What an answer means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// The SET was acknowledged or refused: it is not sent again.
    Judged,
    /// It is sent again, after this or after a pause of the transmitter's own.
    Failed(Option<Duration>),
}

/// Where the pushes of a stream stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Pushing {
    is_under_way: bool,
    failed: u32,
    rests_until: Option<Instant>,
}

impl Pushing {
    /// Whether an attempt may begin.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        !self.is_under_way && self.rests_until(now).is_none()
    }

    /// Whether an attempt is under way or about to be.
    pub(super) fn is_at_work(&self, now: Instant) -> bool {
        self.is_under_way || self.rests_until(now).is_none()
    }

    /// Until when it rests.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rests_until.filter(|until| *until > now)
    }

    pub(super) fn begin(&mut self, stream: &str, jti: &str, now: Instant) -> Attempt {
        self.is_under_way = true;
        Attempt {
            stream: stream.to_owned(),
            jti: jti.to_owned(),
            failed: self.failed,
            began: now,
        }
    }

    /// Ends an attempt; whether the SET is done with.
    pub(super) fn end(&mut self, outcome: Outcome, now: Instant) -> bool {
        self.is_under_way = false;
        match outcome {
            Outcome::Judged => {
                (self.failed, self.rests_until) = (0, None);
                true
            }
            Outcome::Failed(pause) => {
                let own = PAUSE_MIN * 2_u32.pow(self.failed.min(DOUBLINGS_MAX));
                self.failed += 1;
                self.rests_until = Some(now + pause.unwrap_or(own));
                false
            }
        }
    }
}

/// What pushes are sent with.
pub(super) fn client(authorities: &[u8], rules: Rules) -> Result<Client, reqwest::Error> {
    let policy = if rules.follows_redirects {
        redirect::Policy::limited(3)
    } else {
        redirect::Policy::none()
    };
    Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(policy)
        .tls_certs_merge(Certificate::from_pem_bundle(authorities)?)
        .tls_danger_accept_invalid_certs(rules.trusts_any_certificate)
        .build()
}

/// Pushes what is due, until it is dropped.
pub(super) async fn run(transmitter: Arc<Transmitter>, client: Client) {
    loop {
        let changed = transmitter.changed();
        tokio::pin!(changed);
        // From here on nothing is missed.
        changed.as_mut().enable();
        for (attempt, request) in transmitter.due(Instant::now()) {
            let (transmitter, client) = (Arc::clone(&transmitter), client.clone());
            tokio::spawn(async move { push(&transmitter, &client, attempt, request).await });
        }
        match transmitter.rests(Instant::now()).0 {
            Some(until) => {
                tokio::select! {
                    () = changed => {}
                    () = sleep_until(until.into()) => {}
                }
            }
            None => changed.await,
        }
    }
}

/// Waits until all that is due was sent once, for a while.
pub(super) async fn offered(transmitter: &Transmitter) {
    let offered = async {
        loop {
            let changed = transmitter.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !transmitter.rests(Instant::now()).1 {
                return;
            }
            changed.await;
        }
    };
    // Who does not answer is not waited for.
    let _ = timeout(OFFERED_PATIENCE, offered).await;
}

async fn push(transmitter: &Transmitter, client: &Client, attempt: Attempt, mut request: Request) {
    let spoilt = transmitter.spoilt();
    spoilt.push(&attempt, &mut request);
    let mut answer = ask(client, &request).await.unwrap_or_default();
    spoilt.push_answer(&attempt, &mut answer);
    let outcome = outcome(&answer, spoilt.rules());
    transmitter.settle(&attempt, outcome, Instant::now());
}

async fn ask(client: &Client, request: &Request) -> Option<Answer> {
    let method = Method::from_bytes(request.method.as_bytes()).ok()?;
    let mut asked = client.request(method, request.url.clone());
    for (name, value) in &request.headers {
        asked = asked.header(name, value);
    }
    let response = asked.body(request.body.clone()).send().await.ok()?;
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value)));
    Some(Answer {
        status,
        headers: headers.collect(),
        body: response.bytes().await.ok()?.into(),
    })
}

fn outcome(answer: &Answer, rules: Rules) -> Outcome {
    match answer.status {
        202 | 400 => Outcome::Judged,
        _ => {
            let told = answer.header("retry-after").next();
            let seconds = told.and_then(|told| told.parse().ok());
            let own = rules.repeats_at_once.then_some(Duration::ZERO);
            Outcome::Failed(seconds.map(Duration::from_secs).or(own))
        }
    }
}

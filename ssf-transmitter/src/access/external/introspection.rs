//! Asking an authorization server about tokens (RFC 7662): once for all who show the same one, and never too much at once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::ExposeSecret;
use ssf_types::{error::Chain, json::JsonError, jwt::LEEWAY, time::Timestamp, uri::Issuer};
use tokio::{
    sync::{AcquireError, Semaphore, SemaphorePermit, watch},
    time::{Instant, timeout},
};
use tracing::warn;
use url::form_urlencoded;

use super::{
    ForeignClient, ForeignTokenError,
    answers::{Answer, Answers, Said, Standing},
    discovery::{DiscoverError, Discovery},
    outbound::{Outbound, OutboundError},
};
use crate::domain::{
    authorization_server::IntrospectionClient, id::Fingerprint, introspection::Introspected,
    scope::Scopes,
};

/// Most questions on the wire at once: tokens that somebody makes up must not become a flood at the server.
const PARALLEL_MAX: usize = 16;

/// How many of those are for tokens that counted before.
const PARALLEL_KEPT: usize = 4;

/// How long a question waits for one of those places before whoever asks is told to come again.
const PLACE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most tokens that are asked about at once, waiting ones included: each holds some kilobytes.
const QUESTIONS_MAX: usize = 256;

/// How many of those are for tokens that counted before: strangers with made-up ones leave the others room.
const QUESTIONS_KEPT: usize = 64;

/// Least time between two complaints about the server in the log, since each request may meet the same fault.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// An authorization server did not say anything about a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntrospectError {
    /// What it publishes cannot be had, and with it where to ask.
    #[error("where to ask cannot be found out")]
    Discover(#[source] DiscoverError),
    /// It does not tell where to ask.
    #[error("its metadata has no introspection_endpoint that is a URL")]
    NoEndpoint,
    /// Too many questions are under way.
    #[error("too many questions are under way")]
    Busy,
    /// It gave no usable answer.
    #[error("it gave no answer")]
    Unanswered(#[source] OutboundError),
    /// Its answer is none.
    #[error("its answer is malformed")]
    Malformed(#[source] JsonError),
    /// Asking ended without a result: the server stops.
    #[error("asking broke off")]
    BrokenOff,
}

/// What came of a question; all who wait for it get it.
type Outcome = Result<Said, Arc<IntrospectError>>;

/// The end at which it is waited for.
type Waited = watch::Receiver<Option<Outcome>>;

/// What a token has to be to count.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The server's issuer.
    pub(super) issuer: Issuer,
    /// For whom it has to be.
    pub(super) audience: String,
    /// The member in which the server names the client.
    pub(super) client_claim: String,
}

impl Terms {
    fn judge(&self, introspected: &Introspected, now: Timestamp) -> Said {
        introspected.check(self.issuer.as_str(), &self.audience, now, LEEWAY)?;
        let scopes = introspected.scopes.iter().map(String::as_str);
        Ok(ForeignClient {
            client_id: introspected.name(&self.client_claim)?,
            scopes: Scopes::recognised(scopes),
        })
    }
}

/// Asks one authorization server, and remembers what it said.
pub(crate) struct Introspection(Arc<Shared>);

struct Shared {
    client: IntrospectionClient,
    terms: Terms,
    outbound: Outbound,
    discovery: Discovery,
    /// Places on the wire for whoever comes.
    places: Semaphore,
    /// Further ones, for tokens that counted before.
    kept_places: Semaphore,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    answers: Answers,
    questions: HashMap<Fingerprint, Waited>,
    complained: Option<Instant>,
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Introspection").field(&self.0.terms).finish()
    }
}

/// What is found when somebody wants to know about a token.
enum Found {
    /// What was said a moment ago.
    Said(Said),
    /// Somebody has asked already.
    Asked(Waited),
    /// Nobody has, and there are questions enough.
    Full,
    /// Nobody has: whoever finds this asks.
    Nothing(Question, Waited),
}

impl Introspection {
    pub(super) fn new(
        client: IntrospectionClient,
        terms: Terms,
        outbound: Outbound,
        discovery: Discovery,
    ) -> Self {
        Self(Arc::new(Shared {
            client,
            terms,
            outbound,
            discovery,
            places: Semaphore::new(PARALLEL_MAX - PARALLEL_KEPT),
            kept_places: Semaphore::new(PARALLEL_KEPT),
            known: Mutex::default(),
        }))
    }

    /// The client for which the server has issued a token, by what it says now or said a moment ago.
    ///
    /// `fingerprint` stands for the token in what is remembered.
    pub(crate) async fn client(
        &self,
        token: &str,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<ForeignClient, ForeignTokenError> {
        let outcome = match self.find(fingerprint, now) {
            Found::Said(said) => Ok(said),
            Found::Asked(waited) => outcome_of(waited).await,
            Found::Full => Err(Arc::new(IntrospectError::Busy)),
            Found::Nothing(question, waited) => {
                let token = token.to_owned();
                // In a task of its own: who hangs up must not take the answer from others.
                tokio::spawn(async move { question.put(&token, now).await });
                outcome_of(waited).await
            }
        };
        outcome
            .map_err(ForeignTokenError::Introspection)?
            .map_err(ForeignTokenError::NotVouched)
    }

    fn find(&self, fingerprint: Fingerprint, now: Timestamp) -> Found {
        let mut known = self.0.known();
        if let Some(said) = known.answers.said(fingerprint, Instant::now(), now) {
            return Found::Said(said);
        }
        if let Some(waited) = known.questions.get(&fingerprint) {
            return Found::Asked(waited.clone());
        }
        let standing = known.answers.standing(fingerprint, Instant::now());
        let most = match standing {
            Standing::Known => QUESTIONS_MAX,
            Standing::Strange => QUESTIONS_MAX - QUESTIONS_KEPT,
        };
        if known.questions.len() >= most {
            self.0.complain(&mut known, &IntrospectError::Busy);
            return Found::Full;
        }
        let (told, waited) = watch::channel(None);
        known.questions.insert(fingerprint, waited.clone());
        let question = Question {
            shared: Arc::clone(&self.0),
            fingerprint,
            standing,
            told,
        };
        Found::Nothing(question, waited)
    }
}

/// Waits for what comes of a question.
async fn outcome_of(mut waited: Waited) -> Outcome {
    let outcome = waited.wait_for(Option::is_some).await;
    // A question that ends without a word was broken off.
    let outcome = outcome.ok().and_then(|outcome| outcome.clone());
    outcome.unwrap_or_else(|| Err(Arc::new(IntrospectError::BrokenOff)))
}

/// A question under way; it ends with this value, however that comes about.
struct Question {
    shared: Arc<Shared>,
    fingerprint: Fingerprint,
    standing: Standing,
    told: watch::Sender<Option<Outcome>>,
}

impl Question {
    async fn put(self, token: &str, now: Timestamp) {
        let asked = Instant::now();
        let answered = self.shared.ask(token, self.standing).await;
        let mut known = self.shared.known();
        let outcome = match answered {
            Ok(introspected) => {
                let said = self.shared.terms.judge(&introspected, now);
                let answer = Answer {
                    said: said.clone(),
                    asked,
                    exp: introspected.exp,
                };
                let at = Instant::now();
                known.answers.remember(self.fingerprint, answer, at, now);
                Ok(said)
            }
            Err(error) => {
                self.shared.complain(&mut known, &error);
                Err(Arc::new(error))
            }
        };
        drop(known);
        self.told.send_replace(Some(outcome));
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.shared.known().questions.remove(&self.fingerprint);
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place on the wire.
    async fn place(&self, standing: Standing) -> Result<SemaphorePermit<'_>, AcquireError> {
        match standing {
            Standing::Strange => self.places.acquire().await,
            Standing::Known => tokio::select! {
                place = self.places.acquire() => place,
                place = self.kept_places.acquire() => place,
            },
        }
    }

    async fn ask(&self, token: &str, standing: Standing) -> Result<Introspected, IntrospectError> {
        let published = self.discovery.current().await;
        let published = published.map_err(IntrospectError::Discover)?;
        let endpoint = published.introspection.clone();
        let endpoint = endpoint.ok_or(IntrospectError::NoEndpoint)?;
        let place = timeout(PLACE_TIMEOUT, self.place(standing)).await;
        let _place = place
            .map_err(|_| IntrospectError::Busy)?
            .map_err(|_| IntrospectError::BrokenOff)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        // Both parts are encoded as in a form, so that a colon in the name does not end it (RFC 6749 §2.3.1).
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let name: String = encoded(&self.client.client_id);
        let password: String = encoded(self.client.client_secret.expose_secret());
        let answer = self
            .outbound
            .post_form(endpoint, (&name, &password), form)
            .await
            .map_err(IntrospectError::Unanswered)?;
        Introspected::parse(&answer).map_err(IntrospectError::Malformed)
    }

    /// Tells the log what is wrong, once in a while; discovery tells of its own faults.
    fn complain(&self, known: &mut Known, error: &IntrospectError) {
        let is_recent = |at: Instant| at.elapsed() < COMPLAINT_INTERVAL;
        let is_told = matches!(error, IntrospectError::Discover(_));
        if is_told || known.complained.is_some_and(is_recent) {
            return;
        }
        known.complained = Some(Instant::now());
        let url = self.terms.issuer.to_url();
        warn!(peer.host = url.host_str(), error = %Chain(error), "an authorization server says nothing about a token");
    }
}

#[cfg(test)]
mod tests;

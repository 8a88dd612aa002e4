//! The receiver: takes SETs, and decides about sessions.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    error::ErrCode,
    push::PushError,
    secret::constant_time_eq,
    set::{MEDIA_TYPE, SET_BYTES_MAX, VerifiedSet},
    time::Timestamp,
    uri::Issuer,
};
use tokio::{sync::watch, time::sleep};

use crate::{
    acceptance::Acceptance,
    actions::Actions,
    answer::Answer,
    builder::Builder,
    clock,
    deletion::Management,
    expiry::Expiry,
    failpoint::{Failpoint, reached},
    freshness::{Freshness, Hearing},
    guard::{self, Decision, Denial, Renewals, Renewed},
    inbox::AnyInbox,
    keys::{Keys, RETRY_AFTER},
    poll::PollStatus,
    quarantine::Quarantined,
    revocation::{Index, Policy},
    session::{Session, SessionKeys},
    stream::{Method, StreamState},
    tasks::Tasks,
    work::Handlers,
};

/// Shortest time between two looks at a session that somebody waits for, however many SETs come.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Most renewals of one session while one request waits: each is void if a watermark rises meanwhile.
const RENEWALS_MAX: usize = 3;

/// A running receiver; clones share it.
///
/// The crate's page shows how to embed one.
#[derive(Clone)]
pub struct Receiver {
    pub(crate) shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

/// What the clones of a receiver and its background tasks share.
pub(crate) struct Shared {
    pub(crate) issuer: Issuer,
    pub(crate) method: Method,
    /// How the Transmitter writes SETs.
    pub(crate) dialect: &'static Dialect,
    pub(crate) policy: Policy,
    pub(crate) actions: Actions,
    pub(crate) index: Index,
    pub(crate) renewals: Renewals,
    pub(crate) expiry: Expiry,
    pub(crate) inbox: AnyInbox,
    pub(crate) keys: Keys,
    /// Names of this receiver; unknown until there is a stream.
    pub(crate) audience: ArcSwapOption<Audience>,
    pub(crate) stream: watch::Sender<StreamState>,
    pub(crate) polls: watch::Sender<PollStatus>,
    pub(crate) hearing: Hearing,
    /// SETs that cannot be verified yet.
    pub(crate) quarantined: Quarantined,
    /// What manages the stream; `None` if somebody else does.
    pub(crate) management: Option<Management>,
    /// How many SETs were acknowledged since the start, repeats included.
    pub(crate) acknowledged: watch::Sender<u64>,
    pub(crate) handlers: Handlers,
    /// How often handlers were to be called again.
    pub(crate) handed_again: watch::Sender<u64>,
}

/// How a receiver is doing.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// How far it got with its stream.
    pub stream: StreamState,
    /// Whether it has keys to verify SETs with.
    pub keys_loaded: bool,
    /// How many keys of the index have a revocation.
    pub revocations: usize,
    /// How many SETs were acknowledged since the start, repeats included; their effect is there before they count.
    ///
    /// By poll, the Transmitter hears of them with the poll that follows.
    pub acknowledged: u64,
    /// How many SETs cannot be verified yet, and are kept until they can.
    pub quarantined: usize,
    /// How far what is known of the Transmitter can be relied on.
    pub freshness: Freshness,
    /// How polling goes; `None` if SETs are pushed.
    pub polls: Option<PollStatus>,
}

impl Receiver {
    /// Begins to put together a receiver for the SETs of the Transmitter `issuer`, which pushes them to
    /// `endpoint_url`: the address under which it reaches [`Receiver::push_route`].
    pub fn builder(issuer: impl Into<String>, endpoint_url: impl Into<String>) -> Builder {
        Builder::new(issuer.into(), Some(endpoint_url.into()))
    }

    /// Begins to put together a receiver that polls the Transmitter `issuer` for its SETs (RFC 8936): for an application
    /// that the Transmitter cannot reach. It has no push endpoint; everything else is as with [`Receiver::builder`].
    ///
    /// ```no_run
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let receiver = ssf_receiver::Receiver::polling("https://idp.example.com")
    ///     .database("sqlite://receiver.db")
    ///     .management_token(std::env::var("SSF_TOKEN")?)
    ///     .start()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn polling(issuer: impl Into<String>) -> Builder {
        Builder::new(issuer.into(), None)
    }

    pub(crate) fn new(shared: Arc<Shared>, tasks: Tasks) -> Self {
        Self {
            shared,
            tasks: Arc::new(tasks),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Has something go on in the background until the last clone of this is gone, or it is stopped.
    pub(crate) fn run(&self, work: impl Future<Output = Infallible> + Send + 'static) {
        self.tasks.abort_at_end(tokio::spawn(work).abort_handle());
    }

    /// The Transmitter's issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.shared.issuer
    }

    /// Starts the description of a session that may be revoked by this receiver's Transmitter.
    ///
    /// `began` is the `iat` of the ID Token that started it.
    pub fn session(&self, began: Timestamp) -> Session {
        Session::new(self.shared.issuer.clone(), began)
    }

    /// Waits until the stream is set up and the keys are there.
    pub async fn ready(&self) {
        let mut state = self.shared.stream.subscribe();
        // The sender lives in `self`, so this ends with the state.
        let _ = state
            .wait_for(|state| matches!(state, StreamState::Ready { .. }))
            .await;
    }

    /// How the receiver is doing.
    pub fn status(&self) -> Status {
        Status {
            stream: self.shared.stream.borrow().clone(),
            keys_loaded: self.shared.keys.loaded(),
            revocations: self.shared.index.len(),
            acknowledged: *self.shared.acknowledged.borrow(),
            quarantined: self.shared.quarantined.count(),
            freshness: self.shared.hearing.freshness(),
            polls: match self.shared.method {
                Method::Poll => Some(self.shared.polls.borrow().clone()),
                Method::Push { .. } => None,
            },
        }
    }

    /// Hashes the identifiers of a session: an application may keep the result in place of the session, and have it decided
    /// by [`Receiver::decide_by_keys`], which takes less time and tells nobody who it is.
    pub fn keys(&self, session: &Session) -> SessionKeys {
        self.shared.index.key().keys(session)
    }

    /// Ends the background work of all clones: a poll that waits is given up, and the SETs that became durable meanwhile
    /// are acknowledged with a last one. Call it before the program ends; without it they come again at the next start,
    /// and are known then.
    ///
    /// SETs that are under way get their time, which is 10 s where keys cannot be fetched, and the last poll 5 s. Sessions
    /// are decided on as before; what happens from now on takes no effect, unless it is pushed and its key is known.
    pub async fn stop(&self) {
        self.tasks.stop().await;
    }

    /// Decides about a session: from memory, without waiting for anything.
    pub fn decide(&self, session: &Session) -> Decision {
        self.decide_by_keys(&self.keys(session))
    }

    /// Waits until a session is refused: for whatever outlives a request, such as a WebSocket, which the application closes
    /// then. A guard lets such a connection begin, and sees nothing of it any more.
    ///
    /// It looks once a SET was put into effect, at most every 50 ms, and costs nothing in between.
    pub async fn refused(&self, keys: &SessionKeys) -> Denial {
        let mut acknowledged = self.shared.acknowledged.subscribe();
        loop {
            // Before the look: what comes during it is looked at as well.
            acknowledged.mark_unchanged();
            if let Decision::Deny(denial) = self.shared.decide(keys) {
                return denial;
            }
            sleep(LOOK_AGAIN).await;
            // The sender lives in `self`, so this ends with a SET.
            let _ = acknowledged.changed().await;
        }
    }

    /// The hashes of whatever a guard is shown.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn keys_of(&self, presented: guard::Presented) -> SessionKeys {
        match presented {
            guard::Presented::Session(session) => self.keys(&session),
            guard::Presented::Keys(keys) => keys,
        }
    }

    /// Decides about a session of which the keys were kept: from memory, without waiting for anything.
    pub fn decide_by_keys(&self, keys: &SessionKeys) -> Decision {
        counted(self.shared.decide(keys))
    }

    /// The same, but a session that may have been ended ([`Reason::Renew`](guard::Reason::Renew)) is renewed, if whoever `ask`
    /// asks says so: once, however many want that at a time.
    ///
    /// `ask` gets 5 s. What it says is remembered; so a session that was refused is over, while one about which nobody could
    /// tell is [`Reason::Unconfirmed`](guard::Reason::Unconfirmed), and asked about again.
    pub async fn decide_or_renew<A>(&self, keys: &SessionKeys, ask: impl Fn() -> A) -> Decision
    where
        A: Future<Output = Renewed>,
    {
        let decision = self.decide_by_keys(keys);
        if decision.asks_for_renewal() {
            return self.renewed(keys, ask).await;
        }
        decision
    }

    /// Decides about a session after it was renewed, or was not.
    pub(crate) async fn renewed<A>(&self, keys: &SessionKeys, ask: impl Fn() -> A) -> Decision
    where
        A: Future<Output = Renewed>,
    {
        let Shared {
            renewals, index, ..
        } = &*self.shared;
        let mut left = RENEWALS_MAX;
        loop {
            let renewed = renewals.renew(keys, index, &ask).await;
            left -= 1;
            // Anew, whatever was answered: the session may have been revoked meanwhile.
            let decision = self.shared.decide(keys);
            if !decision.asks_for_renewal() {
                return counted(decision);
            }
            if renewed == Renewed::Unreachable || left == 0 {
                return counted(decision.after(Some(Renewed::Unreachable)));
            }
        }
    }

    /// The route that takes pushes, at the path of the push endpoint's URL. For a receiver that polls, it matches no
    /// request.
    #[cfg(feature = "actix")]
    pub fn push_route(&self) -> actix_web::Resource {
        let paths = match &self.shared.method {
            Method::Push { endpoint, .. } => vec![endpoint.url().path().to_owned()],
            Method::Poll => Vec::new(),
        };
        crate::http::push_route(self.clone(), paths)
    }

    /// The route that takes pushes, at another path: behind a proxy that changes it, or inside a scope.
    #[cfg(feature = "actix")]
    pub fn push_route_at(&self, path: &str) -> actix_web::Resource {
        crate::http::push_route(self.clone(), vec![path.to_owned()])
    }

    /// Middleware that refuses requests whose session was revoked.
    ///
    /// `session_of` finds the session of a request, or its keys; requests without one pass.
    #[cfg(feature = "actix")]
    pub fn guard<F, P>(&self, session_of: F) -> guard::Guard<F>
    where
        F: Fn(&actix_web::dev::ServiceRequest) -> Option<P> + 'static,
        P: Into<guard::Presented>,
    {
        guard::Guard::new(self.clone(), session_of)
    }

    /// A layer for axum, or tower, that refuses requests whose session was revoked.
    ///
    /// `session_of` finds the session of a request, or its keys; requests without one pass.
    #[cfg(feature = "tower")]
    pub fn layer<F, B, P>(&self, session_of: F) -> guard::GuardLayer<F>
    where
        F: Fn(&http::Request<B>) -> Option<P>,
        P: Into<guard::Presented>,
    {
        guard::GuardLayer::new(self.clone(), session_of)
    }

    /// Takes a push, whatever web framework it came by (RFC 8935 §2).
    ///
    /// A 202 means that the SET is on disk and that [`Receiver::decide`] knows it. `body` may be of any length; a web
    /// framework should stop reading after [`SET_BYTES_MAX`] bytes. A receiver that polls refuses every push.
    pub async fn accept(
        &self,
        authorization: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Answer {
        let answer = match self.refusal(authorization, content_type) {
            Some(refusal) => refusal,
            None => self.take(body).await,
        };
        self.counted(answer)
    }

    /// What the headers alone deserve; `None` if the body has to be looked at.
    pub(crate) fn refusal(
        &self,
        authorization: Option<&str>,
        content_type: Option<&str>,
    ) -> Option<Answer> {
        let Method::Push { secret, .. } = &self.shared.method else {
            return Some(Answer::unauthenticated());
        };
        let presented = authorization.unwrap_or_default().as_bytes();
        if !constant_time_eq(presented, secret.expose().as_bytes()) {
            return Some(Answer::unauthenticated());
        }
        (!content_type.is_some_and(is_set)).then(Answer::wrong_media_type)
    }

    /// Counts an answer, and logs a refusal.
    pub(crate) fn counted(&self, answer: Answer) -> Answer {
        self.shared.counted(answer)
    }

    async fn take(&self, body: &[u8]) -> Answer {
        if body.len() > SET_BYTES_MAX {
            return Answer::too_long();
        }
        let received_at = clock::now();
        let (shared, body) = (Arc::clone(&self.shared), body.to_vec());
        // In a task of its own: a peer that hangs up must not come between the database and what is in memory.
        let taken = tokio::spawn(async move {
            match shared.verified(&body, received_at).await {
                Ok(arrived) => shared.take(&arrived).await,
                Err(answer) => answer,
            }
        });
        taken
            .await
            .unwrap_or_else(|_| Answer::unavailable(RETRY_AFTER))
    }
}

fn counted(decision: Decision) -> Decision {
    let label = decision.label();
    metrics::counter!("ssf_receiver_guard_decisions_total", "decision" => label).increment(1);
    decision
}

/// Whether a `Content-Type` is that of a SET, with or without parameters.
fn is_set(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(MEDIA_TYPE)
}

impl Shared {
    /// Decides about a session, which goes on if it was renewed since what may have ended it was forgotten.
    pub(crate) fn decide(&self, keys: &SessionKeys) -> Decision {
        let decision = guard::decide(keys, &self.index);
        if !decision.asks_for_renewal() {
            return decision;
        }
        decision.after(self.renewals.known(keys, &self.index))
    }

    /// Counts an answer, and logs a refusal: without the token, and without what it says about anybody.
    pub(crate) fn counted(&self, answer: Answer) -> Answer {
        let label = answer.label();
        metrics::counter!("ssf_receiver_sets_total", "result" => label).increment(1);
        if let Some(error) = answer.error() {
            let issuer = &self.issuer;
            tracing::warn!(%issuer, outcome = label, error = error.description, "a SET was refused");
        }
        answer
    }

    /// Makes a verified SET durable, then effective, then answers. A verification has to be one that was asked for
    /// (SSF 1.0 §8.1.4.1).
    pub(crate) async fn apply(&self, set: &VerifiedSet, received_at: Timestamp) -> Answer {
        if !self.hearing.is_expected(&set.claims().event) {
            let text = "no verification with this state was asked for";
            return Answer::refused(PushError::new(ErrCode::InvalidState, text));
        }
        let policy = Policy {
            critical: self.keys.critical_subject_members(),
            ..self.policy.clone()
        };
        let acceptance = Acceptance {
            inbox: &self.inbox,
            index: &self.index,
            policy: &policy,
            actions: &self.actions,
        };
        reached(Failpoint::BeforeRetain);
        let answer = acceptance.accept(set, received_at).await;
        reached(Failpoint::BeforeAnswer);
        if answer.is_acknowledgement() {
            self.hearing.learn(set.claims());
            self.expiry.learn(set.claims().iat, received_at);
        }
        answer
    }
}

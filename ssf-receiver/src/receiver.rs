//! The receiver: takes SETs, and decides about sessions.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

#[cfg(feature = "redis")]
use secrecy::SecretString;
#[cfg(feature = "shared")]
use ssf_types::error::Chain;
use ssf_types::{time::Timestamp, uri::Issuer};
use tokio::time::sleep;

#[cfg(any(feature = "actix", feature = "tower"))]
use crate::guard;
#[cfg(feature = "shared")]
use crate::inbox::SharedInbox;
use crate::{
    answer::Answer,
    builder::Builder,
    core::{Core, Decided},
    deletion::DeleteStreamError,
    guard::{Decision, Denial, Renewed},
    inbox::InboxError,
    rotation::RotateError,
    session::{Session, SessionKeys},
    tasks::Tasks,
    transmitter::{Running, Status, Transmitter},
};

/// Shortest time between two looks at a session that somebody waits for, however many SETs come.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Most renewals of one session while one request waits: each is void if a watermark rises meanwhile.
const RENEWALS_MAX: usize = 3;

/// A running receiver; clones share it.
///
/// The crate's page shows how to embed one. Most take the SETs of one Transmitter; where there are several
/// ([`Builder::and`]), each is a [`Transmitter`] of its own, and what is called *the* Transmitter here is the first.
#[derive(Clone)]
pub struct Receiver {
    core: Arc<Core>,
    /// At least one.
    transmitters: Arc<[Running]>,
    tasks: Arc<Tasks>,
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

    /// Of these Transmitters, of which there is at least one.
    pub(crate) fn new(core: Arc<Core>, transmitters: Vec<Running>) -> Self {
        let (tasks, _) = Tasks::new();
        Self {
            core,
            transmitters: transmitters.into(),
            tasks: Arc::new(tasks),
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn running(&self, place: usize) -> &Running {
        &self.transmitters[place]
    }

    /// The Transmitters, in the order in which they were given to the builder.
    pub fn transmitters(&self) -> impl ExactSizeIterator<Item = Transmitter> {
        (0..self.transmitters.len()).map(|place| Transmitter::at(place, self))
    }

    /// The Transmitter with this issuer.
    pub fn transmitter(&self, issuer: &Issuer) -> Option<Transmitter> {
        let mut all = self.transmitters();
        all.find(|transmitter| transmitter.issuer() == issuer)
    }

    fn first(&self) -> Transmitter {
        Transmitter::at(0, self)
    }

    /// Has something go on in the background until the last clone of this is gone, or it is stopped.
    pub(crate) fn run(&self, work: impl Future<Output = Infallible> + Send + 'static) {
        self.tasks.abort_at_end(tokio::spawn(work).abort_handle());
    }

    /// The Transmitter's issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.running(0).shared.issuer
    }

    /// Starts the description of a session that may be revoked by the Transmitter.
    ///
    /// `began` is the `iat` of the ID Token that started it.
    pub fn session(&self, began: Timestamp) -> Session {
        self.first().session(began)
    }

    /// Waits until the streams of all Transmitters are set up, and their keys are there.
    pub async fn ready(&self) {
        for transmitter in self.transmitters() {
            transmitter.ready().await;
        }
    }

    /// How it goes with the Transmitter.
    pub fn status(&self) -> Status {
        self.first().status()
    }

    /// Hashes the identifiers of a session: an application may keep the result in place of the session, and have it decided
    /// by [`Receiver::decide_by_keys`], which takes less time and tells nobody who it is.
    pub fn keys(&self, session: &Session) -> SessionKeys {
        self.core.index.key().keys(session)
    }

    /// What processes need that read what is published in Redis: the secret of its hashes, as 32 hexadecimal digits. Whoever has
    /// it, and the database or Redis, can find out whether somebody was revoked whose identifiers they know.
    #[cfg(feature = "redis")]
    pub fn publication_secret(&self) -> SecretString {
        self.core.index.key().to_hexadecimal().into()
    }

    /// Ends the background work of all clones: a poll that waits is given up, and the SETs that became durable meanwhile
    /// are acknowledged with a last one. Call it before the program ends; without it they come again at the next start,
    /// and are known then.
    ///
    /// SETs that are under way get their time, which is 10 s where keys cannot be fetched, and the last poll 5 s. Sessions
    /// are decided on as before; what happens from now on takes no effect, unless it is pushed and its key is known.
    pub async fn stop(&self) {
        // All are told before one is waited for.
        for running in &*self.transmitters {
            running.tasks.tell();
        }
        for running in &*self.transmitters {
            running.tasks.stop().await;
        }
        self.tasks.stop().await;
        #[cfg(feature = "shared")]
        if let Some(inbox) = self.core.inbox.shared() {
            // Without it, another instance leads in ten seconds.
            if let Err(error) = inbox.step_down().await {
                tracing::debug!(error = %Chain(&error), "the lead is not given back");
            }
        }
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
        let mut acknowledged = self.core.acknowledged.subscribe();
        loop {
            // Before the look: what comes during it is looked at as well.
            acknowledged.mark_unchanged();
            if let Decision::Deny(denial) = self.core.decide(keys).decision {
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
        counted(self.core.decide(keys))
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
        let Core {
            renewals, index, ..
        } = &*self.core;
        let mut left = RENEWALS_MAX;
        loop {
            let counts_for = self.core.renewal_counts_for(keys);
            let renewed = renewals.renew(keys, (index, counts_for), &ask).await;
            left -= 1;
            // Anew, whatever was answered: the session may have been revoked meanwhile.
            let decided = self.core.decide(keys);
            if !decided.decision.asks_for_renewal() {
                return counted(decided);
            }
            if renewed == Renewed::Unreachable || left == 0 {
                return counted(Decided {
                    decision: Decision::unconfirmed(),
                    ..decided
                });
            }
        }
    }

    /// The route that takes the Transmitter's pushes, at the path of the push endpoint's URL. For one that is polled, it
    /// matches no request.
    #[cfg(feature = "actix")]
    pub fn push_route(&self) -> actix_web::Resource {
        self.first().push_route()
    }

    /// The route that takes the Transmitter's pushes, at another path: behind a proxy that changes it, or inside a scope.
    #[cfg(feature = "actix")]
    pub fn push_route_at(&self, path: &str) -> actix_web::Resource {
        self.first().push_route_at(path)
    }

    /// Adds the routes that take pushes, of all Transmitters.
    #[cfg(feature = "actix")]
    pub fn push_routes(&self, config: &mut actix_web::web::ServiceConfig) {
        let pushing = self.transmitters();
        for transmitter in pushing.filter(|one| one.push_path().is_some()) {
            config.service(transmitter.push_route());
        }
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

    /// Takes a push of the Transmitter, whatever web framework it came by (RFC 8935 §2): see [`Transmitter::accept`].
    pub async fn accept(
        &self,
        authorization: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Answer {
        self.first().accept(authorization, content_type, body).await
    }

    /// Looks no longer for the Transmitter's SETs that are missing: see [`Transmitter::accept_loss`].
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub async fn accept_loss(&self) -> Result<(), InboxError> {
        self.first().accept_loss().await
    }

    /// Has the secret changed that the Transmitter pushes with: see [`Transmitter::rotate_push_secret`].
    ///
    /// # Errors
    /// The receiver does not manage the secret, or the database cannot be read or written.
    pub async fn rotate_push_secret(&self) -> Result<(), RotateError> {
        self.first().rotate_push_secret().await
    }

    /// Deletes the Transmitter's stream, for an application that goes out of service: see [`Transmitter::delete_stream`].
    ///
    /// # Errors
    /// Says why the stream is still there; then it may be called again.
    pub async fn delete_stream(&self) -> Result<(), DeleteStreamError> {
        self.first().delete_stream().await
    }
}

fn counted(decided: Decided) -> Decision {
    let label = decided.decision.label();
    metrics::counter!("ssf_receiver_guard_decisions_total", "decision" => label).increment(1);
    if decided.is_stale {
        metrics::counter!("ssf_receiver_stale_decisions_total", "decision" => label).increment(1);
    }
    decided.decision
}

//! One of the Transmitters that a receiver takes SETs of, with its stream, its keys, and what is heard of it.
//!
//! A SET counts for the Transmitter at whose endpoint it came in, whose issuer it has to name; what it revokes concerns
//! the sessions of that issuer alone.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    error::{Chain, ErrCode},
    event::Event,
    push::PushError,
    set::{MEDIA_TYPE, SET_BYTES_MAX, VerifiedSet},
    time::Timestamp,
    uri::Issuer,
};
use tokio::sync::watch;

#[cfg(feature = "shared")]
use crate::inbox::SharedInbox;
use crate::{
    acceptance::Acceptance,
    actions::Actions,
    answer::Answer,
    clock,
    core::Core,
    deletion::Management,
    expiry::Expiry,
    failpoint::{Failpoint, reached},
    freshness::{Freshness, Hearing, accept, kept::Kept},
    inbox::{Inbox, InboxError, numbering::Numbering},
    keys::{Keys, RETRY_AFTER},
    media_type,
    poll::PollStatus,
    quarantine::Quarantined,
    receiver::Receiver,
    revocation::Policy,
    session::Session,
    stream::{Method, StreamState},
    tasks::Tasks,
};

/// One of the Transmitters of a [`Receiver`], which goes on as long as this does.
#[derive(Clone)]
pub struct Transmitter {
    receiver: Receiver,
    /// Its place among the receiver's.
    place: usize,
}

/// A Transmitter, and what goes on in the background for it.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tasks: Tasks,
}

/// What is known of one Transmitter, for all who serve it.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) issuer: Issuer,
    pub(crate) method: Method,
    /// How the Transmitter writes SETs.
    pub(crate) dialect: &'static Dialect,
    pub(crate) policy: Policy,
    pub(crate) actions: Actions,
    pub(crate) expiry: Expiry,
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
    /// At which age the push secret is changed by itself.
    pub(crate) push_secret_age_max: Option<Duration>,
    /// How many of its SETs were acknowledged since the start, repeats included.
    pub(crate) acknowledged: AtomicU64,
}

/// How it goes with a Transmitter.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// How far the receiver got with its stream.
    pub stream: StreamState,
    /// Whether there are keys to verify its SETs with.
    pub keys_loaded: bool,
    /// How many keys of the index have a revocation, whichever Transmitter's.
    pub revocations: usize,
    /// How many of its SETs were acknowledged since the start, repeats included; their effect is there before they count.
    ///
    /// By poll, the Transmitter hears of them with the poll that follows.
    pub acknowledged: u64,
    /// How many of its SETs cannot be verified yet, and are kept until they can.
    pub quarantined: usize,
    /// How far what is known of the Transmitter can be relied on.
    pub freshness: Freshness,
    /// How many SETs are missing: the Transmitter says that it delivered them, and they have not been here for a minute.
    pub missing: u64,
    /// How many of them it cannot send any more.
    pub lost: u64,
    /// How polling goes; `None` if SETs are pushed.
    pub polls: Option<PollStatus>,
}

impl Transmitter {
    /// The one at `place`; each receiver has one at 0.
    pub(crate) fn at(place: usize, receiver: &Receiver) -> Self {
        Self {
            receiver: receiver.clone(),
            place,
        }
    }

    pub(crate) fn running(&self) -> &Running {
        self.receiver.running(self.place)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.running().shared
    }

    /// Its issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.shared().issuer
    }

    /// Starts the description of a session that may be revoked by this Transmitter.
    ///
    /// `began` is the `iat` of the ID Token that started it.
    pub fn session(&self, began: Timestamp) -> Session {
        Session::new(self.issuer().clone(), began)
    }

    /// Waits until the stream is set up and the keys are there.
    pub async fn ready(&self) {
        let mut state = self.shared().stream.subscribe();
        // The sender lives in `self`, so this ends with the state.
        let _ = state
            .wait_for(|state| matches!(state, StreamState::Ready { .. }))
            .await;
    }

    /// How it goes with this Transmitter.
    pub fn status(&self) -> Status {
        let shared = self.shared();
        let (missing, lost) = shared.hearing.gaps();
        Status {
            stream: shared.stream.borrow().clone(),
            keys_loaded: shared.keys.loaded(),
            revocations: shared.core.index.len(),
            acknowledged: shared.acknowledged.load(Ordering::Relaxed),
            quarantined: shared.quarantined.count(),
            freshness: shared.hearing.freshness(),
            missing,
            lost,
            polls: match shared.method {
                Method::Poll => Some(shared.polls.borrow().clone()),
                Method::Push { .. } => None,
            },
        }
    }

    /// Looks no longer for SETs that are missing: for whoever has found out otherwise what they said, or has had everybody sign in
    /// anew. [`Why::Lost`](crate::Why::Lost) ends with it, for good.
    ///
    /// Where several instances share a database, it has an effect at the one that leads within seconds.
    ///
    /// # Errors
    /// The database cannot be read or written; then nothing has changed.
    pub async fn accept_loss(&self) -> Result<(), InboxError> {
        let shared = self.shared();
        let accepted = accept(&shared.core.inbox, &shared.issuer).await?;
        tracing::warn!(issuer = %shared.issuer, "SETs that are missing are not looked for any more");
        let kept = Kept {
            heard_at: None,
            accepted,
        };
        shared.hearing.accept(&kept);
        Ok(())
    }

    /// The route that takes this Transmitter's pushes, at the path of the push endpoint's URL. For one that is polled, it
    /// matches no request.
    #[cfg(feature = "actix")]
    pub fn push_route(&self) -> actix_web::Resource {
        let paths = self.push_path().map(str::to_owned).into_iter().collect();
        crate::http::push_route(self.clone(), paths)
    }

    /// The route that takes this Transmitter's pushes, at another path: behind a proxy that changes it, or inside a scope.
    #[cfg(feature = "actix")]
    pub fn push_route_at(&self, path: &str) -> actix_web::Resource {
        crate::http::push_route(self.clone(), vec![path.to_owned()])
    }

    /// The path of the push endpoint's URL; `None` if SETs are polled.
    #[cfg(feature = "actix")]
    pub(crate) fn push_path(&self) -> Option<&str> {
        match &self.shared().method {
            Method::Push { endpoint, .. } => Some(endpoint.url().path()),
            Method::Poll => None,
        }
    }

    /// Takes a push of this Transmitter, whatever web framework it came by (RFC 8935 §2).
    ///
    /// A 202 means that the SET is on disk and that [`Receiver::decide`] knows it. `body` may be of any length; a web
    /// framework should stop reading after [`SET_BYTES_MAX`] bytes. For one that is polled, every push is refused.
    pub async fn accept(
        &self,
        authorization: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Answer {
        let shared = self.shared();
        let answer = match shared.refusal(authorization, content_type) {
            Some(refusal) => refusal,
            None => take(shared, body).await,
        };
        shared.counted(answer)
    }
}

async fn take(shared: &Arc<Shared>, body: &[u8]) -> Answer {
    if body.len() > SET_BYTES_MAX {
        return Answer::too_long();
    }
    let received_at = clock::now();
    let (shared, body) = (Arc::clone(shared), body.to_vec());
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

impl Shared {
    /// What the headers of a push alone deserve; `None` if the body has to be looked at.
    pub(crate) fn refusal(
        &self,
        authorization: Option<&str>,
        content_type: Option<&str>,
    ) -> Option<Answer> {
        let Method::Push { secrets, .. } = &self.method else {
            return Some(Answer::unauthenticated());
        };
        if !secrets.accept(authorization) {
            return Some(Answer::unauthenticated());
        }
        (!content_type.is_some_and(|found| media_type::is(found, MEDIA_TYPE)))
            .then(Answer::wrong_media_type)
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
        match self.is_expected(&set.claims().event).await {
            Ok(true) => {}
            Ok(false) => {
                let text = "no verification with this state was asked for";
                return Answer::refused(PushError::new(ErrCode::InvalidState, text));
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the SET is not acknowledged");
                return Answer::unavailable(RETRY_AFTER);
            }
        }
        let critical = self.keys.critical_subject_members();
        let policy = if critical == self.policy.critical {
            Cow::Borrowed(&self.policy)
        } else {
            let known = self.policy.clone();
            Cow::Owned(Policy { critical, ..known })
        };
        let acceptance = Acceptance {
            inbox: &self.core.inbox,
            index: &self.core.index,
            policy: &policy,
            actions: &self.actions,
        };
        reached(Failpoint::BeforeRetain);
        let answer = acceptance.accept(set, received_at).await;
        reached(Failpoint::BeforeAnswer);
        if answer.is_acknowledgement() {
            // Where there may be other instances, the leading one learns from the rows of the inbox, whoever wrote them.
            if !self.core.inbox.is_shared() {
                self.hearing.learn(set.claims());
            }
            self.expiry.learn(set.claims().iat, received_at);
        }
        answer
    }

    /// Whether a verification is one that was asked for, be it by another instance.
    #[cfg_attr(
        not(feature = "shared"),
        expect(clippy::unused_async, reason = "only other instances take time to ask")
    )]
    async fn is_expected(&self, event: &Event) -> Result<bool, InboxError> {
        let is_ours = self.hearing.is_expected(event);
        #[cfg(feature = "shared")]
        if let (false, Event::Verification(verification), Some(inbox)) =
            (is_ours, event, self.core.inbox.shared())
            && let Some(state) = &verification.state
        {
            return inbox.was_asked(self.quarantined.scope(), state).await;
        }
        Ok(is_ours)
    }

    /// Goes on to compare numbers, and to wait for signs of life, with what is kept of both.
    pub(crate) async fn resume(&self) -> Result<(), InboxError> {
        let recorded = self.core.inbox.recorded(&self.issuer).await?;
        let settings = self.core.inbox.settings().await?;
        let kept = Kept::read(&settings, &self.issuer);
        self.hearing.resume(recorded.as_ref(), &kept, clock::now());
        Ok(())
    }

    /// A SET was acknowledged.
    pub(crate) fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.core.acknowledged.send_modify(|count| *count += 1);
    }
}

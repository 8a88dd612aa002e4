//! Renewals: whether sessions that may have been ended go on, as whoever can tell says.
//!
//! 1. What was confirmed counts until something more is forgotten: all that was forgotten before the question had been received
//!    before it, so that whoever answered knew of it. No two clocks are compared. Where too little is heard of the Transmitter,
//!    it counts for some time only, by a steady clock.
//! 2. A session is asked about once at a time; who comes meanwhile waits for the same answer.
//! 3. A session that was refused is not asked about again while that is remembered.

mod known;

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hasher,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use siphasher::sip128::{Hasher128, SipHasher13};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use self::known::{Known, Memory, Present, SessionId};
use crate::{revocation::Index, session::SessionKeys};

/// How long an answer may take; a request waits for it.
const DEADLINE: Duration = Duration::from_secs(5);

/// Most sessions that are asked about at once: each holds a request, and a connection to whoever answers.
const AT_ONCE_MAX: usize = 1024;

/// What whoever can tell says of a session that may have been ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewed {
    /// It goes on: a refresh token was taken, its introspection says `active`, or a sign-in without the user succeeded.
    Confirmed,
    /// It is over: `invalid_grant`, `active: false`, `login_required`.
    Refused,
    /// Nobody can tell now: there is no answer, or one that says nothing of the session.
    Unreachable,
}

impl Renewed {
    /// The label in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What was answered about sessions, and what is being asked.
#[derive(Debug)]
pub(crate) struct Renewals {
    /// Names sessions: two of them share a name with a probability that does not count, whoever chooses their identifiers.
    secret: [u8; 16],
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    under_way: HashMap<SessionId, Answer>,
}

/// Where the answer to a question will be; whoever asks dropped it without one if its sender is gone.
type Answer = watch::Receiver<Option<Renewed>>;

/// What is left to do for somebody who wants a session renewed.
enum Part<'r> {
    Asks(Question<'r>),
    Waits(Answer),
    Knows(Renewed),
    /// There are too many questions already.
    ComesAgain,
}

/// A question that is being asked. Dropped without an answer, it leaves room for another one.
struct Question<'r> {
    renewals: &'r Renewals,
    session: SessionId,
    answer: Option<watch::Sender<Option<Renewed>>>,
}

impl Renewals {
    /// Nothing is known yet; `secret` are random bytes.
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self {
            secret,
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// What was answered about a session that may have been ended, if it still counts: for so long, or without `counts_for` as
    /// long as nothing more is forgotten.
    ///
    /// To be asked after the decision: what that one did not find in the table is then forgotten before this era, or not at all.
    pub(crate) fn known(
        &self,
        keys: &SessionKeys,
        index: &Index,
        counts_for: Option<Duration>,
    ) -> Option<Renewed> {
        let present = self.present(index.era(keys), counts_for);
        self.state().memory.of(self.name(keys), present)
    }

    fn present(&self, era: u64, counts_for: Option<Duration>) -> Present {
        let now = self.began.elapsed();
        let since = counts_for.map_or(Duration::ZERO, |time| now.saturating_sub(time));
        Present { era, since, now }
    }

    /// Has `ask` find out whether a session goes on, unless somebody does already, or did.
    pub(crate) async fn renew<A>(
        &self,
        keys: &SessionKeys,
        (index, counts_for): (&Index, Option<Duration>),
        ask: impl FnOnce() -> A,
    ) -> Renewed
    where
        A: Future<Output = Renewed>,
    {
        let session = self.name(keys);
        loop {
            // Before the question: see the first rule.
            let present = self.present(index.era(keys), counts_for);
            match self.part(session, present) {
                Part::Knows(renewed) => return renewed,
                Part::Asks(question) => {
                    let renewed = timeout(DEADLINE, ask()).await;
                    let renewed = renewed.unwrap_or(Renewed::Unreachable);
                    question.settle(renewed, present);
                    return renewed;
                }
                Part::Waits(mut answer) => {
                    let answered = timeout(DEADLINE, answer.wait_for(Option::is_some)).await;
                    match answered.map(|answered| answered.map(|renewed| *renewed)) {
                        Ok(Ok(renewed)) => return renewed.unwrap_or(Renewed::Unreachable),
                        // Whoever asked went away: somebody else asks.
                        Ok(Err(_)) => {}
                        Err(_) => return Renewed::Unreachable,
                    }
                }
                Part::ComesAgain => {
                    count("postponed");
                    return Renewed::Unreachable;
                }
            }
        }
    }

    fn part(&self, session: SessionId, present: Present) -> Part<'_> {
        let mut state = self.state();
        if let Some(renewed) = state.memory.of(session, present) {
            return Part::Knows(renewed);
        }
        let is_full = state.under_way.len() >= AT_ONCE_MAX;
        match state.under_way.entry(session) {
            Entry::Occupied(asked) => Part::Waits(asked.get().clone()),
            Entry::Vacant(_) if is_full => Part::ComesAgain,
            Entry::Vacant(free) => {
                let (sender, answer) = watch::channel(None);
                free.insert(answer);
                Part::Asks(Question {
                    renewals: self,
                    session,
                    answer: Some(sender),
                })
            }
        }
    }

    /// What a session is known by here.
    fn name(&self, keys: &SessionKeys) -> SessionId {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(&keys.to_bytes());
        hasher.finish128().as_u128()
    }

    /// The state; a panic elsewhere leaves it whole, since every step only inserts or removes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question<'_> {
    /// Remembers the answer, and tells whoever waits for it.
    fn settle(mut self, renewed: Renewed, asked: Present) {
        count(renewed.label());
        let mut state = self.renewals.state();
        match renewed {
            Renewed::Confirmed => state.memory.learn(self.session, asked.confirmed()),
            Renewed::Refused => state.memory.learn(self.session, Known::Refused),
            Renewed::Unreachable => {}
        }
        state.under_way.remove(&self.session);
        drop(state);
        if let Some(answer) = self.answer.take() {
            answer.send_replace(Some(renewed));
        }
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if self.answer.is_some() {
            self.renewals.state().under_way.remove(&self.session);
        }
    }
}

fn count(result: &'static str) {
    metrics::counter!("ssf_receiver_renewals_total", "result" => result).increment(1);
}

#[cfg(test)]
#[cfg(feature = "actix")]
mod tests;

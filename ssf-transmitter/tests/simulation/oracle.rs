//! Sees everything, and knows what must hold.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;
use ssf_transmitter::app::status::Settled;
use ssf_types::event::{EventPayload, ssf::StreamUpdated};
use tokio::{sync::Notify, task};

use super::{
    clock::WorldClock,
    invariant::{Invariant, Violation},
    tally::Tally,
};

/// Sees everything, and knows what must hold.
#[derive(Debug)]
pub(crate) struct Oracle {
    clock: WorldClock,
    state: Mutex<State>,
    broken: Notify,
}

#[derive(Debug, Default)]
struct State {
    violation: Option<Violation>,
    /// What happened, for whoever looks into a failure.
    log: Vec<String>,
    tally: Tally,
    /// Whom the events are about, by name.
    users: BTreeMap<String, usize>,
    /// The names of the events in the order of their acceptance.
    order: Vec<String>,
    /// The events that were answered 202.
    accepted: BTreeSet<String>,
    places: Vec<Place>,
}

/// What is known of one stream and its application.
#[derive(Debug, Default)]
struct Place {
    /// No attempt may begin.
    is_stopped: bool,
    /// How often it was stored that the stream sends; and how often before it was last stored that it does not, by tasks.
    starts: u64,
    stops: HashMap<task::Id, u64>,
    /// `jti` and `iat` of the SETs, by the names of their events; and the names by `jti`.
    sets: BTreeMap<String, (String, u64)>,
    names: BTreeMap<String, String>,
    /// The position of the last event of each user that was offered.
    offered: BTreeMap<usize, usize>,
    /// The `jti` under which the application has each event.
    applied: BTreeMap<String, String>,
    /// The events of the SETs that the application has acknowledged, by `jti`.
    acknowledged: BTreeMap<String, String>,
    /// The stream is certainly not disabled, and how many that disable it have not ended.
    is_open: bool,
    disabling: u32,
    /// Events that it may miss.
    doubtful: BTreeSet<String>,
}

/// As much of a SET as matters here.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub(crate) jti: String,
    pub(crate) iat: u64,
    /// Names the event.
    pub(crate) txn: String,
    pub(crate) is_announcement: bool,
}

impl Claims {
    pub(crate) fn of(token: &str) -> Self {
        let claims = token.split('.').nth(1).unwrap();
        Self::read(&BASE64URL.decode(claims).unwrap())
    }

    pub(crate) fn read(json: &[u8]) -> Self {
        let claims: Value = serde_json::from_slice(json).unwrap();
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        Self {
            jti: text("jti"),
            iat: claims["iat"].as_u64().unwrap(),
            txn: text("txn"),
            is_announcement: claims["events"].get(StreamUpdated::URI).is_some(),
        }
    }
}

impl Oracle {
    pub(crate) fn new(clock: WorldClock, places: usize) -> Self {
        let open = || Place {
            is_open: true,
            ..Place::default()
        };
        let state = State {
            places: std::iter::repeat_with(open).take(places).collect(),
            ..State::default()
        };
        Self {
            clock,
            state: Mutex::new(state),
            broken: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever has panicked meanwhile is to be told of as well.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happened.
    pub(crate) fn note(&self, fact: &str) {
        let at = self.clock.elapsed().as_millis();
        self.state().log.push(format!("{at:>8} ms  {fact}"));
    }

    /// Notes what happened, and counts how often it did.
    pub(crate) fn happens(&self, what: &'static str) {
        self.note(what);
        self.count(what);
    }

    fn count(&self, what: &'static str) {
        self.state().tally.count(what);
    }

    /// How much happened.
    pub(crate) fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// What happened.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// The name of an event, unless it is by chance.
    fn known<'n>(&self, txn: &'n str) -> &'n str {
        match self.user_of(txn) {
            Some(_) => txn,
            None => "a word of the transmitter's own",
        }
    }

    /// An invariant does not hold; the first time counts.
    pub(crate) fn breaks(&self, invariant: Invariant, fact: impl Into<String>) {
        let fact = fact.into();
        self.note(&format!("VIOLATION {invariant}: {fact}"));
        let mut state = self.state();
        state.violation.get_or_insert(Violation { invariant, fact });
        self.broken.notify_one();
    }

    /// Waits until an invariant does not hold.
    pub(crate) async fn broken(&self) -> Violation {
        loop {
            if let Some(violation) = self.violation() {
                return violation;
            }
            self.broken.notified().await;
        }
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.state().violation.clone()
    }

    /// A producer is about to hand in an event.
    pub(crate) fn asks(&self, txn: &str, user: usize) {
        let mut state = self.state();
        state.users.insert(txn.to_owned(), user);
        for place in &mut state.places {
            if !place.is_open {
                place.doubtful.insert(txn.to_owned());
            }
        }
    }

    /// The database has an event. It has it once more if it lost it before.
    pub(crate) fn appended(&self, txn: &str) {
        self.state().order.push(txn.to_owned());
    }

    /// How many events the database has, and forgetting those behind so many.
    pub(crate) fn appended_count(&self) -> usize {
        self.state().order.len()
    }

    pub(crate) fn forget_appended(&self, count: usize) {
        self.state().order.truncate(count);
    }

    /// A producer was told that an event is accepted.
    pub(crate) fn accepted(&self, txn: &str) {
        self.note(&format!("{txn} accepted"));
        self.count("events accepted");
        self.state().accepted.insert(txn.to_owned());
    }

    /// A SET is picked for the answer to a poll.
    pub(crate) fn picks(&self, at: usize, is_announcement: bool) {
        if self.state().places[at].is_stopped && !is_announcement {
            let fact = format!("a SET is picked for {at}, which is stopped");
            self.breaks(Invariant::Stopped, fact);
        }
    }

    /// A push begins; `is_kept` says whether a delivery has this `jti`.
    pub(crate) fn begins(&self, at: usize, set: &Claims, is_kept: impl Fn(&str) -> bool) {
        if self.state().places[at].is_stopped && !set.is_announcement {
            let fact = format!("{} is offered to {at}, which is stopped", set.txn);
            self.breaks(Invariant::Stopped, fact);
        }
        self.offers(at, set, is_kept);
    }

    /// A SET leaves for an application, by whatever method.
    pub(crate) fn offers(&self, at: usize, set: &Claims, is_kept: impl Fn(&str) -> bool) {
        self.note(&format!("{} offered to {at}", self.known(&set.txn)));
        self.count("attempts at a delivery");
        let mut state = self.state();
        let position = state.order.iter().rposition(|txn| *txn == set.txn);
        let user = state.users.get(&set.txn).copied();
        let place = &mut state.places[at];
        let named = place.learn(set, is_kept);
        let ordered = match (user, position) {
            // Repetitions may come in any order.
            (Some(user), Some(position)) if named == Ok(true) => {
                place.offer(user, position, &set.txn)
            }
            (Some(_), None) => Err(format!(
                "{} is offered to {at} and not in the database",
                set.txn
            )),
            (Some(_), Some(_)) | (None, _) => Ok(()),
        };
        drop(state);
        if let Err(fact) = named {
            self.breaks(Invariant::Named, format!("at {at}: {fact}"));
        }
        if let Err(fact) = ordered {
            self.breaks(Invariant::Ordered, format!("at {at}: {fact}"));
        }
    }

    /// The inbox of an application has a SET that it did not have.
    pub(crate) fn retained(&self, at: usize, set: &Claims) {
        self.note(&format!("{} retained by {at}", self.known(&set.txn)));
        self.count("SETs applied");
        let mut state = self.state();
        let place = &mut state.places[at];
        place.doubtful.remove(&set.txn);
        let before = place.applied.insert(set.txn.clone(), set.jti.clone());
        drop(state);
        if before.is_some() {
            let fact = format!("{} is applied to {at} under two names", set.txn);
            self.breaks(Invariant::Once, fact);
        }
    }

    /// The inbox of an application has a SET already that comes.
    pub(crate) fn repeated(&self) {
        self.count("SETs that came again");
    }

    /// It is stored that a stream does not send, as this task wants it.
    pub(crate) fn stops(&self, at: usize) {
        self.note(&format!("stop of {at} stored"));
        let place = &mut self.state().places[at];
        place.stops.insert(task::id(), place.starts);
    }

    /// The stop that this task wanted is answered.
    pub(crate) fn stopped(&self, at: usize, settled: Settled) {
        self.note(&format!("stop of {at} answered {settled:?}"));
        let place = &mut self.state().places[at];
        let before = place.stops.remove(&task::id());
        if before == Some(place.starts) && settled == Settled::InForce {
            place.is_stopped = true;
        }
    }

    /// It is stored that a stream sends: anything may be sent from now on.
    pub(crate) fn starts(&self, at: usize) {
        self.note(&format!("start of {at} stored"));
        let place = &mut self.state().places[at];
        place.starts += 1;
        place.is_stopped = false;
    }

    /// Somebody begins to disable a stream: it may miss what it does not have.
    pub(crate) fn disables(&self, at: usize) -> UnderWay<'_> {
        self.note(&format!("stop of {at} for good begins"));
        let mut state = self.state();
        let State { users, places, .. } = &mut *state;
        let place = &mut places[at];
        place.is_open = false;
        place.disabling += 1;
        let missing = users.keys().filter(|txn| !place.applied.contains_key(*txn));
        place.doubtful.extend(missing.cloned());
        drop(state);
        UnderWay { oracle: self, at }
    }

    /// A stream was started, certainly.
    pub(crate) fn started(&self, at: usize) {
        self.note(&format!("start of {at} answered"));
        let place = &mut self.state().places[at];
        place.is_open = place.disabling == 0;
    }

    /// Whether a stream certainly gets what is accepted.
    pub(crate) fn is_open(&self, at: usize) -> bool {
        self.state().places[at].is_open
    }

    /// Whom an event is about; nobody if the Transmitter itself made it.
    pub(crate) fn user_of(&self, txn: &str) -> Option<usize> {
        self.state().users.get(txn).copied()
    }

    /// An application acknowledges a SET.
    pub(crate) fn acknowledges(&self, at: usize, set: &Claims) {
        let acknowledged = &mut self.state().places[at].acknowledged;
        acknowledged.insert(set.jti.clone(), set.txn.clone());
    }

    /// Whether an application has acknowledged a SET.
    pub(crate) fn has_acknowledged(&self, at: usize, jti: &str) -> bool {
        self.state().places[at].acknowledged.contains_key(jti)
    }

    /// Whether an application has an event under this name.
    pub(crate) fn has(&self, at: usize, jti: &str) -> bool {
        let state = self.state();
        state.places[at].applied.values().any(|own| own == jti)
    }

    /// The users about whom an application has acknowledged an event.
    pub(crate) fn users_acknowledged_by(&self, at: usize) -> BTreeSet<usize> {
        let state = self.state();
        let acknowledged = state.places[at].acknowledged.values();
        acknowledged
            .filter_map(|txn| state.users.get(txn).copied())
            .collect()
    }

    /// At the end, nothing is missing.
    pub(crate) fn nothing_is_missing(&self) {
        let mut missing = Vec::new();
        {
            let state = self.state();
            for (at, place) in state.places.iter().enumerate() {
                let expected = state.accepted.difference(&place.doubtful);
                let lacks = expected.filter(|txn| !place.applied.contains_key(*txn));
                missing.extend(lacks.map(|txn| format!("{txn} at {at}")));
            }
        }
        if !missing.is_empty() {
            self.breaks(Invariant::Applied, format!("missing: {missing:?}"));
        }
    }
}

impl Place {
    /// Learns the names of a SET, which are what they were. `Ok` tells whether they are new.
    ///
    /// Another delivery of the same event has another name; what comes of it, [`Invariant::Once`] is about.
    fn learn(&mut self, set: &Claims, is_kept: impl Fn(&str) -> bool) -> Result<bool, String> {
        let own = (set.jti.clone(), set.iat);
        let txn = &set.txn;
        if let Some(before) = self.sets.get(txn) {
            let is_another = before.0 != own.0 && is_kept(&own.0);
            if *before != own && !is_another {
                return Err(format!("{txn} was {before:?} and is {own:?}"));
            }
            return Ok(false);
        }
        self.sets.insert(txn.clone(), own);
        match self.names.insert(set.jti.clone(), txn.clone()) {
            None => Ok(true),
            Some(other) => Err(format!("{other} and {txn} have one jti")),
        }
    }

    /// Offers an event for the first time.
    fn offer(&mut self, user: usize, position: usize, txn: &str) -> Result<(), String> {
        match self.offered.insert(user, position) {
            Some(last) if last > position => Err(format!(
                "{txn} is first offered after a later event of user {user}"
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// Somebody disables a stream; dropping it says that this is over.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    oracle: &'a Oracle,
    at: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.oracle.state().places[self.at].disabling -= 1;
    }
}

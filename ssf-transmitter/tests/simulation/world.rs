//! What all share that live in one world.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures_util::FutureExt;
use ssf_transmitter::{
    domain::{issuer::Issuers, method::DeliveryMethod},
    ports::{Clock, LedgerStore, Sought, TraceStore},
};
use ssf_types::{
    id::{Jti, StreamId},
    uri::{EndpointUrl, Issuer},
};

use super::{
    application::Application, chance, clock::WorldClock, database::Database, invariant::Invariant,
    oracle::Oracle, plan::Plan,
};

/// Who speaks here.
pub(crate) const ISSUER: &str = "https://tr.example.com";

/// More requests to the database than any world needs: whoever makes them goes round in circles.
const REQUESTS_MAX: u64 = 200_000;

/// What all share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) clock: WorldClock,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) database: Database,
    pub(crate) applications: Vec<Application>,
    pub(crate) issuers: Issuers,
    is_calm: AtomicBool,
    is_over: AtomicBool,
    requests: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Arc<Self> {
        let plan = Plan::draw();
        let clock = WorldClock::new();
        let oracle = Arc::new(Oracle::new(clock.clone(), plan.applications));
        let database = Database::new();
        let mut applications = Vec::new();
        for number in 0..plan.applications {
            let polls = plan.polls && number + 1 == plan.applications;
            let (store, now) = (database.memory(), clock.now());
            applications.push(Application::new((number, polls), &oracle, store, now).await);
        }
        Arc::new(Self {
            oracle,
            plan,
            clock,
            database,
            applications,
            issuers: Issuers::only(issuer()),
            is_calm: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            requests: AtomicU64::new(0),
        })
    }

    /// The application at an address.
    pub(crate) fn at(&self, endpoint: &EndpointUrl) -> usize {
        let own = |one: &Application| match &one.stream.delivery {
            DeliveryMethod::Push(push) => push.endpoint_url == *endpoint,
            DeliveryMethod::Poll => false,
        };
        self.applications.iter().position(own).unwrap()
    }

    /// Whose stream it is.
    pub(crate) fn of(&self, stream: &StreamId) -> usize {
        let own = |one: &Application| one.stream.id == *stream;
        self.applications.iter().position(own).unwrap()
    }

    /// Whether one of the things happens that happen in rough weather, so often in a thousand times.
    pub(crate) fn strikes(&self, per_mille: u64) -> bool {
        !self.is_calm() && chance::happens(per_mille)
    }

    /// Whether a delivery of an event has this name.
    pub(crate) fn is_kept(&self, jti: &str) -> bool {
        let sought = Sought::Jti(Jti::parse(jti).unwrap());
        let found = self.database.memory().find_events(&sought, 0, 1);
        !found.now_or_never().unwrap().unwrap().is_empty()
    }

    /// From now on, nothing strikes any more.
    pub(crate) fn calm(&self) {
        self.oracle.note("the weather clears");
        self.is_calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// From now on, nobody is started again.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// A message is under way.
    pub(crate) async fn travel(&self) {
        chance::pause(0..=self.plan.delay_max).await;
    }

    /// Counts requests to the database; whether that is still sensible.
    pub(crate) fn is_patient(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        if before == REQUESTS_MAX {
            let fact = "the database is asked again and again";
            self.oracle.breaks(Invariant::Settled, fact);
        }
        before < REQUESTS_MAX
    }

    /// The books are looked at whenever something was done.
    pub(crate) fn look_at_the_books(&self) {
        let ledger = self.database.memory().ledger();
        let ledger = ledger.now_or_never().unwrap().unwrap();
        if ledger.imbalance() > 0 {
            self.oracle
                .breaks(Invariant::Balanced, format!("{ledger:?}"));
        }
    }
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse(ISSUER).unwrap()
}

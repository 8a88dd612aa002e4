//! The calls of one handler.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    error::Error,
    future::Future,
    sync::Arc,
    time::Duration,
};

use ssf_types::{
    error::Chain,
    event::Event,
    set::{SetClaims, SetError},
};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{HandedSet, HandlerName, place::Place, retry};
use crate::{
    clock,
    core::Core,
    failpoint::{Failpoint, reached},
    inbox::{
        InboxError,
        worklist::{Came, Settled, Work, Worklist},
    },
};

/// Most calls under way at once.
const CALLS_MAX: usize = 16;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// Longest time between two looks for what is due again: the clock that says so may be set.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// How long to wait while the inbox cannot be used.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts calls by handler and result.
const HANDLED: &str = "ssf_receiver_handled_total";

/// Calls one handler, as long as it runs.
pub(super) struct Calls<F> {
    core: Arc<Core>,
    name: HandlerName,
    handler: Arc<F>,
    place: Place,
    under_way: UnderWay,
    /// What has ended and is not stored yet.
    ended: Vec<Settled>,
}

/// Calls in tasks of their own, so that a panic is one call's, and computing delays nobody.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Result<(), String>>,
    of: HashMap<Id, Work>,
}

impl UnderWay {
    fn room(&self) -> usize {
        CALLS_MAX.saturating_sub(self.tasks.len())
    }

    fn rows(&self) -> HashSet<i64> {
        self.of.values().map(|work| work.row).collect()
    }

    fn begin(
        &mut self,
        work: Work,
        call: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(call).id();
        self.of.insert(id, work);
    }

    /// The next call that ends, and how; `None` where nothing is under way.
    async fn next(&mut self) -> Option<(Work, Result<(), String>)> {
        let ended = self.tasks.join_next_with_id().await?;
        self.identified(ended)
    }

    fn try_next(&mut self) -> Option<(Work, Result<(), String>)> {
        let ended = self.tasks.try_join_next_with_id()?;
        self.identified(ended)
    }

    fn identified(
        &mut self,
        ended: Result<(Id, Result<(), String>), JoinError>,
    ) -> Option<(Work, Result<(), String>)> {
        let (id, result) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Err("it panicked".to_owned())),
        };
        // Each task has its entry: it is made in the step that spawns it.
        Some((self.of.remove(&id)?, result))
    }
}

impl<F, Fut, E> Calls<F>
where
    F: Fn(HandedSet) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    pub(super) fn new(core: Arc<Core>, name: HandlerName, place: i64, handler: F) -> Self {
        Self {
            core,
            name,
            handler: Arc::new(handler),
            place: Place::new(place),
            under_way: UnderWay::default(),
            ended: Vec::new(),
        }
    }

    /// Calls the handler with what is there, and with what comes.
    pub(super) async fn run(mut self) -> Infallible {
        let mut acknowledged = self.core.acknowledged.subscribe();
        let mut handed_again = self.core.handed_again.subscribe();
        loop {
            if !self.core.lead.is_held() {
                self.pause().await;
            }
            // Before the look: what comes during it is looked for as well.
            acknowledged.mark_unchanged();
            handed_again.mark_unchanged();
            let wait = match self.step().await {
                Ok(wait) => wait,
                Err(error) => {
                    let handler = self.name.as_str();
                    tracing::error!(handler, error = %Chain(&error), "no SET can be handed over now");
                    PAUSE
                }
            };
            let has_room = self.under_way.room() > 0;
            // The senders live in what is shared, so each of these ends with news.
            tokio::select! {
                () = self.core.lead.lost() => {}
                Some((work, result)) = self.under_way.next() => {
                    self.has_ended(&work, result);
                    while let Some((work, result)) = self.under_way.try_next() {
                        self.has_ended(&work, result);
                    }
                }
                _ = acknowledged.changed(), if has_room => {}
                _ = handed_again.changed(), if has_room => {}
                () = sleep(wait), if has_room || !self.ended.is_empty() => {}
            }
        }
    }

    /// Leaves the calls to another instance, which repeats what is not stored, until this one leads.
    async fn pause(&mut self) {
        self.under_way = UnderWay::default();
        self.ended.clear();
        self.core.lead.held().await;
        loop {
            match self.core.inbox.enlist(&self.name).await {
                Ok(place) => {
                    self.place = Place::new(place);
                    return;
                }
                Err(error) => {
                    let handler = self.name.as_str();
                    tracing::error!(handler, error = %Chain(&error), "no SET can be handed over now");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Stores what has ended, then begins as many calls as there is room for; returns how long nothing else is due.
    async fn step(&mut self) -> Result<Duration, InboxError> {
        self.settle().await?;
        let core = Arc::clone(&self.core);
        let (inbox, now) = (&core.inbox, clock::now());
        let rows = self.under_way.rows();
        let limit = self.under_way.room() as u64;
        for work in inbox.due(&self.name, now, limit, &rows).await? {
            self.begin(work);
        }
        loop {
            let limit = self.under_way.room() as u64;
            let fresh = inbox.fresh(self.place.given(), limit).await?;
            if fresh.is_empty() {
                break;
            }
            for work in fresh {
                self.place.give(work.row);
                self.begin(work);
            }
            self.settle().await?;
        }
        if self.under_way.room() == 0 {
            return Ok(LOOK_INTERVAL);
        }
        let next = inbox.next_due(&self.name, &self.under_way.rows()).await?;
        let wait = next.map_or(LOOK_INTERVAL, |next| next.since(clock::now()));
        Ok(wait.min(LOOK_INTERVAL))
    }

    fn begin(&mut self, work: Work) {
        match self.handed(&work) {
            Ok(set) if matches!(set.claims.event, Event::Verification(_)) => {
                self.ended.push(Settled {
                    row: work.row,
                    came: Came::Done,
                });
            }
            Ok(set) => {
                let handler = Arc::clone(&self.handler);
                self.under_way.begin(work, async move {
                    match timeout(DEADLINE, handler(set)).await {
                        Ok(Ok(())) => Ok(()),
                        Ok(Err(error)) => Err(Chain(error.into().as_ref()).to_string()),
                        Err(_) => Err("it took more than a minute".to_owned()),
                    }
                });
            }
            Err(error) => {
                let error = format!("the SET cannot be read any more: {}", Chain(&error));
                self.ended.push(Settled {
                    row: work.row,
                    came: Came::Dead {
                        failed: work.failed,
                        error,
                    },
                });
            }
        }
    }

    fn handed(&self, work: &Work) -> Result<HandedSet, SetError> {
        let claims =
            SetClaims::read_verified(&work.issuer, &work.claims, self.core.dialect(&work.issuer))?;
        Ok(HandedSet {
            claims,
            json: work.claims.clone(),
            received_at: work.received_at,
            attempt: work.failed + 1,
        })
    }

    /// Judges the end of a call; what the handler says may be about somebody, and is for no log.
    fn has_ended(&mut self, work: &Work, result: Result<(), String>) {
        reached(Failpoint::AfterCall);
        let failed = work.failed + 1;
        let (label, came) = match result {
            Ok(()) => ("done", Came::Done),
            Err(error) => match retry::delay(failed) {
                Some(delay) => {
                    let due_at = clock::now().after(delay);
                    let came = Came::Failed {
                        failed,
                        due_at,
                        error,
                    };
                    ("failed", came)
                }
                None => ("dead", Came::Dead { failed, error }),
            },
        };
        let handler = &self.name.0;
        metrics::counter!(HANDLED, "handler" => handler.clone(), "result" => label).increment(1);
        match &came {
            Came::Done => tracing::debug!(handler, "a SET was handled"),
            Came::Failed { failed, .. } => {
                tracing::warn!(handler, failed, "a handler failed and is called again");
            }
            Came::Dead { failed, .. } => {
                tracing::error!(handler, failed, "a SET is a dead letter: see dead_letters");
            }
        }
        self.ended.push(Settled {
            row: work.row,
            came,
        });
    }

    /// Stores what has ended; what cannot be stored is stored with what ends next.
    async fn settle(&mut self) -> Result<(), InboxError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let mut place = self.place.clone();
        for settled in &self.ended {
            place.ended(settled.row);
        }
        let stored = (self.core.inbox).settle(&self.name, place.done(), &self.ended);
        stored.await?;
        self.place = place;
        self.ended.clear();
        Ok(())
    }
}

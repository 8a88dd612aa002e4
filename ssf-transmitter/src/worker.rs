//! The loops: commits wake them, and a sweep once a second is the safety net.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ssf_types::{error::Chain, time::Timestamp};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tracing::{debug, error, info};

use crate::{
    app::{
        clock::SystemClock,
        deliver::{Delivered, Deliverer, DeliverySettings, Term},
        dispatch::{Dispatched, Dispatcher},
        gate::Gate,
        measure::{self, LeaseChange, Leased},
        poll::{Caller, Polls, Unreached},
        quota::Quotas,
        refusals::{Refusals, Rest},
        retain::{Retained, Retaining},
        slots::{Slot, Slots},
        survey::Survey,
        tend::{Tended, Tending},
        wake::Wake,
    },
    domain::{
        id::{ReceiverId, WorkerId},
        issuer::Issuers,
        retention::Retention,
        room::Room,
        trouble::TroubleKind,
    },
    failpoint::{Failpoint, reached},
    keys::SigningKeys,
    ports::{
        Clock, LeasedStream, OperatedStreams, Outbox, RetentionStore, StoreError, SubjectStore,
    },
    push::PushClient,
    store::SeaStore,
};

/// Longest time between two looks for work.
const SWEEP: Duration = Duration::from_secs(1);

/// Shortest time between two looks for work that is due: a bound on how often an overdue row can be asked for.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a free slot waits at most for others.
const GATHER: Duration = Duration::from_millis(5);

/// Time between two looks for streams while all that are due belong to Receivers that have their share.
const SHARED_OUT: Duration = Duration::from_millis(100);

/// So many times as many streams as there are slots may wait for answers without one: each costs memory, and a renewal of
/// its lease now and then.
const STREAMS_PER_SLOT_MAX: usize = 8;

/// One Receiver has at most half as many streams as there are slots, those that only wait included: so whatever its
/// endpoints do, the others have the rest.
const RECEIVER_SHARE: usize = 2;

/// Most keys of subjects that are removed at once: no event is committed meanwhile.
const FORGET_SUBJECTS_MAX: u64 = 1000;

/// A loop that has not come round for so long does not run.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// How long answers are kept under their idempotency keys, in milliseconds: a day.
const ANSWERS_KEPT_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// How often it is looked for answers that are older.
const FORGET_PERIOD: Duration = Duration::from_mins(1);

/// How often streams with trouble are counted.
const TROUBLES_PERIOD: Duration = Duration::from_secs(5);

/// Most answers that are forgotten in one step, so that nobody waits for it.
const FORGET_MAX: u64 = 500;

/// How often it is looked for what is kept no longer.
const RETAIN_PERIOD: Duration = Duration::from_mins(5);

/// How often it is looked for refusals that are to be written down.
const REFUSALS_PERIOD: Duration = Duration::from_secs(10);

/// Shortest time from one look at the ledger to the next.
const SURVEY_PERIOD: Duration = Duration::from_secs(15);

/// The next look waits so many times as long as the last one took: looking takes at most about a twentieth of the time.
const SURVEY_SHARE: u32 = 20;

/// The loops that have to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loop {
    /// Turns accepted events into deliveries.
    FanOut,
    /// Brings deliveries to Receivers.
    Delivery,
}

/// When each loop last came round. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug)]
struct Beats {
    began: Instant,
    /// Milliseconds since `began`.
    fan_out: AtomicU64,
    delivery: AtomicU64,
}

impl Pulse {
    /// Counts from now on; a loop has a while to come round for the first time.
    pub fn begin() -> Self {
        Self(Arc::new(Beats {
            began: Instant::now(),
            fan_out: AtomicU64::new(0),
            delivery: AtomicU64::new(0),
        }))
    }

    /// Whether the loop came round lately.
    pub fn is_alive(&self, which: Loop) -> bool {
        let last = Duration::from_millis(self.beats(which).load(Ordering::Relaxed));
        self.0.began.elapsed().saturating_sub(last) < SILENCE_MAX
    }

    fn beat(&self, which: Loop) {
        let millis = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beats(which).store(millis, Ordering::Relaxed);
    }

    fn beats(&self, which: Loop) -> &AtomicU64 {
        match which {
            Loop::FanOut => &self.0.fan_out,
            Loop::Delivery => &self.0.delivery,
        }
    }
}

/// Tells the loops to stop. Dropping it does so, too.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Is told to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// Makes a pair of the two.
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Tells everybody to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it is time to stop.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until it is time to stop.
    pub(crate) async fn stopping(&mut self) {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// What the loops work with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Work {
    /// Where events and deliveries are kept.
    pub store: SeaStore,
    /// Signs SETs.
    pub keys: SigningKeys,
    /// Sends them.
    pub push: PushClient,
    /// Tells the time.
    pub clock: SystemClock,
    /// The `iss` of the SETs, by the names of the streams' issuers.
    pub issuers: Arc<Issuers>,
    /// This process.
    pub worker: WorkerId,
    /// Is called when events were accepted.
    pub accepted: Wake,
    /// Is called when deliveries were added.
    pub fresh: Wake,
    /// What all polls share.
    pub polls: Polls,
    /// Is passed by attempts that begin.
    pub gate: Gate,
    /// Is told that the loops run.
    pub pulse: Pulse,
    /// How delivering goes about its work.
    pub settings: DeliverySettings,
    /// Places for streams that are delivered at the same time.
    pub slots: Slots,
    /// How many of those there are.
    pub streams_parallel_max: usize,
    /// What is done for streams on which nothing happens.
    pub tending: Tending,
    /// How long things are kept.
    pub retention: Retention,
    /// Refusals that are to be written down.
    pub refusals: Refusals,
    /// What sources have handed in lately.
    pub quotas: Quotas,
}

/// Fans out what was accepted, until it is time to stop; then another may do so.
pub async fn fan_out(work: Arc<Work>, mut dispatcher: Dispatcher, mut stop: Stop) {
    let mut accepted = work.accepted.listen();
    while !stop.is_stopping() {
        work.pulse.beat(Loop::FanOut);
        match dispatcher.step(&work.store, &work.clock).await {
            Ok(Dispatched::Some { events, deliveries }) => {
                debug!(events, deliveries, "events fanned out");
                work.fresh.wake();
                continue;
            }
            Ok(Dispatched::Idle | Dispatched::NotOurs) => {}
            Err(error) => error!(error = %Chain(&error), "events cannot be fanned out now"),
        }
        tokio::select! {
            () = accepted.wait(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
    match dispatcher.give_back(&work.store).await {
        Ok(()) => work.accepted.wake(),
        Err(error) => error!(error = %Chain(&error), "the fan-out was left to its lease"),
    }
}

/// Delivers what is due, several streams at once, until it is time to stop; then gives the streams back, one by one as what
/// is on the wire ends or is broken off.
pub async fn deliver(work: Arc<Work>, mut stop: Stop) {
    let mut fresh = work.fresh.listen();
    let mut streams = Streams::default();
    while !stop.is_stopping() {
        work.pulse.beat(Loop::Delivery);
        let pause = match take(&work, &stop, &mut streams).await {
            Ok(pause) => pause,
            Err(error) => {
                error!(error = %Chain(&error), "no stream can be taken now");
                SWEEP
            }
        };
        tokio::select! {
            () = fresh.wait(pause) => {}
            Some(ended) = streams.next() => {
                report(ended);
                gather(&work, &mut streams).await;
            }
            () = work.slots.freed() => gather(&work, &mut streams).await,
            () = stop.stopping() => {}
        }
    }
    while let Some(ended) = streams.next().await {
        report(ended);
        work.fresh.wake();
    }
}

/// Calls polls that wait for something that is there, and offers again what reached nobody, until it is time to stop; then
/// all that wait are answered with what there is.
pub async fn polls(work: Arc<Work>, mut unreached: Unreached, mut stop: Stop) {
    let mut fresh = work.fresh.listen();
    let mut caller = Caller::new(work.clock.now());
    while !stop.is_stopping() {
        if let Err(error) = caller.look(&work.store, &work.clock, &work.polls).await {
            error!(error = %Chain(&error), "polls that wait cannot be called now");
        }
        tokio::select! {
            answer = unreached.next() => answer.take_back(&work.store, &work.clock, &work.polls).await,
            () = fresh.wait(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
    work.polls.close();
}

/// Looks after streams on which nothing happens, until it is time to stop.
pub async fn tend(work: Arc<Work>, mut stop: Stop) {
    if work.tending.inactivity_timeout.is_none()
        && let Err(error) = work.store.forget_activity().await
    {
        error!(error = %Chain(&error), "what is known of the activity of receivers grows old");
    }
    while work.tending != Tending::default() && !stop.is_stopping() {
        let tended = Box::pin(work.tending.step(&work.store, &work.clock)).await;
        let tended = tended.unwrap_or_else(|error| {
            error!(error = %Chain(&error), "quiet streams cannot be looked after now");
            Tended::default()
        });
        for stream in &tended.paused {
            info!(stream.id = %stream, "stream paused: its receiver shows no activity");
        }
        if tended.kept_alive > 0 || !tended.paused.is_empty() {
            work.fresh.wake();
        }
        if tended.is_more {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Tells how many streams have trouble, until it is time to stop. On several nodes, each tells the same.
pub async fn tell_troubles(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        match work.store.troubles().await {
            Ok(counts) => {
                for kind in TroubleKind::ALL {
                    let streams = counts.get(&kind).copied().unwrap_or_default();
                    let gauge =
                        metrics::gauge!("ssf_streams_in_trouble", "trouble" => kind.as_str());
                    gauge.set(u32::try_from(streams).unwrap_or(u32::MAX));
                }
            }
            Err(error) => debug!(error = %Chain(&error), "streams cannot be counted now"),
        }
        tokio::select! {
            () = tokio::time::sleep(TROUBLES_PERIOD) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Forgets answers to sources that are a day old, a few at a time, until it is time to stop.
pub async fn forget(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let kept = work
            .clock
            .now()
            .as_millis()
            .saturating_sub(ANSWERS_KEPT_MILLIS);
        let before = Timestamp::from_millis(kept);
        let pause = match work.store.forget_answers(before, FORGET_MAX).await {
            Ok(FORGET_MAX) => PAUSE,
            Ok(_) => FORGET_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "old answers cannot be forgotten now");
                FORGET_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Removes subjects that count for no event any more, until it is time to stop.
pub async fn forget_subjects(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let forgotten = work
            .store
            .forget_subjects(work.clock.now(), FORGET_SUBJECTS_MAX);
        let pause = match forgotten.await {
            Ok(FORGET_SUBJECTS_MAX) => PAUSE,
            Ok(_) => FORGET_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "subjects that are over cannot be removed now");
                FORGET_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Drops step by step what changes and deletions of streams have ordered, until it is time to stop.
pub async fn drop_ordered(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let pause = match work.store.drop_ordered(work.clock.now()).await {
            Ok(Some(_)) => {
                work.fresh.wake();
                PAUSE
            }
            Ok(None) => SWEEP,
            Err(error) => {
                error!(error = %Chain(&error), "what is to be dropped cannot be dropped now");
                SWEEP
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Lets go of what is old, a little at a time, until it is time to stop.
pub async fn retain(work: Arc<Work>, mut stop: Stop) {
    let mut retaining = Retaining::new(work.retention);
    while !stop.is_stopping() {
        let pause = match retaining.step(&work.store, &work.clock).await {
            Ok(Retained::Some { dropped: 0 }) => PAUSE,
            Ok(Retained::Some { .. }) => {
                work.fresh.wake();
                PAUSE
            }
            Ok(Retained::All) => RETAIN_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "what is old cannot be removed now");
                RETAIN_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Counts what is in the database, until it is time to stop.
pub async fn survey(work: Arc<Work>, mut stop: Stop) {
    let mut survey = Survey::default();
    while !stop.is_stopping() {
        let began = Instant::now();
        tokio::select! {
            () = survey.step(&work.store, &work.clock) => {}
            () = stop.stopping() => return,
        }
        let pause = SURVEY_PERIOD.max(began.elapsed() * SURVEY_SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Counts what waits of each source, until it is time to stop.
pub async fn count_backlogs(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let began = Instant::now();
        tokio::select! {
            () = work.quotas.count(&work.store, &work.clock) => {}
            () = stop.stopping() => return,
        }
        let pause = SURVEY_PERIOD.max(began.elapsed() * SURVEY_SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Writes down what was refused, until it is time to stop, and the rest of it then.
pub async fn write_refusals(work: Arc<Work>, mut stop: Stop) {
    let log = (&work.store, &work.clock);
    while !stop.is_stopping() {
        work.refusals.write_rest(log, Rest::Over).await;
        tokio::select! {
            () = tokio::time::sleep(REFUSALS_PERIOD) => {}
            () = stop.stopping() => {}
        }
    }
    work.refusals.write_rest(log, Rest::All).await;
}

/// Does a small job now and after each `period`, until it is time to stop.
pub async fn repeat(period: Duration, mut stop: Stop, job: impl Fn()) {
    while !stop.is_stopping() {
        job();
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = stop.stopping() => {}
        }
    }
}

type Ended = Result<Delivered, StoreError>;

/// The streams that are delivered, and whose they are.
#[derive(Default)]
struct Streams {
    tasks: JoinSet<Ended>,
    of: HashMap<Id, ReceiverId>,
}

impl Streams {
    fn add(&mut self, receiver: ReceiverId, task: impl Future<Output = Ended> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.of.insert(id, receiver);
    }

    /// Waits for the next one that is given back; `None` if there are none.
    async fn next(&mut self) -> Option<Result<Ended, JoinError>> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.of.remove(&id);
        Some(ended.map(|(_, ended)| ended))
    }

    /// How many each Receiver has.
    fn shares(&self) -> HashMap<ReceiverId, usize> {
        let mut shares = HashMap::new();
        for receiver in self.of.values() {
            *shares.entry(*receiver).or_default() += 1;
        }
        shares
    }
}

/// Waits until half of the slots are free, but not long: what is taken together is taken in one transaction.
async fn gather(work: &Work, streams: &mut Streams) {
    let until = Instant::now() + GATHER;
    while work.slots.free() < work.streams_parallel_max / 2 {
        tokio::select! {
            Some(ended) = streams.next() => report(ended),
            () = work.slots.freed() => {}
            () = tokio::time::sleep_until(until) => break,
        }
    }
}

/// Takes as many streams as there is room for; returns how long to wait before the next look.
async fn take(
    work: &Arc<Work>,
    stop: &Stop,
    streams: &mut Streams,
) -> Result<Duration, StoreError> {
    let most = work.streams_parallel_max;
    let all = most.saturating_mul(STREAMS_PER_SLOT_MAX);
    let room = work.slots.free().min(all - streams.of.len().min(all));
    work.slots.want(room == 0);
    if room == 0 {
        return Ok(SWEEP);
    }
    reached(Failpoint::Sweep);
    let now = work.clock.now();
    let term = Term::begin(work.settings.lease, now);
    let wanted = Room::new(room, (most / RECEIVER_SHARE).max(1), streams.shares());
    let leased = work
        .store
        .lease_streams(work.worker, now, term.until(), wanted)
        .await?;
    let count = leased.len();
    measure::leases(Leased::Stream, LeaseChange::Taken, count as u64);
    for stream in leased {
        // This loop alone takes slots, and no more streams than there are.
        if let Some(slot) = work.slots.take() {
            let receiver = stream.stream.receiver;
            streams.add(
                receiver,
                one(Arc::clone(work), stream, (term, slot), stop.clone()),
            );
        }
    }
    if work.slots.free() == 0 {
        // What else is due waits for a slot, and not for its time.
        return Ok(PAUSE);
    }
    let next = work.store.next_due().await?;
    Ok(match next {
        None => SWEEP,
        Some(due) if due <= now && count == 0 => SHARED_OUT,
        Some(due) => due.since(now).clamp(PAUSE, SWEEP),
    })
}

async fn one(work: Arc<Work>, leased: LeasedStream, held: (Term, Slot), mut stop: Stop) -> Ended {
    let deliverer = Deliverer {
        store: &work.store,
        signer: &work.keys,
        push: &work.push,
        clock: &work.clock,
        fresh: &work.fresh,
        gate: &work.gate,
        issuers: &work.issuers,
        settings: work.settings,
        jitter: rand::random::<f64>,
    };
    deliverer.deliver(&leased, held, stop.stopping()).await
}

fn report(ended: Result<Ended, JoinError>) {
    match ended {
        Ok(Ok(delivered)) => debug!(
            acknowledged = delivered.acknowledged,
            quarantined = delivered.quarantined,
            failed = delivered.failed,
            "stream given back"
        ),
        Ok(Err(error)) => error!(error = %Chain(&error), "a stream was left to its lease"),
        Err(error) => error!(error = %Chain(&error), "delivering on a stream was broken off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_no_longer_comes_round_is_not_alive() {
        let pulse = Pulse::begin();
        tokio::time::advance(Duration::from_secs(14)).await;
        pulse.beat(Loop::FanOut);
        tokio::time::advance(Duration::from_secs(14)).await;
        assert!(pulse.is_alive(Loop::FanOut));
        assert!(!pulse.is_alive(Loop::Delivery));
    }

    #[tokio::test]
    async fn who_is_told_to_stop_knows_it_at_once_and_later() {
        let (stopper, mut stop) = stop();
        assert!(!stop.is_stopping());
        stopper.stop();
        stop.stopping().await;
        assert!(stop.is_stopping());
    }

    #[tokio::test]
    async fn a_lost_stopper_is_a_reason_to_stop() {
        let (stopper, mut stop) = stop();
        drop(stopper);
        stop.stopping().await;
        assert!(stop.is_stopping());
    }
}

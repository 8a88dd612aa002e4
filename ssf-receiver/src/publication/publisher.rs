//! Whoever publishes: the leading instance, one change after the other.

use std::{convert::Infallible, mem, sync::Arc, time::Duration};

use redis::RedisError;
use ssf_types::error::Chain;
use tokio::time::{Instant, sleep, timeout};

use super::{
    contract::{self, FORMAT},
    issuer::OfIssuer,
    server::{Head, Pair, Server, Step},
};
use crate::{
    core::Core,
    inbox::{Change, Changes, Inbox, InboxError},
    revocation::Watermarks,
    transmitter::Shared,
};

/// Longest time between two steps: each says that nothing else is known.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Revocations that are published in one step, during which Redis does nothing else.
const STEP: usize = 250;

/// Revocations that are read at once to be loaded, and fields of one step of that.
const LOAD_PAGE: usize = 10_000;
const LOAD_STEP: usize = 1000;

/// How often all is loaded in one turn, should it go again and again.
const LOADS_MAX: u32 = 3;

/// The setting that tells under which epoch this database was published.
const EPOCH: &str = "published_epoch";

/// Counts what became of turns.
const PUBLICATIONS: &str = "ssf_receiver_publications_total";

/// Whether something is known here that Redis may not have.
const BEHIND: &str = "ssf_receiver_publication_behind";

/// Nothing could be published now.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// All is there, and then it is not, again and again.
    #[error(
        "what was published does not stay: Redis evicts it, or somebody else publishes under the same prefix"
    )]
    Unstable,
}

/// What Redis has, as far as it was left so.
struct Published {
    epoch: String,
    /// Who gives positions, and the last position that is published.
    origin: String,
    position: i64,
    issuers: Vec<OfIssuer>,
    at: Instant,
    sweep: Sweep,
}

/// Taking away what was forgotten.
#[derive(Default)]
struct Sweep {
    /// Up to where that was done, for each issuer.
    done: Vec<Watermarks>,
    /// Where to go on, and up to where it is being done.
    under_way: Option<(u64, Vec<Watermarks>)>,
}

pub(super) struct Publisher {
    core: Arc<Core>,
    all: Vec<Arc<Shared>>,
    server: Server,
    published: Option<Published>,
    /// Up to which position what stands in Redis can have been published from the database as it is.
    vouched: Option<i64>,
    /// Whether it was said that nothing can be published.
    is_failing: bool,
}

impl Publisher {
    pub(super) fn new(core: Arc<Core>, all: Vec<Arc<Shared>>, server: Server) -> Self {
        Self {
            core,
            all,
            server,
            published: None,
            vouched: None,
            is_failing: false,
        }
    }

    /// Publishes as long as this instance leads, and again when it does. Never returns.
    pub(super) async fn run(mut self) -> Infallible {
        let mut acknowledged = self.core.acknowledged.subscribe();
        loop {
            if !self.core.lead.is_held() {
                // Whoever leads publishes meanwhile.
                self.published = None;
                self.vouched = None;
                metrics::gauge!(BEHIND).set(0);
                self.core.lead.held().await;
            }
            // Before the look: what comes during it is looked for as well.
            acknowledged.mark_unchanged();
            let turn = self.turn().await;
            self.told(&turn);
            match turn {
                Err(_) => sleep(PAUSE).await,
                Ok(true) => {
                    // It ends with a SET, or after the interval.
                    let _ = timeout(INTERVAL, acknowledged.changed()).await;
                }
                Ok(false) => {}
            }
        }
    }

    /// Says how it goes, once.
    fn told(&mut self, turn: &Result<bool, PublishError>) {
        let result = match turn {
            Ok(_) => "published",
            Err(_) => "failed",
        };
        metrics::counter!(PUBLICATIONS, "result" => result).increment(1);
        metrics::gauge!(BEHIND).set(u8::from(turn.is_err()));
        let was_failing = mem::replace(&mut self.is_failing, turn.is_err());
        match turn {
            Ok(_) if was_failing => tracing::info!("what is revoked is published again"),
            Err(error) if !was_failing => {
                tracing::error!(error = %Chain(error), "what is revoked is not published now");
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Publishes what is not published yet; whether nothing else is to be done.
    async fn turn(&mut self) -> Result<bool, PublishError> {
        for _ in 0..=LOADS_MAX {
            let origin = self.core.inbox.origin().await?;
            let published = match self.published.take() {
                Some(published) if published.origin == origin => published,
                _ => self.contact(origin).await?,
            };
            if let Some(published) = self.go_on(published).await? {
                let is_done = published.sweep.under_way.is_none();
                self.published = Some(published);
                return Ok(is_done);
            }
        }
        Err(PublishError::Unstable)
    }

    /// What Redis has, which is loaded if it has nothing that can be gone on with.
    async fn contact(&mut self, origin: String) -> Result<Published, PublishError> {
        let vouched = match self.vouched {
            Some(vouched) => vouched,
            None => self.core.inbox.last_change().await?,
        };
        self.vouched = Some(vouched);
        let fields: Vec<String> = self.fields().collect();
        let head = self.server.head(&fields).await?;
        let settings = self.core.inbox.settings().await?;
        let known = settings.get(EPOCH);
        let published = head
            .filter(|head| known == Some(&head.epoch))
            .and_then(|head| self.left(head, &origin, vouched));
        if let Some(published) = published {
            return Ok(published);
        }
        self.warn_of_eviction().await;
        if known.is_some() {
            tracing::warn!("Redis has not what was published there: all of it is published anew");
        }
        self.loaded(origin).await
    }

    async fn warn_of_eviction(&self) {
        let policy = self.server.eviction_policy().await;
        if let Some(policy) = policy.filter(|policy| policy != "noeviction") {
            tracing::warn!(
                policy,
                "Redis evicts when it is full: then nobody can rely on what is published; set maxmemory-policy noeviction"
            );
        }
    }

    fn fields(&self) -> impl Iterator<Item = String> {
        self.all.iter().map(|one| OfIssuer::field(&one.issuer))
    }

    /// What Redis has, if this database was published there, for these transmitters, and has not gone back since.
    fn left(&self, head: Head, origin: &str, vouched: i64) -> Option<Published> {
        let (position, of) = head.place.split_once(' ')?;
        let position: i64 = position.parse().ok()?;
        let is_ours = head.format == FORMAT
            && head.secret == self.secret()
            && of == origin
            && position <= vouched;
        let issuers = self.all.iter().zip(&head.fields).map(|(shared, json)| {
            let issuer = OfIssuer::parse(json.as_deref()?)?;
            (issuer.number == shared.quarantined.scope().number()).then_some(issuer)
        });
        let issuers: Vec<OfIssuer> = issuers.collect::<Option<_>>()?;
        is_ours.then(|| Published {
            epoch: head.epoch,
            origin: origin.to_owned(),
            position,
            // Whatever may have been left of what was forgotten is looked for.
            sweep: Sweep::of(issuers.len()),
            issuers,
            at: Instant::now(),
        })
    }

    /// The number of the secret, by which whoever reads knows whether it has the same.
    fn secret(&self) -> String {
        format!("{:016x}", self.core.index.key().number())
    }

    /// Loads everything under another epoch, which takes the place of what was there once it is all there.
    async fn loaded(&mut self, origin: String) -> Result<Published, PublishError> {
        let epoch = format!("{:032x}", rand::random::<u128>());
        let scopes = self.all.iter().map(|one| one.quarantined.scope());
        let mut issuers: Vec<OfIssuer> = scopes.map(OfIssuer::new).collect();
        self.server.begin(&epoch).await?;
        let (mut position, mut count) = (0, 0);
        loop {
            let page = self.core.inbox.changes(position, LOAD_PAGE).await?;
            let pairs = pairs(&page, &mut issuers);
            let held: Vec<Pair> = pairs.filter(|(_, value)| !value.is_empty()).collect();
            for some in held.chunks(LOAD_STEP) {
                if !self.server.load(&epoch, some).await? {
                    return Err(PublishError::Unstable);
                }
            }
            count += held.len();
            position = page.last().map_or(position, |last| last.position);
            if page.len() < LOAD_PAGE {
                break;
            }
        }
        self.vouched = Some(position);
        self.refresh(&mut issuers).await?;
        let mut head = vec![
            ("format".to_owned(), FORMAT.to_owned()),
            ("secret".to_owned(), self.secret()),
            ("place".to_owned(), place(position, &origin)),
        ];
        head.extend(self.fields().zip(issuers.iter().map(OfIssuer::to_json)));
        // Before anybody can see it: a database that was put back does not know it, and is published anew.
        let setting = [(EPOCH.to_owned(), epoch.clone())];
        self.core.inbox.keep_settings(&setting.into()).await?;
        if !self.server.enter(&epoch, &head).await? {
            return Err(PublishError::Unstable);
        }
        metrics::counter!(PUBLICATIONS, "result" => "loaded").increment(1);
        tracing::info!(count, "revocations are published in Redis");
        Ok(Published {
            sweep: Sweep::of(issuers.len()),
            epoch,
            origin,
            position,
            issuers,
            at: Instant::now(),
        })
    }

    /// Publishes what came since; `None` if Redis has not what it was left with.
    async fn go_on(&mut self, mut published: Published) -> Result<Option<Published>, PublishError> {
        loop {
            let page = self.core.inbox.changes(published.position, STEP).await?;
            let mut issuers = published.issuers.clone();
            let mut all: Vec<Pair> = pairs(&page, &mut issuers).collect();
            self.refresh(&mut issuers).await?;
            let changed = self.fields().zip(&issuers).zip(&published.issuers);
            let changed = changed.filter(|((_, now), before)| now != before);
            all.extend(changed.map(|((field, now), _)| (field, now.to_json())));
            let is_all = page.len() < STEP;
            let position = page.last().map_or(published.position, |last| last.position);
            // Before it is published: nobody may hear that it was.
            self.vouched = Some(position);
            let is_silent = all.is_empty() && position == published.position;
            if is_silent && published.at.elapsed() < INTERVAL {
                break;
            }
            let step = Step {
                epoch: &published.epoch,
                before: &place(published.position, &published.origin),
                after: &place(position, &published.origin),
                is_all,
                pairs: &all,
            };
            if !self.server.publish(step).await? {
                return Ok(None);
            }
            published.at = Instant::now();
            published.issuers = issuers;
            published.position = position;
            if is_all {
                break;
            }
        }
        let is_there = self.swept(&mut published).await?;
        Ok(is_there.then_some(published))
    }

    /// How it goes with each transmitter, for whoever has read what was revoked before: what was dropped since is under a
    /// watermark.
    async fn refresh(&self, issuers: &mut [OfIssuer]) -> Result<(), InboxError> {
        let mut kept = Vec::new();
        if self.core.inbox.is_shared() {
            // Another instance may have had the database forget what this one has not heard of.
            kept = self.core.inbox.watermarks().await?;
        }
        for (shared, issuer) in self.all.iter().zip(issuers) {
            let scope = shared.quarantined.scope();
            let of_scope = kept.iter().find(|(one, _)| *one == scope);
            let stored = of_scope.map(|(_, stored)| *stored).unwrap_or_default();
            let watermarks = self.core.index.watermarks(scope).max(stored);
            issuer.refresh(watermarks, shared.hearing.freshness());
        }
        Ok(())
    }

    /// Takes some of what was forgotten away, after the watermarks that stand for it. Whether the epoch is the same.
    async fn swept(&self, published: &mut Published) -> Result<bool, PublishError> {
        let Some((cursor, watermarks)) = published.sweep.next(&published.issuers) else {
            return Ok(true);
        };
        let (next, found) = self.server.scan(cursor).await?;
        let is_over = |(field, value): &Pair| {
            let Some(entry) = contract::entry(field, value) else {
                return false;
            };
            let mut numbered = published.issuers.iter().zip(&watermarks);
            let own = numbered.find(|(issuer, _)| issuer.number == entry.scope);
            own.is_some_and(|(_, watermarks)| watermarks.cover(entry.kind, entry.until))
        };
        let over: Vec<Pair> = found.into_iter().filter(is_over).collect();
        if !over.is_empty() && !self.server.forget(&published.epoch, &over).await? {
            return Ok(false);
        }
        published.sweep.went_to(next, watermarks);
        Ok(true)
    }
}

impl Sweep {
    /// Of so many issuers; nothing was done yet.
    fn of(issuers: usize) -> Self {
        Self {
            done: vec![Watermarks::default(); issuers],
            under_way: None,
        }
    }

    /// Where to go on, and up to which watermarks; `None` if nothing was forgotten since.
    fn next(&mut self, issuers: &[OfIssuer]) -> Option<(u64, Vec<Watermarks>)> {
        if let Some(under_way) = self.under_way.take() {
            return Some(under_way);
        }
        let wanted: Vec<Watermarks> = issuers.iter().map(OfIssuer::watermarks).collect();
        (wanted != self.done).then_some((0, wanted))
    }

    /// It went on, to the end if that is 0.
    fn went_to(&mut self, cursor: u64, watermarks: Vec<Watermarks>) {
        if cursor == 0 {
            self.done = watermarks;
        } else {
            self.under_way = Some((cursor, watermarks));
        }
    }
}

fn place(position: i64, origin: &str) -> String {
    format!("{position} {origin}")
}

/// The fields of changes; transmitters learn of their masks.
fn pairs<'c>(
    changes: &'c [Change],
    issuers: &'c mut [OfIssuer],
) -> impl Iterator<Item = Pair> + use<'c> {
    changes.iter().filter_map(|Change { revocation, .. }| {
        // One that is not served any more concerns nobody.
        let number = revocation.scope.number();
        let issuer = issuers.iter_mut().find(|one| one.number == number)?;
        issuer.add(revocation);
        Some((contract::field(revocation), contract::value(revocation)))
    })
}

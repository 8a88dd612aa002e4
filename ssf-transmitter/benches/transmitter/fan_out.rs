//! Fan-out, with a million subjects in a thousand streams, beside the same with one subject in each.
//!
//! Each event is about somebody whom one stream covers, so that both sides have the same to do and only have to find it.
//! An event alone pays for its commit; of a hundred in one transaction, the look-up is the larger part.

use std::time::{Duration, Instant};

use serde_json::Value;
use ssf_transmitter::{
    app::ids,
    domain::{
        coverage::{SubjectOperation, SubjectTerms},
        credential::Credential,
        event::{AcceptedEvent, NewEvent},
        fan_out::{FanOut, StepMax, fan_out},
        id::Fingerprint,
        issuer::IssuerName,
        pace::Pace,
        receiver::Receiver,
        stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{
        FanOutLease, FannedOut, Outbox, ReceiverStore, StreamStore, SubjectChange, SubjectChanged,
        SubjectStore, Submission,
    },
    sealing::{DataKey, Sealer},
    store::{Access, SeaStore},
};
use ssf_types::{
    audience::Audience, event::caep::SessionRevoked, id::StreamId, metadata::DefaultSubjects,
    stream::CreateStream, subject::SimpleSubject, time::Timestamp, uri::EventTypeUri,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    Fallible, TMP,
    cluster::Cluster,
    measure::{Measured, median},
};

const NOW: Timestamp = Timestamp::from_secs(1_763_900_000);

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Most that a fan-out may cost, in fan-outs with a thousandth of the subjects.
const GOAL: f64 = 1.5;

/// Streams of one Receiver: as many as it may have.
const STREAMS_EACH: u32 = 100;

/// How large the larger side is, and how often both are asked.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    receivers: u32,
    subjects_per_stream: u32,
    rounds: u32,
    /// Events in one transaction.
    batch: u32,
}

impl Scale {
    pub(crate) const SMALL: Self = Self {
        receivers: 1,
        subjects_per_stream: 2,
        rounds: 1,
        batch: 10,
    };
    pub(crate) const WHOLE: Self = Self {
        receivers: 10,
        subjects_per_stream: 1000,
        rounds: 100,
        batch: 100,
    };
}

pub(crate) fn measure(scale: Scale) -> Fallible<Vec<Value>> {
    let runtime = Runtime::new()?;
    let directory = TempDir::new_in(TMP)?;
    let file = |name| format!("sqlite://{}", directory.path().join(name).display());
    let mut entries = runtime.block_on(compare(scale, "SQLite", [file("many"), file("few")]))?;
    let cluster = Cluster::of_this_run();
    let databases = [cluster.new_database(), cluster.new_database()];
    entries.extend(runtime.block_on(compare(scale, "PostgreSQL", databases))?);
    Ok(entries)
}

async fn compare(scale: Scale, storage: &str, urls: [String; 2]) -> Fallible<Vec<Value>> {
    let [many, few] = urls;
    let many = Side::new(&many, scale, scale.subjects_per_stream).await?;
    let few = Side::new(&few, scale, 1).await?;
    let streams = scale.receivers * STREAMS_EACH;
    let subjects = streams * scale.subjects_per_stream;
    let mut entries = Vec::new();
    for (batch, kind) in [(1, "alone"), (scale.batch, "in a batch")] {
        let measured = alternate(&many, &few, scale.rounds, batch).await?;
        let name = format!(
            "fan out one event {kind}, {subjects} subjects in {streams} streams, {storage}"
        );
        entries.push(measured.entry(&name, Some(GOAL)));
    }
    Ok(entries)
}

/// Asks both sides by turns, in an order that alternates too; each pair gives one ratio.
async fn alternate(many: &Side, few: &Side, rounds: u32, batch: u32) -> Fallible<Measured> {
    let (mut ours, mut yardstick, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (of_many, of_few) = if round % 2 == 0 {
            let of_few = few.fan_out(round, batch).await?;
            (many.fan_out(round, batch).await?, of_few)
        } else {
            let of_many = many.fan_out(round, batch).await?;
            (of_many, few.fan_out(round, batch).await?)
        };
        ours.push(of_many);
        yardstick.push(of_few);
        ratios.push(of_many / of_few);
    }
    Ok(Measured {
        ours: median(ours),
        yardstick: median(yardstick),
        ratio: median(ratios),
    })
}

/// A database with streams that cover whom they list, and nobody else.
struct Side {
    store: SeaStore,
    lease: FanOutLease,
    streams: u32,
}

impl Side {
    async fn new(url: &str, scale: Scale, subjects: u32) -> Fallible<Self> {
        let sealer = Sealer::new(&DataKey::generate());
        let store = SeaStore::open(url, sealer, Access::Serve).await?;
        let mut streams = 0;
        for number in 0..scale.receivers {
            let receiver = add_receiver(&store, number).await?;
            for _ in 0..STREAMS_EACH {
                add_stream(&store, &receiver, streams, subjects).await?;
                streams += 1;
            }
        }
        let until = NOW.after(Duration::from_secs(10));
        let lease = store.lease_fan_out(ids::worker_id(), NOW, until);
        Ok(Self {
            lease: lease.await?.ok_or("another has the lease")?,
            store,
            streams,
        })
    }

    /// Nanoseconds that each of so many events takes, which are about others in each round.
    async fn fan_out(&self, round: u32, batch: u32) -> Fallible<f64> {
        let streams = (0..batch).map(|number| (round * batch + number) % self.streams);
        let events = streams.map(|stream| (ids::event_id(NOW), event(stream)));
        let submission = Submission {
            issuer: IssuerName::default(),
            source: None,
            idempotency: None,
            events: events.collect(),
        };
        self.store.append(vec![submission], NOW).await?;
        let begun = Instant::now();
        let limit = u64::from(batch);
        let done = self
            .store
            .fan_out(self.lease, NOW, StepMax::events(limit), decide)
            .await?;
        let elapsed = begun.elapsed();
        let expected = FannedOut::Done {
            events: limit,
            deliveries: limit,
        };
        if done != expected {
            return Err(format!("{done:?} instead of {expected:?}").into());
        }
        Ok(elapsed.as_secs_f64() * 1e9 / f64::from(batch))
    }
}

async fn add_receiver(store: &SeaStore, number: u32) -> Fallible<Receiver> {
    let name = format!("bench-{number}");
    let audience = Audience::new([format!("https://{name}.example.com")])?;
    let receiver = Receiver::new(ids::receiver_id(), IssuerName::default(), &name, audience)?;
    let mut token = [0; 32];
    token[..4].copy_from_slice(&number.to_be_bytes());
    let credential = Credential::Bearer(Fingerprint::new(token));
    store.add_receiver(&receiver, &[credential], NOW).await?;
    Ok(receiver)
}

/// Adds the stream with this number, and so many subjects to it.
async fn add_stream(
    store: &SeaStore,
    receiver: &Receiver,
    number: u32,
    subjects: u32,
) -> Fallible<()> {
    let types = vec![EventTypeUri::parse(SESSION_REVOKED)?];
    let mut request = CreateStream::default();
    request.events_requested = Some(types.clone());
    let mut stream = Stream::create(request, receiver, ids::stream_id(NOW), &types, NOW)?;
    stream.default_subjects = DefaultSubjects::None;
    store
        .create_stream(&stream, u64::from(STREAMS_EACH))
        .await?;
    let addition = |subject| SubjectChange {
        receiver: receiver.id,
        stream: stream.id.clone(),
        operation: SubjectOperation::Add,
        subject: user(number, subject).into(),
        verified: true,
    };
    let terms = SubjectTerms {
        keys_max: 1_000_000,
        pace: Pace::per_second(1_000_000),
        grace: Duration::ZERO,
    };
    let additions: Vec<SubjectChange> = (0..subjects).map(addition).collect();
    let changed = store.change_subjects(&additions, &terms, NOW).await?;
    if changed.iter().any(|one| *one != SubjectChanged::Stored) {
        return Err("a subject was not added".into());
    }
    Ok(())
}

fn user(stream: u32, number: u32) -> SimpleSubject {
    SimpleSubject::Email {
        email: format!("user-{number}-of-{stream}@example.com"),
    }
}

/// An event about the first subject of this stream.
fn event(stream: u32) -> NewEvent {
    NewEvent::new(user(stream, 0), SessionRevoked::default())
}

fn decide(event: &AcceptedEvent, streams: &[StreamId]) -> FanOut {
    let jti = || ids::jti(NOW);
    fan_out(event, streams, &SubjectPreference::default(), NOW, jti)
}

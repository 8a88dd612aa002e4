//! Fills a database as the program would, while it does not run: with receivers, their streams, and SETs that wait.

use std::time::Duration;

use serde_json::json;
use ssf_transmitter::{
    app::{clock::SystemClock, ids},
    domain::{
        credential::Credential,
        event::NewEvent,
        fan_out::{StepMax, fan_out},
        id::Fingerprint,
        issuer::IssuerName,
        receiver::Receiver,
        stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{Clock, FannedOut, Outbox, ReceiverStore, StreamStore, Submission},
    store::SeaStore,
};
use ssf_types::{
    audience::Audience,
    event::{
        caep::SessionRevoked,
        common::{CommonClaims, InitiatingEntity},
        language::Texts,
    },
    stream::CreateStream,
    subject::{ComplexSubject, SimpleSubject},
    time::Timestamp,
    uri::EventTypeUri,
};
use tokio::runtime::Runtime;

use crate::{Fallible, program::Installation};

pub(crate) const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Streams of one receiver: as many as it may have.
const STREAMS_EACH: u32 = 100;

/// Events of one commit.
const COMMIT_EVENTS: u32 = 1000;

/// Deliveries that one step of the fan-out makes at most.
const STEP_DELIVERIES: u32 = 20_000;

/// Longer than filling takes.
const LEASE: Duration = Duration::from_mins(10);

pub(crate) struct Stock {
    runtime: Runtime,
    store: SeaStore,
    streams: u32,
}

impl Stock {
    pub(crate) fn of(installation: &Installation) -> Fallible<Self> {
        let runtime = Runtime::new()?;
        let store = runtime.block_on(installation.store())?;
        Ok(Self {
            runtime,
            store,
            streams: 0,
        })
    }

    /// Adds so many streams to which SETs about revoked sessions are pushed; `endpoint` says whither, by the stream's number.
    pub(crate) fn add_streams(
        &mut self,
        streams: u32,
        endpoint: impl Fn(u32) -> String,
    ) -> Fallible<()> {
        let end = self.streams + streams;
        while self.streams < end {
            let receiver = receiver(self.streams)?;
            let mut token = [0; 32];
            token[..4].copy_from_slice(&self.streams.to_be_bytes());
            let credentials = [Credential::Bearer(Fingerprint::new(token))];
            let now = SystemClock.now();
            let added = self.store.add_receiver(&receiver, &credentials, now);
            self.runtime.block_on(added)?;
            let first = self.streams;
            self.streams = end.min(first + STREAMS_EACH);
            for number in first..self.streams {
                let stream = stream(&receiver, &endpoint(number), now)?;
                let created = self.store.create_stream(&stream, u64::from(STREAMS_EACH));
                self.runtime.block_on(created)?;
            }
        }
        Ok(())
    }

    /// Has so many events fanned out to all streams, each about somebody else.
    pub(crate) fn add_events(&self, events: u32) -> Fallible<()> {
        self.runtime.block_on(async {
            for first in (0..events).step_by(COMMIT_EVENTS as usize) {
                let end = events.min(first + COMMIT_EVENTS);
                append(&self.store, first..end).await?;
            }
            self.fan_out(events).await
        })
    }

    async fn fan_out(&self, events: u32) -> Fallible<()> {
        let now = SystemClock.now();
        let taken = self
            .store
            .lease_fan_out(ids::worker_id(), now, now.after(LEASE));
        let lease = taken.await?.ok_or("another fans out")?;
        let limit = (STEP_DELIVERIES / self.streams.max(1)).clamp(1, COMMIT_EVENTS);
        let preference = SubjectPreference::default();
        let mut rest = u64::from(events);
        while rest > 0 {
            let decide = |event: &_, streams: &[_]| {
                fan_out(event, streams, &preference, now, || ids::jti(now))
            };
            let step = self
                .store
                .fan_out(lease, now, StepMax::events(u64::from(limit)), decide);
            match step.await? {
                FannedOut::Done { events: 0, .. } | FannedOut::LeaseLost => {
                    return Err("events are missing".into());
                }
                FannedOut::Done { events, .. } => rest = rest.saturating_sub(events),
            }
        }
        Ok(self.store.release_fan_out(lease).await?)
    }
}

/// Appends events about these people in one commit.
pub(crate) async fn append(store: &SeaStore, people: std::ops::Range<u32>) -> Fallible<()> {
    let now = SystemClock.now();
    let events: Fallible<Vec<_>> = people
        .map(|number| Ok((ids::event_id(now), event(number)?)))
        .collect();
    let submission = Submission {
        issuer: IssuerName::default(),
        source: None,
        idempotency: None,
        events: events?,
    };
    store.append(vec![submission], now).await?;
    Ok(())
}

/// A receiver of its own for each number, that of its first stream.
fn receiver(first: u32) -> Fallible<Receiver> {
    let name = format!("stock-{first}");
    let audience = Audience::new([format!("https://{name}.example.com")])?;
    let issuer = IssuerName::default();
    Ok(Receiver::new(ids::receiver_id(), issuer, &name, audience)?)
}

fn stream(receiver: &Receiver, endpoint: &str, now: Timestamp) -> Fallible<Stream> {
    let request = json!({
        "delivery": {
            "method": "urn:ietf:rfc:8935",
            "endpoint_url": endpoint,
            "authorization_header": "Bearer receiver-of-a-bench",
        },
        "events_requested": [SESSION_REVOKED],
    });
    let request = CreateStream::parse(request.to_string().as_bytes())?;
    let types = [EventTypeUri::parse(SESSION_REVOKED)?];
    Ok(Stream::create(
        request,
        receiver,
        ids::stream_id(now),
        &types,
        now,
    )?)
}

/// An event as identity providers hand it in; its SET has about 600 bytes before it is signed.
pub(crate) fn event(user: u32) -> Fallible<NewEvent> {
    let mut common = CommonClaims::default();
    common.event_timestamp = Some(Timestamp::from_secs(1_763_900_000));
    common.initiating_entity = Some(InitiatingEntity::Policy);
    common.reason_admin = Some(Texts::new([("en", "Policy violation: C076E822")])?);
    common.reason_user = Some(Texts::new([("en", "This device is no longer compliant.")])?);
    let mut revoked = SessionRevoked::default();
    revoked.common = common;
    let session = SimpleSubject::Opaque {
        id: format!("dMTlD1600310600316-{user}"),
    };
    let user = SimpleSubject::IssSub {
        iss: "https://idp.example.com/3456789/".to_owned(),
        sub: format!("99beb27c-c1c2-4955-882a-{user:012}"),
    };
    let subject = ComplexSubject::new([("session", session), ("user", user)])?;
    Ok(NewEvent::new(subject, revoked))
}

/// The same as a request for the ingest API; its SETs have this `txn`.
pub(crate) fn submission(user: u32, txn: &str) -> String {
    json!({
        "sub_id": {
            "format": "complex",
            "session": {"format": "opaque", "id": format!("dMTlD1600310600316-{user}")},
            "user": {
                "format": "iss_sub",
                "iss": "https://idp.example.com/3456789/",
                "sub": format!("99beb27c-c1c2-4955-882a-{user:012}"),
            },
        },
        "events": {(SESSION_REVOKED): {
            "event_timestamp": 1_763_900_000,
            "initiating_entity": "policy",
            "reason_admin": {"en": "Policy violation: C076E822"},
            "reason_user": {"en": "This device is no longer compliant."},
        }},
        "txn": txn,
    })
    .to_string()
}

//! Values that the contract is told with.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database};
use ssf_transmitter::{
    domain::{
        circuit::Health,
        credential::Credential,
        delivery::{Delivery, DeliveryState},
        event::{AcceptedEvent, NewEvent},
        fan_out::{FanOut, StepMax, fan_out},
        id::{EventId, Fingerprint, ReceiverId, WorkerId},
        issuer::IssuerName,
        method::DeliveryMethod,
        receiver::Receiver,
        room::Room,
        stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{
        AddedReceiver, Appended, AuditStore, ChangedStream, CreatedStream, FannedOut, HorizonStore,
        Idempotency, KeyStore, LeasedStream, LedgerStore, OperatedStreams, OperatorStore, Outbox,
        PollStore, ReceiverStore, ReplayStore, RetentionStore, Settings, Settlement, SourceStore,
        StreamOverview, StreamStore, SubjectStore, Submission, TraceStore,
    },
};
use ssf_types::{
    audience::Audience,
    error::ErrCode,
    event::Event,
    id::{Jti, StreamId},
    secret::AuthorizationHeader,
    stream::{CreateStream, PushDelivery, StreamStatus},
    subject::{SimpleSubject, Subject},
    time::Timestamp,
    uri::{EndpointUrl, EventTypeUri},
};
use uuid::Uuid;

/// Everything that a store has to be.
pub(crate) trait Store:
    AuditStore
    + OperatorStore
    + SourceStore
    + ReceiverStore
    + StreamStore
    + OperatedStreams
    + SubjectStore
    + StreamOverview
    + Outbox
    + PollStore
    + KeyStore
    + LedgerStore
    + RetentionStore
    + HorizonStore
    + TraceStore
    + ReplayStore
    + Settings
{
}

impl<S> Store for S where
    S: AuditStore
        + OperatorStore
        + SourceStore
        + ReceiverStore
        + StreamStore
        + OperatedStreams
        + SubjectStore
        + StreamOverview
        + Outbox
        + PollStore
        + KeyStore
        + LedgerStore
        + RetentionStore
        + HorizonStore
        + TraceStore
        + ReplayStore
        + Settings
{
}

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const LOGOUT: &str = "urn:example:logout";
pub(crate) const PASSWORD: &str = "urn:example:password";

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";

/// Has the database execute `sql` behind the store's back; returns how many rows that concerned.
pub(crate) async fn execute(url: &str, sql: &str) -> u64 {
    let database = Database::connect(url).await.unwrap();
    let done = database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
    done.rows_affected()
}

/// Has the database change rows behind the store's back.
pub(crate) async fn edit(url: &str, sql: &str) {
    assert_ne!(execute(url, sql).await, 0, "{sql}");
}

pub(crate) fn main() -> IssuerName {
    IssuerName::default()
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

pub(crate) fn worker(number: u128) -> WorkerId {
    WorkerId::new(Uuid::from_u128(number))
}

pub(crate) fn token(number: u8) -> Fingerprint {
    Fingerprint::new([number; 32])
}

pub(crate) fn receiver(name: &str) -> Receiver {
    let audience = Audience::new([format!("https://{name}.example.com")]).unwrap();
    Receiver::new(ReceiverId::new(Uuid::new_v4()), main(), name, audience).unwrap()
}

/// A Receiver that the store knows; its token is `token(number)`.
pub(crate) async fn known_receiver(store: &impl Store, number: u8) -> Receiver {
    let receiver = receiver(&format!("rp{number}"));
    let added = store
        .add_receiver(&receiver, &[Credential::Bearer(token(number))], NOW)
        .await;
    assert_eq!(added.unwrap(), AddedReceiver::Added);
    receiver
}

pub(crate) fn types(uris: &[&str]) -> Vec<EventTypeUri> {
    uris.iter()
        .map(|uri| EventTypeUri::parse(*uri).unwrap())
        .collect()
}

pub(crate) fn stream_of(receiver: &Receiver, uris: &[&str]) -> Stream {
    let endpoint = EndpointUrl::parse("https://rp.example.com/events?key=1").unwrap();
    let secret = AuthorizationHeader::parse("Bearer s3cret").unwrap();
    let push = PushDelivery::new(endpoint, Some(secret));
    let mut request = CreateStream::push(types(uris), push);
    request.description = Some("a stream".to_owned());
    let id = StreamId::parse(Uuid::new_v4().simple().to_string()).unwrap();
    let supported = types(&[LOGOUT, PASSWORD]);
    Stream::create(request, receiver, id, &supported, NOW).unwrap()
}

/// A stream that the store has, of a Receiver that it knows.
pub(crate) async fn known_stream(store: &impl Store, number: u8, uris: &[&str]) -> Stream {
    let receiver = known_receiver(store, number).await;
    let stream = stream_of(&receiver, uris);
    let created = store.create_stream(&stream, 100).await.unwrap();
    assert_eq!(created, CreatedStream::Created);
    stream
}

/// Changes a stream and returns how many deliveries were dropped.
pub(crate) async fn change(
    store: &impl Store,
    stream: &Stream,
    change: impl FnOnce(&mut Stream) + Send,
) -> u64 {
    let all = |stream: &Stream| {
        let mut stream = stream.clone();
        change(&mut stream);
        Ok::<_, ()>(stream)
    };
    let changed = store.change_stream(stream.receiver, &stream.id, NOW, all);
    let changed = changed.await.unwrap();
    let ChangedStream::Changed { dropped, .. } = changed else {
        panic!("{changed:?}")
    };
    dropped
}

/// Has a stream get other types of events; returns how many deliveries were dropped.
pub(crate) async fn ask_for(store: &impl Store, stream: &Stream, uris: &[&str]) -> u64 {
    change(store, stream, |stream| {
        stream.events_delivered = types(uris);
    })
    .await
}

/// The same place to push to, without the secret.
pub(crate) fn without_secret(method: &DeliveryMethod) -> DeliveryMethod {
    match method {
        DeliveryMethod::Push(push) => DeliveryMethod::Push(push.without_secret()),
        DeliveryMethod::Poll => DeliveryMethod::Poll,
    }
}

/// Gives a stream another status; returns how many deliveries were dropped.
pub(crate) async fn set_status(store: &impl Store, stream: &Stream, status: StreamStatus) -> u64 {
    change(store, stream, |stream| {
        stream.status = status;
    })
    .await
}

pub(crate) fn email(address: &str) -> SimpleSubject {
    SimpleSubject::Email {
        email: address.to_owned(),
    }
}

pub(crate) fn event(uri: &str, subject: impl Into<Subject>) -> NewEvent {
    let uri = EventTypeUri::parse(uri).unwrap();
    NewEvent::new(subject, Event::read(&uri, r#"{"a":1}"#).unwrap())
}

pub(crate) fn event_id() -> EventId {
    EventId::new(Uuid::now_v7())
}

pub(crate) fn submission(events: Vec<NewEvent>) -> Submission {
    let named = |event| (event_id(), event);
    Submission {
        source: None,
        issuer: main(),
        idempotency: None,
        events: events.into_iter().map(named).collect(),
    }
}

pub(crate) fn keyed(key: u8, body: u8, event: NewEvent) -> Submission {
    Submission {
        idempotency: Some(Idempotency {
            key: token(key),
            body: token(body),
            answer: format!("answer {body}"),
        }),
        ..submission(vec![event])
    }
}

/// Accepts events and returns their ids.
pub(crate) async fn accept(store: &impl Store, events: Vec<NewEvent>) -> Vec<EventId> {
    let answers = store.append(vec![submission(events)], NOW).await.unwrap();
    let [Appended::Accepted(ids)] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    ids.clone()
}

pub(crate) fn decide(event: &AcceptedEvent, streams: &[StreamId]) -> FanOut {
    let jti = || Jti::parse(Uuid::new_v4().simple().to_string()).unwrap();
    fan_out(event, streams, &SubjectPreference::default(), NOW, jti)
}

/// Fans out all that waits and returns how many events and deliveries that were.
pub(crate) async fn dispatch(store: &impl Store) -> (u64, u64) {
    let lease = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let lease = lease.unwrap().unwrap();
    let done = store
        .fan_out(lease, NOW, StepMax::events(1000), decide)
        .await
        .unwrap();
    let FannedOut::Done { events, deliveries } = done else {
        panic!("{done:?}")
    };
    (events, deliveries)
}

/// Rule 11 of the contract.
pub(crate) async fn balances(store: &impl Store) {
    let ledger = store.ledger().await.unwrap();
    assert_eq!(ledger.imbalance(), 0, "{ledger:?}");
}

/// Leases the one stream that has something due.
pub(crate) async fn lease(store: &impl Store, owner: u128, now: Timestamp) -> LeasedStream {
    let until = now.after(Duration::from_secs(30));
    let leased = store
        .lease_streams(worker(owner), now, until, Room::of(10))
        .await;
    let mut leased = leased.unwrap();
    assert_eq!(leased.len(), 1);
    leased.remove(0)
}

pub(crate) async fn due(
    store: &impl Store,
    leased: &LeasedStream,
    now: Timestamp,
) -> Vec<Delivery> {
    store.due(&leased.lease, now, 100, &[]).await.unwrap()
}

pub(crate) fn sequences(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|one| one.sequence).collect()
}

pub(crate) fn acknowledged(sequence: u64) -> Settlement {
    Settlement {
        sequence,
        state: DeliveryState::Acknowledged { at: NOW },
        answer: None,
    }
}

pub(crate) fn refused(sequence: u64) -> Settlement {
    Settlement {
        sequence,
        state: DeliveryState::Quarantined {
            at: NOW,
            code: ErrCode::InvalidRequest,
            description: "no such event here".to_owned(),
        },
        answer: None,
    }
}

pub(crate) fn postponed(sequence: u64, attempts: u32, due: Timestamp) -> Settlement {
    Settlement {
        sequence,
        state: DeliveryState::Pending {
            attempts,
            key_refusals: 0,
            due,
        },
        answer: None,
    }
}

/// A stream that has rested so often in a row, and does until `not_before`.
pub(crate) fn rested(rests: u32, not_before: Timestamp) -> Health {
    Health {
        rests,
        not_before,
        ..Health::default()
    }
}

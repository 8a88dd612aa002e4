//! A transmitter in memory.

use std::time::Duration;

use ssf_transmitter::{
    app::{deliver::LEASE_DEFAULT, dispatch::Dispatcher, ids, manage},
    domain::{
        event::NewEvent, issuer::IssuerName, receiver::Receiver, stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{Clock, Outbox, Submission},
    testing::{ManualClock, MemoryStore},
};
use ssf_types::{
    audience::Audience,
    event::Event,
    metadata::DefaultSubjects,
    stream::{CreateStream, PushDelivery},
    subject::SimpleSubject,
    time::Timestamp,
    uri::{EndpointUrl, EventTypeUri},
};

pub(crate) const LOGOUT: &str = "urn:example:logout";

/// The name of the one issuer.
pub(crate) fn main() -> IssuerName {
    IssuerName::default()
}

/// A store, and a clock at an odd moment.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::new(Timestamp::from_millis(1_800_000_000_777)),
        }
    }

    /// A stream that gets [`LOGOUT`].
    pub(crate) async fn stream(&self) -> Stream {
        let types = [EventTypeUri::parse(LOGOUT).unwrap()];
        let endpoint = EndpointUrl::parse("https://rp.example.com/events").unwrap();
        let request = CreateStream::push(types.to_vec(), PushDelivery::new(endpoint, None));
        let now = self.clock.now();
        manage::create(
            &self.store,
            &receiver(),
            request,
            &types,
            100,
            DefaultSubjects::All,
            now,
        )
        .await
        .unwrap()
    }

    /// A stream that is polled and gets [`LOGOUT`].
    pub(crate) async fn polled_stream(&self) -> Stream {
        let types = [EventTypeUri::parse(LOGOUT).unwrap()];
        let mut request = CreateStream::default();
        request.events_requested = Some(types.to_vec());
        let now = self.clock.now();
        manage::create(
            &self.store,
            &receiver(),
            request,
            &types,
            100,
            DefaultSubjects::All,
            now,
        )
        .await
        .unwrap()
    }

    /// Accepts an event about each of the users, in one go, and fans it out, some seconds later.
    pub(crate) async fn happens_to(&self, users: &[&str]) {
        // The lease of whoever has fanned out before has to end first.
        self.clock.advance(Duration::from_secs(10));
        self.happens_at_once_to(users).await;
    }

    /// Does the same where nobody has the fan-out.
    pub(crate) async fn happens_at_once_to(&self, users: &[&str]) {
        let now = self.clock.now();
        let events = users.iter().map(|user| (ids::event_id(now), logout(user)));
        let submission = Submission {
            source: None,
            issuer: main(),
            idempotency: None,
            events: events.collect(),
        };
        self.store.append(vec![submission], now).await.unwrap();
        let preference = SubjectPreference::default();
        let mut dispatcher = Dispatcher::new(ids::worker_id(), preference, LEASE_DEFAULT);
        dispatcher.step(&self.store, &self.clock).await.unwrap();
        dispatcher.give_back(&self.store).await.unwrap();
    }
}

pub(crate) fn receiver() -> Receiver {
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    Receiver::new(ids::receiver_id(), main(), "rp", audience).unwrap()
}

pub(crate) fn logout(user: &str) -> NewEvent {
    let uri = EventTypeUri::parse(LOGOUT).unwrap();
    let subject = SimpleSubject::Opaque {
        id: user.to_owned(),
    };
    NewEvent::new(subject, Event::read(&uri, "{}").unwrap())
}

//! Whether a world has come to its end, and what keeps it from that.

use std::{fmt::Write, time::Duration};

use ssf_transmitter::{
    app::ids,
    domain::trace::{Standing, TracedDelivery},
    ports::{
        ChangedStream, Clock, DeliveryFilter, LedgerStore, OperatedStreams, Outbox, Sought,
        StreamStore, TraceStore,
    },
    testing::MemoryStore,
};
use ssf_types::{
    event::{EventPayload, caep::SessionRevoked},
    time::Timestamp,
    uri::EventTypeUri,
};

use super::{application::Application, world::World};

/// Most deliveries that are listed.
const LISTED_MAX: u64 = 100;

/// Whether nothing waits any more, nor was refused.
pub(crate) async fn is_settled(world: &World) -> bool {
    let ledger = world.database.memory().ledger().await.unwrap();
    ledger.waiting == 0 && ledger.pending == 0 && !something_is_refused(world).await
}

/// Whether something was refused that can be sent again. What the Transmitter itself has said is not said again.
pub(crate) async fn something_is_refused(world: &World) -> bool {
    let store = world.database.memory();
    if store.ledger().await.unwrap().quarantined == 0 {
        return false;
    }
    let refused = DeliveryFilter {
        standing: Some(Standing::Quarantined),
        event_type: Some(EventTypeUri::parse(SessionRevoked::URI).unwrap()),
        ..DeliveryFilter::default()
    };
    let refused = store.find_deliveries(&refused, None, 1).await;
    !refused.unwrap().is_empty()
}

/// Tells what is not settled, and what each stream waits for.
pub(crate) async fn what_is_not_settled(world: &World) -> String {
    let (store, now) = (world.database.memory(), world.clock.now());
    let ledger = store.ledger().await.unwrap();
    let until = now.after(Duration::from_secs(1));
    let fan_out = store.lease_fan_out(ids::worker_id(), now, until).await;
    let fan_out = match fan_out.unwrap() {
        Some(_) => "free",
        None => "leased",
    };
    let mut told = format!(
        "{} events wait for the fan-out, which is {fan_out}",
        ledger.waiting
    );
    for application in &world.applications {
        told.push_str(&of_stream(store, application, now).await);
    }
    told
}

async fn of_stream(store: &MemoryStore, application: &Application, now: Timestamp) -> String {
    let (receiver, id) = (application.receiver.id, &application.stream.id);
    let stream = store.stream(receiver, id).await.unwrap().unwrap();
    let health = store.health(&stream.issuer, id).await.unwrap().unwrap();
    let same = |stream: &_| Ok::<_, ()>(Clone::clone(stream));
    let owners = match store.change_stream(receiver, id, now, same).await {
        Ok(ChangedStream::Changed { owners, .. }) => owners.len(),
        Ok(ChangedStream::Refused(()) | ChangedStream::NotFound) | Err(_) => 0,
    };
    let rest = match health.rests {
        0 => "no rest".to_owned(),
        rests => format!("rest {rests} ends {}", moment(health.not_before, now)),
    };
    let mut told = format!(
        "\n  stream {}: {} by its {}, {owners} leases, circuit {}, {rest}, trouble {}",
        application.number,
        stream.status.as_str(),
        stream.status_set_by.as_str(),
        health.circuit().as_str(),
        (health.trouble).map_or("none".to_owned(), |trouble| trouble.last),
    );
    for standing in [Standing::Pending, Standing::Held] {
        let filter = DeliveryFilter {
            stream: Some(id.clone()),
            standing: Some(standing),
            ..DeliveryFilter::default()
        };
        let found = store.find_deliveries(&filter, None, LISTED_MAX).await;
        for delivery in found.unwrap() {
            let what = of_delivery(store, &delivery, now).await;
            _ = write!(told, "\n    {what}");
        }
    }
    told
}

async fn of_delivery(store: &MemoryStore, delivery: &TracedDelivery, now: Timestamp) -> String {
    let sought = Sought::Event(delivery.event);
    let events = store.find_events(&sought, 0, 1).await.unwrap();
    let txn = events.first().and_then(|one| one.event.event.txn.clone());
    let name = txn.map_or_else(
        || delivery.event_type.as_str().to_owned(),
        |txn| txn.as_str().to_owned(),
    );
    let due = match delivery.due {
        Some(due) => format!("due {}", moment(due, now)),
        None => "waits for an earlier one".to_owned(),
    };
    format!(
        "{} {name} is {}, {due}, {} attempts failed",
        delivery.sequence,
        delivery.standing.as_str(),
        delivery.failed,
    )
}

fn moment(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return format!("{} ms ago", now.as_millis() - at.as_millis());
    }
    format!("in {} ms", at.as_millis() - now.as_millis())
}

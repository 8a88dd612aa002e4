//! What has become of events and deliveries.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use ssf_types::{
    id::{Jti, StreamId},
    uri::EventTypeUri,
};
use uuid::Uuid;

use super::{
    SeaStore,
    append::chunks,
    entity::{
        delivery, drop_order, event, fan_out_record, poll_answer, stream_event_type, stream_queue,
    },
    limited::Only,
    ordered::is_ordered,
    outbox::State,
    row::{self, Cell},
    waiting::Place,
};
use crate::{
    domain::{
        event::AcceptedEvent,
        fan_out::FanOut,
        id::EventId,
        trace::{Asked, Recorded, Standing, TracedDelivery, TracedEvent},
    },
    ports::{
        CorruptRow, DeliveryFilter, Sought, StoreError, StreamFilter, TraceStore, Traced,
        TracedStream,
    },
};

/// What the rows of deliveries are told with.
#[derive(Default)]
pub(super) struct Surroundings {
    events: HashMap<i64, (EventId, EventTypeUri)>,
    held: HashSet<Uuid>,
    orders: Vec<drop_order::Model>,
}

impl Surroundings {
    /// Whether a delivery is to be dropped, though its row is there still.
    fn is_ordered(&self, row: &delivery::Model, event_type: &EventTypeUri) -> bool {
        let covers = |order: &drop_order::Model| {
            let of_type = order.event_type.as_deref();
            order.stream_id == row.stream_id
                && order.through >= row.sequence
                && of_type.is_none_or(|uri| uri == event_type.as_str())
        };
        !row.passes_hold && self.orders.iter().any(covers)
    }
}

impl TraceStore for SeaStore {
    async fn find_events(
        &self,
        sought: &Sought,
        from: u64,
        limit: u64,
    ) -> Result<Vec<TracedEvent>, StoreError> {
        let rows = event::Entity::find()
            .filter(self.named(sought))
            .filter(event::Column::Position.gte(row::signed(from)))
            .order_by_asc(event::Column::Position)
            .limit(limit)
            .all(&self.reader)
            .await?;
        let positions = rows.iter().map(|row| row.position);
        let records = fan_out_record::Entity::find()
            .filter(fan_out_record::Column::EventPosition.is_in(positions))
            .all(&self.reader)
            .await?;
        let mut records: HashMap<i64, fan_out_record::Model> = records
            .into_iter()
            .map(|record| (record.event_position, record))
            .collect();
        let read = |row: &event::Model| self.traced_event(row, records.remove(&row.position));
        let events: Result<_, CorruptRow> = rows.iter().map(read).collect();
        Ok(events?)
    }

    async fn trace<D>(
        &self,
        traced: &TracedEvent,
        (after, limit): (Option<&StreamId>, u64),
        decide: D,
    ) -> Result<Traced, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let position = row::signed(traced.position);
        let transaction = self.begin_snapshot().await?;
        let found = event::Entity::find_by_id(position)
            .select_only()
            .columns(Place::COLUMNS)
            .into_model::<Place>();
        let Some(place) = found.only(&transaction).await? else {
            return Ok(Traced::new(FanOut::default(), 0, Vec::new()));
        };
        let decided = self.decided_at(&transaction, &place, &traced.event, decide);
        let decided = decided.await?;
        let of_issuer = StreamFilter {
            issuer: Some(traced.issuer.clone()),
            ..StreamFilter::default()
        };
        let streams = self.streams_behind(&transaction, &of_issuer, after, limit);
        let streams = streams.await?;
        let ids: Vec<Uuid> = (streams.iter())
            .filter_map(|stream| row::stream_uuid(&stream.id))
            .collect();
        let asked = asked(&transaction, &place, &ids).await?;
        let mut deliveries = self.deliveries_of(&transaction, position, &ids).await?;
        let with_it = delivery::Entity::find()
            .filter(delivery::Column::EventPosition.eq(position))
            .filter(delivery::Column::Repetition.eq(0))
            .count(&transaction)
            .await?;
        let streams = streams.into_iter().map(|stream| TracedStream {
            asked: asked.get(&stream.id).copied().unwrap_or(Asked::NotNow),
            deliveries: deliveries.remove(&stream.id).unwrap_or_default(),
            stream,
        });
        Ok(Traced::new(decided, with_it, streams.collect()))
    }

    async fn find_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<(&StreamId, u64)>,
        limit: u64,
    ) -> Result<Vec<TracedDelivery>, StoreError> {
        let Some(chosen) = chosen(filter, after, limit) else {
            return Ok(Vec::new());
        };
        let snapshot = self.begin_snapshot().await?;
        let rows = chosen.all(&snapshot).await?;
        let surroundings = self.surroundings(&snapshot, &rows).await?;
        snapshot.rollback().await?;
        let read = |row| traced_delivery(row, &surroundings);
        let deliveries: Result<_, CorruptRow> = rows.iter().map(read).collect();
        Ok(deliveries?)
    }
}

impl SeaStore {
    /// Matches the events that are sought.
    fn named(&self, sought: &Sought) -> Condition {
        let any = Condition::any();
        match sought {
            Sought::Event(id) => any.add(event::Column::Id.eq(id.uuid())),
            Sought::Jti(jti) => {
                let deliveries = delivery::Entity::find()
                    .filter(delivery::Column::Jti.eq(jti.as_str()))
                    .select_only()
                    .column(delivery::Column::EventPosition)
                    .into_query();
                any.add(event::Column::Position.in_subquery(deliveries))
            }
            Sought::Txn(txn) => {
                let own = EventId::parse(txn).map(|id| {
                    Condition::all()
                        .add(event::Column::Id.eq(id.uuid()))
                        .add(event::Column::Txn.is_null())
                });
                any.add(event::Column::Txn.eq(self.txn_key(txn)))
                    .add_option(own)
            }
        }
    }

    /// What an event is found by that was handed in with a `txn`.
    pub(super) fn txn_key(&self, txn: &str) -> Vec<u8> {
        let key = self.sealer.fingerprint("event.txn", txn.as_bytes());
        key.as_bytes().to_vec()
    }

    fn traced_event(
        &self,
        row: &event::Model,
        record: Option<fan_out_record::Model>,
    ) -> Result<TracedEvent, CorruptRow> {
        let recorded = match (row.dispatched_at, record) {
            (None, _) => None,
            (Some(at), None) => Some(Recorded {
                at: row::moment(at),
                ..Recorded::default()
            }),
            (Some(at), Some(record)) => {
                let cell = Cell::new("fan_out_record", "skipped", row.position.to_string());
                Some(Recorded {
                    at: row::moment(at),
                    matched: row::unsigned(record.matched),
                    skipped: cell.parse(&record.skipped)?,
                })
            }
        };
        let issuer = row::issuer_name("event", row.id, row.issuer.clone())?;
        let event = self.accepted_event(row)?;
        let place = (row::unsigned(row.position), issuer);
        Ok(TracedEvent::new(place, event, recorded))
    }

    /// The deliveries of an event on some streams, with their attempts.
    async fn deliveries_of(
        &self,
        transaction: &DatabaseTransaction,
        position: i64,
        streams: &[Uuid],
    ) -> Result<HashMap<StreamId, Vec<TracedDelivery>>, StoreError> {
        let rows = delivery::Entity::find()
            .filter(delivery::Column::EventPosition.eq(position))
            .filter(delivery::Column::StreamId.is_in(streams.iter().copied()))
            .order_by_asc(delivery::Column::StreamId)
            .order_by_asc(delivery::Column::Sequence)
            .all(transaction)
            .await?;
        let surroundings = self.surroundings(transaction, &rows).await?;
        let with_polls = with_polls(transaction, streams).await?;
        let may_have_failed = |row: &&delivery::Model| {
            row.attempts + row.failed_before > 0 || row.state == State::Quarantined.number()
        };
        let failed = rows.iter().filter(may_have_failed);
        let failed: Vec<_> = failed.map(|row| (row.stream_id, row.sequence)).collect();
        let mut attempts = self.kept_attempts(transaction, &failed).await?;
        let mut deliveries: HashMap<StreamId, Vec<TracedDelivery>> = HashMap::new();
        for row in rows {
            let key = (row.stream_id, row.sequence);
            let mut delivery = traced_delivery(&row, &surroundings)?;
            delivery.with_receiver_until = with_polls.get(&key).copied().map(row::moment);
            delivery.attempts = attempts.remove(&key).unwrap_or_default();
            let of_stream = deliveries.entry(delivery.stream.clone());
            of_stream.or_default().push(delivery);
        }
        Ok(deliveries)
    }

    /// What is to be known of the events and streams of deliveries.
    pub(super) async fn surroundings(
        &self,
        db: &impl ConnectionTrait,
        rows: &[delivery::Model],
    ) -> Result<Surroundings, StoreError> {
        let mut surroundings = Surroundings::default();
        let positions: HashSet<i64> = rows.iter().map(|row| row.event_position).collect();
        for chunk in chunks(positions.into_iter().collect()) {
            let events: Vec<(i64, Uuid, String)> = event::Entity::find()
                .filter(event::Column::Position.is_in(chunk))
                .select_only()
                .column(event::Column::Position)
                .column(event::Column::Id)
                .column(event::Column::EventType)
                .into_tuple()
                .all(db)
                .await?;
            for (position, id, uri) in events {
                let uri = EventTypeUri::parse(uri)
                    .map_err(|_| CorruptRow::new("event", id.to_string(), "event_type is none"))?;
                let event = (EventId::new(id), uri);
                surroundings.events.insert(position, event);
            }
        }
        let streams: HashSet<Uuid> = rows.iter().map(|row| row.stream_id).collect();
        for chunk in chunks(streams.into_iter().collect()) {
            let held: Vec<Uuid> = stream_queue::Entity::find()
                .filter(stream_queue::Column::StreamId.is_in(chunk))
                .filter(stream_queue::Column::Held.eq(true))
                .select_only()
                .column(stream_queue::Column::StreamId)
                .into_tuple()
                .all(db)
                .await?;
            surroundings.held.extend(held);
        }
        let streams: HashSet<Uuid> = rows.iter().map(|row| row.stream_id).collect();
        for chunk in chunks(streams.into_iter().collect()) {
            let orders = drop_order::Entity::find()
                .filter(drop_order::Column::StreamId.is_in(chunk))
                .all(db);
            surroundings.orders.extend(orders.await?);
        }
        Ok(surroundings)
    }
}

/// Whether each of these streams had asked for the event's type before it; those that have no interest are absent.
async fn asked(
    transaction: &DatabaseTransaction,
    event: &Place,
    streams: &[Uuid],
) -> Result<HashMap<StreamId, Asked>, StoreError> {
    let rows = stream_event_type::Entity::find()
        .filter(stream_event_type::Column::EventType.eq(&event.event_type))
        .filter(stream_event_type::Column::StreamId.is_in(streams.iter().copied()))
        .all(transaction)
        .await?;
    let mut asked = HashMap::with_capacity(rows.len());
    for row in rows {
        let was = if row.after_position >= event.position {
            Asked::After
        } else if row.given_up_after.is_some_and(|last| last < event.position) {
            Asked::NotNow
        } else {
            Asked::Before
        };
        asked.insert(row::stream_id(row.stream_id)?, was);
    }
    Ok(asked)
}

/// Until when deliveries are with Receivers that poll, by stream and number.
async fn with_polls(
    transaction: &DatabaseTransaction,
    streams: &[Uuid],
) -> Result<HashMap<(Uuid, i64), i64>, StoreError> {
    let answers = poll_answer::Entity::find()
        .filter(poll_answer::Column::StreamId.is_in(streams.iter().copied()))
        .order_by_asc(poll_answer::Column::EndsAt)
        .all(transaction)
        .await?;
    let mut until = HashMap::new();
    for answer in answers {
        let cell = Cell::new("poll_answer", "sequences", answer.id.to_string());
        let sequences: Vec<i64> = cell.parse(&answer.sequences)?;
        let those = sequences.into_iter();
        until.extend(those.map(|sequence| ((answer.stream_id, sequence), answer.ends_at)));
    }
    Ok(until)
}

/// The deliveries that a filter lets through, by stream and number; `None` if there cannot be any.
pub(super) fn chosen(
    filter: &DeliveryFilter,
    after: Option<(&StreamId, u64)>,
    limit: u64,
) -> Option<Select<delivery::Entity>> {
    let mut which = condition(filter)?;
    if let Some((stream, sequence)) = after {
        which = which.add(behind(
            filter,
            row::stream_uuid(stream)?,
            row::signed(sequence),
        )?);
    }
    let chosen = delivery::Entity::find()
        .filter(which)
        .order_by_asc(delivery::Column::StreamId)
        .order_by_asc(delivery::Column::Sequence)
        .limit(limit);
    Some(chosen)
}

/// Matches what comes behind a place, in the order of an index; `None` if nothing of the filter's stream does.
fn behind(filter: &DeliveryFilter, stream: Uuid, sequence: i64) -> Option<Condition> {
    let all = Condition::all();
    let Some(only) = &filter.stream else {
        let key = [delivery::Column::StreamId, delivery::Column::Sequence];
        let place = [Expr::value(stream), Expr::value(sequence)];
        return Some(all.add(Expr::tuple(key.map(Expr::col)).gt(Expr::tuple(place))));
    };
    match row::stream_uuid(only)?.cmp(&stream) {
        Ordering::Less => None,
        Ordering::Equal => Some(all.add(delivery::Column::Sequence.gt(sequence))),
        Ordering::Greater => Some(all),
    }
}

/// Matches what a filter lets through; `None` if that is nothing.
pub(super) fn condition(filter: &DeliveryFilter) -> Option<Condition> {
    let mut which = Condition::all();
    if let Some(stream) = &filter.stream {
        which = which.add(delivery::Column::StreamId.eq(row::stream_uuid(stream)?));
    }
    if let Some(standing) = filter.standing {
        which = which.add(standing_so(standing));
    }
    let moment = || moment(filter.standing);
    if let Some(since) = filter.since {
        which = which.add(moment().gte(row::millis(since)));
    }
    if let Some(until) = filter.until {
        which = which.add(moment().lt(row::millis(until)));
    }
    if let Some(uri) = &filter.event_type {
        let event = own_event(event::Column::EventType.eq(uri.as_str()));
        which = which.add(Expr::exists(event));
    }
    if let Some(id) = filter.event {
        let positions = event::Entity::find()
            .filter(event::Column::Id.eq(id.uuid()))
            .select_only()
            .column(event::Column::Position)
            .into_query();
        which = which.add(delivery::Column::EventPosition.in_subquery(positions));
    }
    if let Some(jtis) = &filter.jtis {
        let names = jtis.iter().map(Jti::as_str);
        which = which.add(delivery::Column::Jti.is_in(names));
    }
    if let Some(numbers) = &filter.numbers {
        let numbers = numbers.iter().copied().map(row::signed).collect();
        which = which.add(delivery::Column::Sequence.is_in(row::padded(numbers)));
    }
    Some(which)
}

/// When a delivery was settled, or made if it is not settled; of those that stand alike it is one column, which has an index.
fn moment(standing: Option<Standing>) -> Expr {
    match standing {
        Some(Standing::Delivered | Standing::Quarantined | Standing::Dropped) => {
            delivery::Column::SettledAt.into_expr()
        }
        Some(Standing::Pending | Standing::Held) => delivery::Column::Iat.into_expr(),
        None => Expr::cust("COALESCE(settled_at, iat)"),
    }
}

/// The event of the delivery that is looked at, if it fits.
pub(super) fn own_event(fits: impl Into<sea_orm::sea_query::SimpleExpr>) -> SelectStatement {
    let position = (delivery::Entity, delivery::Column::EventPosition);
    Query::select()
        .expr(Expr::value(1))
        .from(event::Entity)
        .and_where(Expr::col((event::Entity, event::Column::Position)).equals(position))
        .and_where(fits.into())
        .to_owned()
}

fn standing_so(standing: Standing) -> Condition {
    let is = |state: State| Condition::all().add(state.is());
    let held_stream = || {
        let stream = (delivery::Entity, delivery::Column::StreamId);
        let held = Query::select()
            .expr(Expr::value(1))
            .from(stream_queue::Entity)
            .and_where(
                Expr::col((stream_queue::Entity, stream_queue::Column::StreamId)).equals(stream),
            )
            .and_where(stream_queue::Column::Held.eq(true))
            .to_owned();
        Condition::all()
            .add(delivery::Column::PassesHold.eq(false))
            .add(Expr::exists(held))
    };
    let goes = || Expr::exists(is_ordered());
    match standing {
        Standing::Pending => is(State::Pending)
            .add(held_stream().not())
            .add(goes().not()),
        Standing::Held => is(State::Pending).add(held_stream()).add(goes().not()),
        Standing::Delivered => is(State::Acknowledged),
        Standing::Quarantined => is(State::Quarantined),
        Standing::Dropped => Condition::any()
            .add(is(State::Dropped))
            .add(is(State::Pending).add(goes())),
    }
}

/// Reads a delivery; what is kept of its attempts, and of polls, is left out.
pub(super) fn traced_delivery(
    row: &delivery::Model,
    surroundings: &Surroundings,
) -> Result<TracedDelivery, CorruptRow> {
    let corrupt = |column, why| {
        let key = format!("{}/{}", row.stream_id, row.sequence);
        Cell::new("delivery", column, key).corrupt(why)
    };
    let (event, event_type) = surroundings
        .events
        .get(&row.event_position)
        .cloned()
        .ok_or_else(|| corrupt("event_position", "there is no such event"))?;
    let state = State::read(row.state).ok_or_else(|| corrupt("state", "it is not a state"))?;
    let is_held = !row.passes_hold && surroundings.held.contains(&row.stream_id);
    let standing = match state {
        State::Pending if surroundings.is_ordered(row, &event_type) => Standing::Dropped,
        State::Pending if is_held => Standing::Held,
        State::Pending => Standing::Pending,
        State::Acknowledged => Standing::Delivered,
        State::Quarantined => Standing::Quarantined,
        State::Dropped => Standing::Dropped,
    };
    let due = row.due_at.filter(|_| standing != Standing::Dropped);
    let refusal = i64::from(state == State::Quarantined);
    let failed = row.attempts + row.failed_before + refusal;
    Ok(TracedDelivery {
        stream: row::stream_id(row.stream_id)?,
        sequence: row::unsigned(row.sequence),
        jti: Jti::parse(row.jti.clone()).map_err(|_| corrupt("jti", "it is not an identifier"))?,
        event,
        event_type,
        made_at: row::moment(row.iat),
        repetition: u32::try_from(row.repetition).unwrap_or_default(),
        standing,
        due: due.map(row::moment),
        settled_at: row.settled_at.map(row::moment),
        status: row
            .answer_status
            .and_then(|status| u16::try_from(status).ok()),
        code: row.code.clone(),
        failed: u32::try_from(failed).unwrap_or(u32::MAX),
        with_receiver_until: None,
        attempts: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::DatabaseBackend;
    use ssf_types::time::Timestamp;

    use super::*;
    use crate::{
        sealing::{DataKey, Sealer},
        store::Access,
    };

    async fn plan(store: &SeaStore, found: Select<delivery::Entity>) -> String {
        let mut statement = DatabaseBackend::Sqlite.build(&found.into_query());
        statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let rows = store.reader.query_all_raw(statement).await.unwrap();
        rows[0].try_get("", "detail").unwrap()
    }

    #[tokio::test]
    async fn what_is_behind_a_page_or_within_a_span_is_found_by_an_index() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("t.db").display());
        let sealer = Sealer::new(&DataKey::generate());
        let store = SeaStore::open(&url, sealer, Access::Serve).await.unwrap();
        let stream = row::stream_id(Uuid::from_u128(7)).unwrap();
        let of_stream = DeliveryFilter {
            stream: Some(stream.clone()),
            ..DeliveryFilter::default()
        };
        let span = DeliveryFilter {
            standing: Some(Standing::Delivered),
            since: Some(Timestamp::from_secs(1)),
            until: Some(Timestamp::from_secs(2)),
            ..of_stream.clone()
        };
        let after = Some((&stream, 5));
        let own = "SEARCH delivery USING INDEX sqlite_autoindex_delivery_1";
        let spans = "SEARCH delivery USING INDEX delivery_span (stream_id=? AND settled_at>? AND settled_at<?)";
        for (filter, after, expected) in [
            (span, None, spans.to_owned()),
            (
                of_stream,
                after,
                format!("{own} (stream_id=? AND sequence>?)"),
            ),
            (
                DeliveryFilter::default(),
                after,
                format!("{own} ((stream_id,sequence)>(?,?))"),
            ),
        ] {
            let found = chosen(&filter, after, 1000).unwrap();
            assert_eq!(plan(&store, found).await, expected);
        }
    }
}

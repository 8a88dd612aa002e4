//! Streams and their place among the events.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select,
};
use serde_json::json;
use ssf_types::{
    id::{Epoch, StreamId},
    set::Algorithm,
    stream::{Delivery, StreamStatus},
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    change::{Whose, add_interest},
    entity::{stream, stream_queue},
    limited::Only,
    row::{self, Cell},
    subjects::read_default,
};
use crate::{
    domain::{
        announcement::StatusDecision, dropped::DropRecord, framework::FrameworkSet, id::ReceiverId,
        method::DeliveryMethod, status::StatusSetter, stream::Stream, verification::Requested,
    },
    ports::{
        ChangedStream, CorruptRow, CreatedStream, DeletedStream, SentAlone, StoreError, StreamStore,
    },
};

impl StreamStore for SeaStore {
    async fn create_stream(
        &self,
        stream: &Stream,
        streams_max: u64,
    ) -> Result<CreatedStream, StoreError> {
        let id = row::stream_uuid(&stream.id).ok_or_else(|| {
            CorruptRow::new(
                "stream",
                stream.id.as_str(),
                "id is not a UUID of 32 digits",
            )
        })?;
        let transaction = self.begin_placing(Placing::Stream).await?;
        let streams = living()
            .filter(stream::Column::ReceiverId.eq(stream.receiver.uuid()))
            .count(&transaction)
            .await?;
        if streams >= streams_max {
            return Ok(CreatedStream::TooMany);
        }
        stream::Entity::insert(self.stream_row(id, stream)?)
            .exec_without_returning(&transaction)
            .await?;
        stream_queue::Entity::insert(new_queue(id, stream))
            .exec_without_returning(&transaction)
            .await?;
        add_interest(&transaction, id, stream, &stream.events_delivered).await?;
        transaction.commit().await?;
        Ok(CreatedStream::Created)
    }

    async fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(None);
        };
        let row = living()
            .filter(stream::Column::Id.eq(uuid))
            .filter(stream::Column::ReceiverId.eq(receiver.uuid()))
            .only(&self.reader)
            .await?;
        Ok(row.map(|row| self.read_stream(row)).transpose()?)
    }

    async fn streams(&self, receiver: ReceiverId) -> Result<Vec<Stream>, StoreError> {
        let rows = living()
            .filter(stream::Column::ReceiverId.eq(receiver.uuid()))
            .order_by_asc(stream::Column::CreatedAt)
            .order_by_asc(stream::Column::Id)
            .all(&self.reader)
            .await?;
        let read = |row| self.read_stream(row);
        let streams: Result<_, CorruptRow> = rows.into_iter().map(read).collect();
        Ok(streams?)
    }

    async fn change_stream<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream) -> Result<Stream, E> + Send,
        E: Send,
    {
        let change = |stream: &Stream, _| change(stream).map(StatusDecision::silent);
        self.change_stream_of(Whose::Receiver(receiver), id, now, change)
            .await
    }

    async fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<SentAlone<E>, StoreError>
    where
        F: FnOnce(&Stream, Requested) -> Result<FrameworkSet, E> + Send,
        E: Send,
    {
        self.send_alone(receiver, id, now, decide).await
    }

    async fn note_activity(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<(), StoreError> {
        self.note_activity_on(receiver, id, now, unless_since).await
    }

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        self.delete_stream_of(Whose::Receiver(receiver), id, now)
            .await
    }

    async fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Vec<DropRecord>, StoreError> {
        self.recorded_drops(receiver, id).await
    }
}

/// The streams that there are: one that was deleted may be there for those who remove its deliveries.
pub(super) fn living() -> Select<stream::Entity> {
    stream::Entity::find().filter(stream::Column::EndedAt.is_null())
}

fn new_queue(id: Uuid, stream: &Stream) -> stream_queue::ActiveModel {
    stream_queue::ActiveModel {
        stream_id: Set(id),
        last_sequence: Set(0),
        next_due: Set(None),
        held: Set(false),
        failures: Set(0),
        resume_at: Set(0),
        lease_worker: Set(None),
        lease_epoch: Set(0),
        lease_until: Set(0),
        taken_at: Set(0),
        verified_at: Set(None),
        opens_after: Set(None),
        polled: Set(stream.delivery.is_poll()),
        poll_due: Set(None),
        verification: Set(None),
        keep_alive: Set(None),
        quiet_since: Set(row::millis(stream.created_at)),
        active_at: Set(None),
        acknowledged_total: Set(0),
        dropped_total: Set(0),
        trouble: Set(None),
        trouble_since: Set(0),
        trouble_last: Set(String::new()),
        failed_sets: Set(0),
        failed_through: Set(0),
        misdirected: Set(0),
        receiver_acts: Set(0),
        sequence_after: Set(0),
        dropping: Set(false),
    }
}

impl SeaStore {
    pub(super) fn stream_row(
        &self,
        id: Uuid,
        stream: &Stream,
    ) -> Result<stream::ActiveModel, StoreError> {
        let delivery = row::json(&stream.delivery.kept())?;
        let requested = stream.events_requested.as_ref();
        Ok(stream::ActiveModel {
            id: Set(id),
            receiver_id: Set(stream.receiver.uuid()),
            issuer: Set(stream.issuer.as_str().to_owned()),
            audience: Set(row::json(&stream.audience)?),
            events_requested: Set(requested.map(row::json).transpose()?),
            events_delivered: Set(row::json(&stream.events_delivered)?),
            delivery: Set(delivery_cell(id).seal(&self.sealer, delivery.as_bytes())),
            description: Set(stream.description.clone()),
            status: Set(stream.status.as_str().to_owned()),
            reason: Set(stream.reason.clone()),
            status_set_by: Set(stream.status_set_by.as_str().to_owned()),
            created_at: Set(row::millis(stream.created_at)),
            default_subjects: Set(stream.default_subjects.as_str().to_owned()),
            signing_alg: Set(stream.signing_alg.map(|alg| alg.as_str().to_owned())),
            sequence_epoch: Set(stream.sequence_epoch.clone().map(String::from)),
            ended_at: Set(None),
        })
    }

    /// Reads a stream with its secret.
    pub(super) fn read_stream(&self, row: stream::Model) -> Result<Stream, CorruptRow> {
        let cell = |column| Cell::new("stream", column, row.id.to_string());
        let delivery = delivery_cell(row.id);
        let json = delivery.text(&self.sealer, &row.delivery)?;
        let kept = Delivery::read(&json).ok();
        let method = kept.and_then(|kept| DeliveryMethod::asked_for(&kept));
        let method = method.ok_or_else(|| delivery.corrupt("it is not a delivery"))?;
        let requested = row.events_requested.as_deref();
        let requested = requested.map(|json| cell("events_requested").parse(json));
        let status: StreamStatus = serde_json::from_value(json!(row.status))
            .map_err(|_| cell("status").corrupt("it is not a status"))?;
        let known = |name| {
            Algorithm::parse(name)
                .ok_or_else(|| cell("signing_alg").corrupt("it is not one of ours"))
        };
        let signing_alg = row.signing_alg.as_deref().map(known).transpose()?;
        let epoch = |epoch| {
            Epoch::parse(epoch)
                .map_err(|_| cell("sequence_epoch").corrupt("it is not an identifier"))
        };
        let sequence_epoch = row.sequence_epoch.map(epoch).transpose()?;
        let status_set_by = StatusSetter::read(&row.status_set_by)
            .ok_or_else(|| cell("status_set_by").corrupt("it is nobody who sets one"))?;
        Ok(Stream {
            id: row::stream_id(row.id)?,
            receiver: ReceiverId::new(row.receiver_id),
            issuer: row::issuer_name("stream", row.id, row.issuer)?,
            audience: cell("audience").parse(&row.audience)?,
            events_requested: requested.transpose()?,
            events_delivered: cell("events_delivered").parse(&row.events_delivered)?,
            delivery: method,
            description: row.description,
            signing_alg,
            sequence_epoch,
            status,
            reason: row.reason,
            status_set_by,
            created_at: row::moment(row.created_at),
            default_subjects: read_default(row.id, &row.default_subjects)?,
        })
    }
}

fn delivery_cell(id: Uuid) -> Cell {
    Cell::new("stream", "delivery", id.to_string())
}

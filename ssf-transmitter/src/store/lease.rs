//! Leases with their fencing epochs: who fans out, and who delivers on which stream.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, IdenStatic, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
    Select, SelectA, SelectB, UpdateMany,
    sea_query::{Expr, Func, LockBehavior, LockType},
};
use ssf_types::{error::Chain, time::Timestamp};
use tracing::error;
use uuid::Uuid;

use super::{
    SeaStore,
    circuit::{health, with_health},
    entity::{lease, receiver, stream, stream_queue},
    limited::{Only, first},
    number::Queues,
    row,
    undo::without_undo,
    unreadable::REST,
};
use crate::{
    domain::{
        circuit::Health,
        id::{ReceiverId, WorkerId},
        method::DeliveryMethod,
        profile::Profile,
        room::Room,
    },
    failpoint::{Failpoint, reached},
    ports::{CorruptRow, FanOutLease, Fenced, LeasedStream, StoreError, StreamLease, Taking},
};

/// The row of the lease under which events are fanned out.
const FAN_OUT: &str = "fan_out";

/// So many looks at most are taken for streams. What the first one leaves out, because streams in trouble have their share by
/// then, may hide what stands behind it; the second one leaves that out from the beginning. Where a Receiver has its share, the
/// next step is soon enough: what is taken ahead keeps the slots busy.
const LOOKS: usize = 2;

impl SeaStore {
    pub(super) async fn take_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        let live = |row: &lease::Model| row.expires_at > row::millis(now);
        // Whoever is woken in vain does not wait for whoever fans out.
        let seen = lease::Entity::find_by_id(FAN_OUT)
            .only(&self.reader)
            .await?;
        if seen.is_some_and(|row| live(&row) && row.worker != worker.uuid()) {
            return Ok(None);
        }
        let transaction = self.begin().await?;
        let row = lock_fan_out(&transaction).await?;
        let epoch = match row {
            Some(row) if live(&row) && row.worker == worker.uuid() => row.epoch,
            Some(row) if !live(&row) => row.epoch + 1,
            Some(_) | None => return Ok(None),
        };
        lease::Entity::update_many()
            .col_expr(lease::Column::Worker, Expr::value(worker.uuid()))
            .col_expr(lease::Column::Epoch, Expr::value(epoch))
            .col_expr(lease::Column::ExpiresAt, Expr::value(row::millis(until)))
            .filter(lease::Column::Name.eq(FAN_OUT))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(FanOutLease {
            worker,
            epoch: row::unsigned(epoch),
        }))
    }

    pub(super) async fn give_fan_out_back(&self, held: FanOutLease) -> Result<(), StoreError> {
        lease::Entity::update_many()
            .col_expr(lease::Column::ExpiresAt, Expr::value(0_i64))
            .filter(lease::Column::Name.eq(FAN_OUT))
            .filter(lease::Column::Worker.eq(held.worker.uuid()))
            .filter(lease::Column::Epoch.eq(row::signed(held.epoch)))
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    /// Whether `held` is the newest lease of the fan-out, which then stays so until the transaction ends.
    pub(super) async fn holds_fan_out(
        &self,
        transaction: &DatabaseTransaction,
        held: FanOutLease,
    ) -> Result<bool, StoreError> {
        let row = newest(held).lock_exclusive().only(transaction).await?;
        Ok(row.is_some())
    }

    pub(super) async fn take_streams(
        &self,
        now: Timestamp,
        taking: Taking,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let Taking {
            worker,
            until,
            room,
        } = taking;
        let transaction = self.begin().await?;
        let chosen = choose(&transaction, now, room).await?;
        if chosen.is_empty() {
            transaction.commit().await?;
            return Ok(Vec::new());
        }
        let mut wholes = wholes(&transaction, &chosen).await?;
        let wholes = chosen.into_iter().filter_map(|id| wholes.remove(&id));
        let (leased, unreadable) = self.leases(wholes, worker);
        let (ids, leased): (Vec<Uuid>, Vec<LeasedStream>) = leased.into_iter().unzip();
        set_aside(&transaction, unreadable, now).await?;
        give_to(&transaction, worker, ids, (now, until)).await?;
        transaction.commit().await?;
        if !leased.is_empty() {
            reached(Failpoint::AfterClaim);
        }
        Ok(leased)
    }

    /// Takes those of the streams that there is room for and that a look would take. Their queues are locked, and still to be
    /// written.
    pub(super) fn take_of(
        &self,
        mut wholes: BTreeMap<Uuid, Whole>,
        queues: &mut Queues,
        now: Timestamp,
        taking: Taking,
    ) -> Vec<(Uuid, LeasedStream)> {
        let Taking {
            worker,
            until,
            mut room,
        } = taking;
        wholes.retain(|id, whole| {
            if !queues.get(id).is_some_and(|queue| is_free(queue, now)) {
                return false;
            }
            match &whole.rest {
                Ok((stream, _)) => {
                    let receiver = ReceiverId::new(stream.receiver_id);
                    room.take(receiver, whole.queue.trouble.is_some())
                }
                // That it cannot be read is told, and takes no room.
                Err(_) => true,
            }
        });
        let (leased, unreadable) = self.leases(wholes.into_values(), worker);
        for (id, leased) in &leased {
            if let Some(queue) = queues.get_mut(id) {
                queue.lease_worker = Some(worker.uuid());
                queue.lease_epoch = row::signed(leased.lease.epoch);
                queue.lease_until = row::millis(until);
                queue.taken_at = row::millis(now);
            }
        }
        for id in unreadable {
            if let Some(queue) = queues.get_mut(&id) {
                queue.resume_at = row::millis(now.after(REST));
            }
        }
        leased
    }

    /// Streams as whoever leases them gets them, without those that are polled; and those that cannot be read.
    fn leases(
        &self,
        wholes: impl Iterator<Item = Whole>,
        worker: WorkerId,
    ) -> (Vec<(Uuid, LeasedStream)>, Vec<Uuid>) {
        let (mut leased, mut unreadable) = (Vec::new(), Vec::new());
        for whole in wholes {
            let id = whole.queue.stream_id;
            match self.leased(whole, worker) {
                Ok(one) => leased.extend(one.map(|one| (id, one))),
                Err(error) => {
                    error!(stream.id = %id.simple(), error = %Chain(&error), "nothing is delivered on a stream that cannot be read");
                    unreadable.push(id);
                }
            }
        }
        (leased, unreadable)
    }

    /// A stream as whoever leases it gets it; `None` if it is polled.
    fn leased(&self, whole: Whole, worker: WorkerId) -> Result<Option<LeasedStream>, CorruptRow> {
        let unreadable = |_| {
            let id = whole.queue.stream_id.simple().to_string();
            CorruptRow::new("stream", id, "a column has a value of another type")
        };
        let (stream, profile) = whole.rest.map_err(unreadable)?;
        let stream = self.read_stream(stream)?;
        let DeliveryMethod::Push(push) = stream.delivery.clone() else {
            return Ok(None);
        };
        let profile = profile.and_then(|name| Profile::parse(&name).ok());
        let profile = profile.ok_or_else(|| {
            let why = "its receiver is not there, or cannot be read";
            CorruptRow::new("stream", stream.id.as_str(), why)
        })?;
        Ok(Some(LeasedStream {
            lease: StreamLease {
                stream: stream.id.clone(),
                worker,
                epoch: row::unsigned(whole.queue.lease_epoch + 1),
            },
            stream,
            push,
            profile,
            health: health(&whole.queue),
        }))
    }

    pub(super) async fn renew_stream(
        &self,
        lease: &StreamLease,
        until: Timestamp,
    ) -> Result<Fenced, StoreError> {
        let updated = stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::LeaseUntil,
                Expr::value(row::millis(until)),
            )
            .filter(held(lease))
            .exec(&self.writer)
            .await?;
        Ok(fenced(updated.rows_affected))
    }

    pub(super) async fn is_lease_over(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = stream_queue::Entity::find()
            .filter(held(lease))
            .filter(stream_queue::Column::LeaseUntil.gt(row::millis(now)))
            .only(&self.reader)
            .await?;
        if row.is_some() {
            return Ok(false);
        }
        Ok(!self.is_loss_open(lease, now).await?)
    }

    pub(super) async fn release_stream(
        &self,
        lease: &StreamLease,
        health: &Health,
    ) -> Result<Fenced, StoreError> {
        let given_back = || given_back().filter(held(lease));
        let acts = row::signed(health.acts);
        let updated = with_health(given_back(), health)
            .filter(stream_queue::Column::ReceiverActs.eq(acts))
            .exec(&self.writer)
            .await?;
        if updated.rows_affected > 0 {
            return Ok(Fenced::Stored);
        }
        // The Receiver has acted meanwhile, or the lease is lost.
        let updated = given_back().exec(&self.writer).await?;
        Ok(fenced(updated.rows_affected))
    }

    pub(super) async fn next_lease(&self) -> Result<Option<Timestamp>, StoreError> {
        let greatest = |left: Expr, right: Expr| {
            Expr::case(left.clone().gte(right.clone()), left).finally(right)
        };
        let due = stream_queue::Column::NextDue.into_expr();
        let resume = stream_queue::Column::ResumeAt.into_expr();
        let lease = stream_queue::Column::LeaseUntil.into_expr();
        let free = greatest(greatest(due, resume).into(), lease);
        let next: Option<Option<i64>> = stream_queue::Entity::find()
            .filter(stream_queue::Column::NextDue.is_not_null())
            .select_only()
            .column_as(Expr::from(Func::min(free)), "free")
            .into_tuple()
            .only(&self.reader)
            .await?;
        Ok(next.flatten().map(row::moment))
    }
}

/// Finds the lease of the fan-out, if it is still this one.
pub(super) fn newest(held: FanOutLease) -> Select<lease::Entity> {
    lease::Entity::find_by_id(FAN_OUT)
        .filter(lease::Column::Worker.eq(held.worker.uuid()))
        .filter(lease::Column::Epoch.eq(row::signed(held.epoch)))
}

/// Matches the queues of streams that none of these Receivers has.
fn not_of(receivers: impl Iterator<Item = ReceiverId>) -> Condition {
    let receivers: Vec<Uuid> = receivers.map(ReceiverId::uuid).collect();
    if receivers.is_empty() {
        return Condition::all();
    }
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let theirs = stream::Entity::find()
        .select_only()
        .column(stream::Column::Id)
        .filter(Expr::col((stream::Entity, stream::Column::Id)).equals(own))
        .filter(stream::Column::ReceiverId.is_in(row::padded(receivers)))
        .into_query();
    Condition::all().add(Expr::exists(theirs).not())
}

/// Matches the queues of streams that do not belong to those who have their share.
fn not_left_out(room: &Room) -> Condition {
    let others = not_of(room.full());
    if room.is_full_of_trouble() {
        return others.add(stream_queue::Column::Trouble.is_null());
    }
    others
}

/// Streams that there is room for, those first that nobody has had for the longest time.
async fn choose(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    mut room: Room,
) -> Result<Vec<Uuid>, StoreError> {
    let mut chosen = Vec::new();
    for _ in 0..LOOKS {
        let limit = room.candidates();
        let candidates = free(transaction, now, &room, &chosen).await?;
        let is_taken = |one: &&Free| {
            let receiver = one.receiver.map(ReceiverId::new);
            receiver.is_some_and(|receiver| room.take(receiver, one.trouble.is_some()))
        };
        chosen.extend(candidates.iter().filter(is_taken).map(|one| one.stream_id));
        let is_all = (candidates.len() as u64) < limit;
        if is_all || !room.is_left() || !room.is_full_of_trouble() {
            break;
        }
    }
    Ok(chosen)
}

#[derive(FromQueryResult)]
struct Free {
    stream_id: Uuid,
    receiver: Option<Uuid>,
    trouble: Option<String>,
}

/// Streams other than the `chosen` ones that somebody may take, and whose they are, those first that nobody has had for the
/// longest time. So many are looked at that no more than this is read of each.
async fn free(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    room: &Room,
    chosen: &[Uuid],
) -> Result<Vec<Free>, StoreError> {
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let receiver = stream::Entity::find()
        .select_only()
        .column(stream::Column::ReceiverId)
        .filter(Expr::col((stream::Entity, stream::Column::Id)).equals(own))
        .into_query();
    let free = stream_queue::Entity::find()
        .filter(stream_queue::Column::NextDue.lte(row::millis(now)))
        .filter(stream_queue::Column::ResumeAt.lte(row::millis(now)))
        .filter(stream_queue::Column::LeaseUntil.lte(row::millis(now)))
        .filter(stream_queue::Column::StreamId.is_not_in(row::padded(chosen.to_vec())))
        .filter(not_left_out(room))
        .order_by_asc(stream_queue::Column::TakenAt)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .select_only()
        .column(stream_queue::Column::StreamId)
        .column(stream_queue::Column::Trouble)
        .column_as(Expr::SubQuery(None, Box::new(receiver.into())), "receiver");
    Ok(first(free, room.candidates(), transaction).await?)
}

/// Whether somebody may take a stream, as [`free`] has the database say it.
fn is_free(queue: &stream_queue::Model, now: Timestamp) -> bool {
    let now = row::millis(now);
    let is_due = queue.next_due.is_some_and(|due| due <= now);
    is_due && queue.resume_at <= now && queue.lease_until <= now
}

/// A stream, how far it is, and how its Receiver, if it is there, answers.
pub(super) struct Whole {
    pub(super) queue: stream_queue::Model,
    /// Those that can be read are taken all the same.
    rest: Result<(stream::Model, Option<String>), DbErr>,
}

impl FromQueryResult for Whole {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        let stream = stream::Model::from_query_result(row, SelectB.as_str());
        let profile = || row.try_get("", receiver::Column::Profile.as_str());
        Ok(Self {
            queue: stream_queue::Model::from_query_result(row, SelectA.as_str())?,
            rest: stream.and_then(|stream| Ok((stream, profile()?))),
        })
    }
}

/// How far streams are, without those on which another works. They are locked then.
pub(super) async fn free_queues(
    transaction: &DatabaseTransaction,
    streams: &[Uuid],
) -> Result<Queues, StoreError> {
    let queues = stream_queue::Entity::find()
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams.to_vec())))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let queues = queues.all(transaction).await?.into_iter();
    Ok(queues.map(|queue| (queue.stream_id, queue)).collect())
}

/// The same, and all that is needed to take them. Whoever changes that with a queue has locked the place of streams among events,
/// so that the two are of one moment.
pub(super) async fn wholes(
    transaction: &DatabaseTransaction,
    streams: &[Uuid],
) -> Result<BTreeMap<Uuid, Whole>, StoreError> {
    let stream = (stream::Entity, stream::Column::Id);
    let receiver = (receiver::Entity, receiver::Column::Id);
    let of_queue = Expr::col((stream_queue::Entity, stream_queue::Column::StreamId)).equals(stream);
    let of_stream = Expr::col((stream::Entity, stream::Column::ReceiverId)).equals(receiver);
    let mut select = stream_queue::Entity::find()
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams.to_vec())))
        .select_also(stream::Entity);
    QueryTrait::query(&mut select)
        .inner_join(stream::Entity, of_queue)
        .left_join(receiver::Entity, of_stream)
        .column((receiver::Entity, receiver::Column::Profile))
        .lock_with_tables_behavior(
            LockType::Update,
            [stream_queue::Entity],
            LockBehavior::SkipLocked,
        );
    let statement = select.build(transaction.get_database_backend());
    let rows = Whole::find_by_statement(statement).all(transaction).await?;
    let rows = rows.into_iter().map(|row| (row.queue.stream_id, row));
    Ok(rows.collect())
}

/// Lets streams that cannot be read rest for a while, so that they are in nobody's way.
async fn set_aside(
    transaction: &DatabaseTransaction,
    streams: Vec<Uuid>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if streams.is_empty() {
        return Ok(());
    }
    let resume = row::millis(now.after(REST));
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::ResumeAt, Expr::value(resume))
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams)))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn give_to(
    transaction: &DatabaseTransaction,
    worker: WorkerId,
    streams: Vec<Uuid>,
    (now, until): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    if streams.is_empty() {
        return Ok(());
    }
    let epoch = stream_queue::Column::LeaseEpoch.into_expr().add(1);
    let (now, until) = (row::millis(now), row::millis(until));
    let update = stream_queue::Entity::update_many()
        .col_expr(
            stream_queue::Column::LeaseWorker,
            Expr::value(worker.uuid()),
        )
        .col_expr(stream_queue::Column::LeaseEpoch, epoch)
        .col_expr(stream_queue::Column::LeaseUntil, Expr::value(until))
        .col_expr(stream_queue::Column::TakenAt, Expr::value(now))
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams)));
    without_undo(update, transaction).await?;
    Ok(())
}

/// Locks the lease of the fan-out, whoever holds it: until the transaction ends, nothing is fanned out.
pub(super) async fn lock_fan_out(
    transaction: &DatabaseTransaction,
) -> Result<Option<lease::Model>, DbErr> {
    let vacant = lease::ActiveModel {
        name: Set(FAN_OUT.to_owned()),
        worker: Set(Uuid::nil()),
        epoch: Set(0),
        expires_at: Set(0),
    };
    lease::Entity::insert(vacant)
        .on_conflict_do_nothing_on([lease::Column::Name])
        .exec_without_returning(transaction)
        .await?;
    lease::Entity::find_by_id(FAN_OUT)
        .lock_exclusive()
        .only(transaction)
        .await
}

/// Matches the row of the stream if `lease` is its newest; a stream that is gone has none.
///
/// The newest lease counts even after its time: nobody has taken over.
pub(super) fn held(lease: &StreamLease) -> Condition {
    let stream = row::stream_uuid(&lease.stream).unwrap_or_default();
    Condition::all()
        .add(stream_queue::Column::StreamId.eq(stream))
        .add(stream_queue::Column::LeaseWorker.eq(lease.worker.uuid()))
        .add(stream_queue::Column::LeaseEpoch.eq(row::signed(lease.epoch)))
}

/// Whether `lease` is the newest of this queue, as [`held`] has the database say it.
pub(super) fn is_held(queue: &stream_queue::Model, lease: &StreamLease) -> bool {
    queue.lease_worker == Some(lease.worker.uuid()) && queue.lease_epoch == row::signed(lease.epoch)
}

/// An update that leaves the streams it is told of to nobody.
pub(super) fn given_back() -> UpdateMany<stream_queue::Entity> {
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::LeaseUntil, Expr::value(0_i64))
        .col_expr(stream_queue::Column::LeaseWorker, Expr::value(None::<Uuid>))
}

fn fenced(rows: u64) -> Fenced {
    match rows {
        0 => Fenced::LeaseLost,
        _ => Fenced::Stored,
    }
}

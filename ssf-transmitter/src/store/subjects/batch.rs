//! Several changes of subjects in one transaction: decided one after the other in memory, stored together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use ssf_types::{metadata::DefaultSubjects, subject::Subject};
use uuid::Uuid;

use super::{StoredEntry, StoredKey, Wanted};
use crate::{
    domain::{
        coverage::{Place, Span, Step, SubjectOperation, SubjectRefusal, SubjectTerms, step},
        matching::Mask,
    },
    ports::{StoreError, SubjectChanged},
    store::{
        append::chunks,
        entity::{stream_subject, subject_mask, subject_set},
        row,
    },
};

/// Changes that are under way.
pub(super) struct Batch {
    place: Place,
    terms: SubjectTerms,
    sets: HashMap<Uuid, Counts>,
    spans: Vec<HeldSpan>,
    /// The newest span of each entry.
    newest: HashMap<(Uuid, StoredKey), usize>,
    masks: BTreeSet<Mask>,
}

/// The numbers of `subject_set`.
#[derive(Clone, Copy, Default)]
struct Counts {
    keys: u64,
    used_until: u64,
}

/// A span of one entry, with all its keys.
struct HeldSpan {
    stream: Uuid,
    name: StoredKey,
    span: Span,
    verified: bool,
    fate: Fate,
}

/// What is to be stored of a span.
enum Fate {
    /// Its rows are as they were.
    Unchanged(Vec<i64>),
    /// Its rows are another span now.
    Changed(Vec<i64>),
    /// Its rows go.
    Gone(Vec<i64>),
    /// It has no rows yet.
    New(Vec<StoredKey>),
}

impl Fate {
    fn keys(&self) -> u64 {
        let count = match self {
            Self::Unchanged(ids) | Self::Changed(ids) | Self::Gone(ids) => ids.len(),
            Self::New(keys) => keys.len(),
        };
        count as u64
    }

    fn change(&mut self) {
        match self {
            Self::Unchanged(ids) => *self = Self::Changed(std::mem::take(ids)),
            Self::Changed(_) | Self::Gone(_) | Self::New(_) => {}
        }
    }

    fn forget(&mut self) {
        match self {
            Self::Unchanged(ids) | Self::Changed(ids) => *self = Self::Gone(std::mem::take(ids)),
            Self::New(keys) => keys.clear(),
            Self::Gone(_) => {}
        }
    }
}

impl Batch {
    pub(super) fn new(place: Place, terms: SubjectTerms) -> Self {
        Self {
            place,
            terms,
            sets: HashMap::new(),
            spans: Vec::new(),
            newest: HashMap::new(),
            masks: BTreeSet::new(),
        }
    }

    pub(super) fn load_sets(&mut self, rows: Vec<subject_set::Model>) {
        let counts = |row: subject_set::Model| {
            let counts = Counts {
                keys: row::unsigned(row.keys),
                used_until: row::unsigned(row.used_until),
            };
            (row.stream_id, counts)
        };
        self.sets.extend(rows.into_iter().map(counts));
    }

    /// Takes rows as they are stored, oldest first: the keys of one span stand together.
    pub(super) fn load_rows(&mut self, rows: Vec<stream_subject::Model>) {
        for row in rows {
            // Rows are found by their names, which have this length.
            let Ok(name) = row.name.as_slice().try_into().map(StoredKey) else {
                continue;
            };
            let span = read_span(&row);
            let last = self.newest.get(&(row.stream_id, name)).copied();
            if let Some(at) = last
                && self.spans[at].span == span
                && let Fate::Unchanged(ids) = &mut self.spans[at].fate
            {
                ids.push(row.id);
                continue;
            }
            self.newest.insert((row.stream_id, name), self.spans.len());
            self.spans.push(HeldSpan {
                stream: row.stream_id,
                name,
                span,
                verified: row.verified,
                fate: Fate::Unchanged(vec![row.id]),
            });
        }
    }

    /// Makes one change, or says why not.
    pub(super) fn change(&mut self, wanted: &Wanted<'_>) -> SubjectChanged {
        let (change, stream, covers) = (wanted.change, wanted.stream, wanted.covers);
        let entries = match &wanted.entries {
            Ok(entries) => entries,
            Err(unfit) => return SubjectChanged::Refused(SubjectRefusal::Unfit(*unfit)),
        };
        if change.operation == SubjectOperation::Remove
            && change.subject == Subject::stream(&change.stream)
        {
            return SubjectChanged::Refused(SubjectRefusal::StreamItself);
        }
        if let Err(refusal) = self.allow(stream, entries) {
            return SubjectChanged::Refused(refusal);
        }
        let steps: Vec<Step> = entries
            .iter()
            .map(|entry| self.step(stream, covers, change.operation, entry))
            .collect();
        let begun = entries.iter().zip(&steps).filter(|(_, step)| match step {
            Step::Begin(_) => true,
            Step::Keep | Step::Become(_) | Step::Forget => false,
        });
        let added: u64 = begun.map(|(entry, _)| entry.keys.len() as u64).sum();
        let keys = self.sets.entry(stream).or_default().keys;
        if added > 0 && keys.saturating_add(added) > self.terms.keys_max {
            return SubjectChanged::Refused(SubjectRefusal::TooMany);
        }
        for (entry, step) in entries.iter().zip(steps) {
            self.take(stream, entry, step, change.verified);
            if covers == DefaultSubjects::None && change.operation == SubjectOperation::Add {
                self.verify(stream, entry.name, change.verified);
            }
        }
        SubjectChanged::Stored
    }

    fn allow(&mut self, stream: Uuid, entries: &[StoredEntry]) -> Result<(), SubjectRefusal> {
        let set = self.sets.entry(stream).or_default();
        let keys: usize = entries.iter().map(|entry| entry.keys.len()).sum();
        let allowed = (self.terms.pace).allow(set.used_until, keys as u64, self.place.now);
        set.used_until = allowed.map_err(SubjectRefusal::TooFast)?;
        Ok(())
    }

    fn step(
        &self,
        stream: Uuid,
        covers: DefaultSubjects,
        operation: SubjectOperation,
        entry: &StoredEntry,
    ) -> Step {
        let newest = self.newest.get(&(stream, entry.name));
        let span = newest.map(|at| self.spans[*at].span);
        step(covers, operation, span, self.place)
    }

    fn take(&mut self, stream: Uuid, entry: &StoredEntry, step: Step, verified: bool) {
        let at = self.newest.get(&(stream, entry.name)).copied();
        match (step, at) {
            (Step::Begin(span), _) => {
                self.masks.insert(entry.mask);
                self.sets.entry(stream).or_default().keys += entry.keys.len() as u64;
                self.newest.insert((stream, entry.name), self.spans.len());
                self.spans.push(HeldSpan {
                    stream,
                    name: entry.name,
                    span,
                    verified,
                    fate: Fate::New(entry.keys.clone()),
                });
            }
            (Step::Become(span), Some(at)) => {
                self.spans[at].span = span;
                self.spans[at].fate.change();
            }
            (Step::Forget, Some(at)) => {
                self.newest.remove(&(stream, entry.name));
                let set = self.sets.entry(stream).or_default();
                set.keys = set.keys.saturating_sub(self.spans[at].fate.keys());
                self.spans[at].fate.forget();
            }
            (Step::Keep, _) | (Step::Become(_) | Step::Forget, None) => {}
        }
    }

    fn verify(&mut self, stream: Uuid, name: StoredKey, verified: bool) {
        if let Some(at) = self.newest.get(&(stream, name))
            && self.spans[*at].verified != verified
        {
            self.spans[*at].verified = verified;
            self.spans[*at].fate.change();
        }
    }

    /// Stores what is different.
    pub(super) async fn store(self, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
        let (mut new, mut gone) = (Vec::new(), Vec::<i64>::new());
        let mut changed: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for held in self.spans {
            let ends = (held.span.through_position, held.span.until, held.verified);
            match &held.fate {
                Fate::Unchanged(_) => {}
                Fate::Changed(ids) => changed.entry(ends).or_default().extend(ids),
                Fate::Gone(ids) => gone.extend(ids),
                Fate::New(keys) => new.extend(keys.iter().map(|key| held.row(*key))),
            }
        }
        for chunk in chunks(gone) {
            stream_subject::Entity::delete_many()
                .filter(stream_subject::Column::Id.is_in(chunk))
                .exec(transaction)
                .await?;
        }
        for ((through, until, verified), ids) in changed {
            let through = Expr::value(through.map(row::signed));
            let until = Expr::value(until.map(row::millis));
            for chunk in chunks(ids) {
                stream_subject::Entity::update_many()
                    .col_expr(stream_subject::Column::ThroughPosition, through.clone())
                    .col_expr(stream_subject::Column::UntilAt, until.clone())
                    .col_expr(stream_subject::Column::Verified, Expr::value(verified))
                    .filter(stream_subject::Column::Id.is_in(chunk))
                    .exec(transaction)
                    .await?;
            }
        }
        for chunk in chunks(new) {
            stream_subject::Entity::insert_many(chunk)
                .exec_without_returning(transaction)
                .await?;
        }
        store_masks(transaction, self.masks).await?;
        store_sets(transaction, self.sets).await
    }
}

impl HeldSpan {
    fn row(&self, key: StoredKey) -> stream_subject::ActiveModel {
        stream_subject::ActiveModel {
            id: NotSet,
            key: Set(key.to_vec()),
            stream_id: Set(self.stream),
            name: Set(self.name.to_vec()),
            verified: Set(self.verified),
            after_position: Set(row::signed(self.span.after_position)),
            from_at: Set(row::millis(self.span.from)),
            through_position: Set(self.span.through_position.map(row::signed)),
            until_at: Set(self.span.until.map(row::millis)),
        }
    }
}

fn read_span(row: &stream_subject::Model) -> Span {
    Span {
        after_position: row::unsigned(row.after_position),
        from: row::moment(row.from_at),
        through_position: row.through_position.map(row::unsigned),
        until: row.until_at.map(row::moment),
    }
}

async fn store_masks(
    transaction: &DatabaseTransaction,
    masks: BTreeSet<Mask>,
) -> Result<(), StoreError> {
    if masks.is_empty() {
        return Ok(());
    }
    let row = |mask: Mask| subject_mask::ActiveModel {
        bits: Set(mask.bits().into()),
    };
    subject_mask::Entity::insert_many(masks.into_iter().map(row))
        .on_conflict_do_nothing_on([subject_mask::Column::Bits])
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn store_sets(
    transaction: &DatabaseTransaction,
    sets: HashMap<Uuid, Counts>,
) -> Result<(), StoreError> {
    let counts = OnConflict::column(subject_set::Column::StreamId)
        .update_columns([subject_set::Column::Keys, subject_set::Column::UsedUntil])
        .to_owned();
    let row = |(stream, counts): (Uuid, Counts)| subject_set::ActiveModel {
        stream_id: Set(stream),
        keys: Set(row::signed(counts.keys)),
        used_until: Set(row::signed(counts.used_until)),
    };
    for chunk in chunks(sets.into_iter().map(row).collect()) {
        subject_set::Entity::insert_many(chunk)
            .on_conflict(counts.clone())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

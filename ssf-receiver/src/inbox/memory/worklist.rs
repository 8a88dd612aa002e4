//! What handlers have done, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use ssf_types::time::Timestamp;

use super::MemoryInbox;
use crate::{
    inbox::{
        InboxError, ReceivedSet,
        forgetting::{Forgotten, LOOKED_AT_MAX, Over},
        worklist::{Came, Settled, Work, Worklist, shortened},
    },
    work::{Again, DeadLetter, HandlerName},
};

#[derive(Debug, Default)]
pub(super) struct Worklists {
    /// SETs by their rows, from 1 in the order in which they came.
    sets: BTreeMap<i64, ReceivedSet>,
    of: HashMap<HandlerName, OfHandler>,
}

#[derive(Debug, Default)]
struct OfHandler {
    done: i64,
    aside: BTreeMap<i64, Aside>,
}

#[derive(Debug)]
struct Aside {
    failed: u32,
    /// Absent for a dead letter.
    due_at: Option<Timestamp>,
    error: String,
}

impl Worklists {
    pub(super) fn add(&mut self, set: &ReceivedSet) {
        self.sets.insert(self.last() + 1, set.clone());
    }

    fn last(&self) -> i64 {
        // The last one stays.
        self.sets.last_key_value().map_or(0, |(row, _)| *row)
    }

    fn rows(&self) -> impl Iterator<Item = (i64, &ReceivedSet)> {
        self.sets.iter().map(|(row, set)| (*row, set))
    }

    fn work(&self, row: i64, failed: u32) -> Option<Work> {
        let set = self.sets.get(&row)?;
        Some(Work {
            row,
            issuer: set.issuer.clone(),
            claims: set.claims.clone(),
            received_at: set.received_at,
            failed,
        })
    }

    /// Forgets SETs, which are returned, by the same rules as any inbox.
    pub(super) fn forget(&mut self, over: &Over, after: i64) -> (Forgotten, Vec<ReceivedSet>) {
        let behind = self.sets.range(after.saturating_add(1)..);
        let looked_at = behind.map(|(row, set)| (*row, set.received_at));
        let looked_at: Vec<(i64, Timestamp)> = looked_at.take(LOOKED_AT_MAX).collect();
        let done = over
            .handlers
            .iter()
            .map(|one| self.of.get(one).map_or(0, |of| of.done));
        let may_go = done.fold(self.last() - 1, i64::min);
        let is_waiting = |row: &i64| {
            let aside = self.of.values().filter_map(|of| of.aside.get(row));
            aside.into_iter().any(|aside| aside.due_at.is_some())
        };
        let rows = looked_at.iter().map(|(row, _)| *row);
        let gone: Vec<i64> = rows
            .filter(|row| *row <= may_go && !is_waiting(row))
            .filter(|row| {
                let set = self.sets.get(row);
                set.is_some_and(|set| over.concerns(set.issuer.as_str(), set.received_at))
            })
            .collect();
        let sets: Vec<ReceivedSet> = gone
            .iter()
            .filter_map(|row| self.sets.remove(row))
            .collect();
        for of in self.of.values_mut() {
            of.aside.retain(|row, _| !gone.contains(row));
        }
        (Forgotten::step(sets.len(), &looked_at, over), sets)
    }

    /// What lies aside and is called with again, by when that is due.
    fn waiting(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> Vec<(Timestamp, i64, u32)> {
        let aside = self.of.get(handler).into_iter().flat_map(|of| &of.aside);
        let mut waiting: Vec<_> = aside
            .filter(|(row, _)| !under_way.contains(*row))
            .filter_map(|(row, aside)| Some((aside.due_at?, *row, aside.failed)))
            .collect();
        waiting.sort_unstable();
        waiting
    }
}

impl Worklist for MemoryInbox {
    async fn enlist(&self, handler: &HandlerName) -> Result<i64, InboxError> {
        let lists = &mut self.state().worklists;
        let last = lists.last();
        let of = lists.of.entry(handler.clone());
        let of = of.or_insert_with(|| OfHandler {
            done: last,
            ..OfHandler::default()
        });
        Ok(of.done)
    }

    async fn fresh(&self, after: i64, limit: u64) -> Result<Vec<Work>, InboxError> {
        let lists = &self.state().worklists;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = lists.rows().filter(|(row, _)| *row > after).take(limit);
        Ok(rows.filter_map(|(row, _)| lists.work(row, 0)).collect())
    }

    async fn due(
        &self,
        handler: &HandlerName,
        now: Timestamp,
        limit: u64,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<Work>, InboxError> {
        let lists = &self.state().worklists;
        let waiting = lists.waiting(handler, under_way).into_iter();
        Ok(waiting
            .take_while(|(due_at, ..)| *due_at <= now)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .filter_map(|(_, row, failed)| lists.work(row, failed))
            .collect())
    }

    async fn next_due(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> Result<Option<Timestamp>, InboxError> {
        let waiting = self.state().worklists.waiting(handler, under_way);
        Ok(waiting.first().map(|(due_at, ..)| *due_at))
    }

    async fn settle(
        &self,
        handler: &HandlerName,
        done: i64,
        settled: &[Settled],
    ) -> Result<(), InboxError> {
        let lists = &mut self.state().worklists;
        let of = lists.of.entry(handler.clone()).or_default();
        of.done = done;
        for Settled { row, came } in settled {
            let (failed, due_at, error) = match came {
                Came::Done => {
                    of.aside.remove(row);
                    continue;
                }
                Came::Failed {
                    failed,
                    due_at,
                    error,
                } => (*failed, Some(*due_at), error),
                Came::Dead { failed, error } => (*failed, None, error),
            };
            let aside = Aside {
                failed,
                due_at,
                error: shortened(error).to_owned(),
            };
            of.aside.insert(*row, aside);
        }
        Ok(())
    }

    async fn dead(&self, handler: &HandlerName, limit: u64) -> Result<Vec<DeadLetter>, InboxError> {
        let lists = &self.state().worklists;
        let aside = lists.of.get(handler).into_iter().flat_map(|of| &of.aside);
        let dead = aside.filter(|(_, aside)| aside.due_at.is_none());
        let letter = |(row, aside): (&i64, &Aside)| {
            let set = lists.sets.get(row)?;
            Some(DeadLetter {
                issuer: set.issuer.to_string(),
                jti: set.jti.to_string(),
                received_at: set.received_at,
                failed: aside.failed,
                error: aside.error.clone(),
            })
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(dead.filter_map(letter).take(limit).collect())
    }

    async fn again(
        &self,
        handler: &HandlerName,
        which: &Again,
        now: Timestamp,
    ) -> Result<u64, InboxError> {
        let lists = &mut self.state().worklists;
        let is_dead = |row: i64| {
            let aside = lists.of.get(handler).and_then(|of| of.aside.get(&row));
            aside.is_some_and(|aside| aside.due_at.is_none())
        };
        let is_meant = |row: i64, set: &ReceivedSet| match which {
            Again::Dead => is_dead(row),
            Again::Jti(jti) => set.jti.as_str() == jti,
            Again::Received { since, until } => (*since..*until).contains(&set.received_at),
        };
        let rows = lists.rows().filter(|(row, set)| is_meant(*row, set));
        let rows: Vec<i64> = rows.map(|(row, _)| row).collect();
        let of = lists.of.entry(handler.clone()).or_default();
        for row in &rows {
            let aside = Aside {
                failed: 0,
                due_at: Some(now),
                error: String::new(),
            };
            of.aside.insert(*row, aside);
        }
        Ok(rows.len() as u64)
    }
}

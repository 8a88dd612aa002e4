//! The table that is current, its one writer, and another table that is being made to take its place.

use std::{
    array, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};

use super::{
    Revocation, ScopeId, State,
    details::Details,
    rebuild::Rebuild,
    registers::Registers,
    scope::{SCOPES_MAX, ScopeSet},
    table::{NoRoom, Slots, Table},
    tag::Tag,
    watermark::{AllWatermarks, Watermarks},
    word::{Entry, Lag, Word},
};

/// Most words that are carried over while writers wait. More are carried over before that, round by round.
const LAST_ROUND_MAX: usize = 1024;

/// Most rounds, after which writers wait for all that is left.
const ROUNDS_MAX: usize = 16;

/// Another table is made if one entry of so many is over; with fewer, they stay until one is made anyway.
const WORTH_IT: usize = 8;

/// How long to wait between two looks whether somebody still reads a former table.
const READER_PATIENCE: Duration = Duration::from_millis(1);

/// How often to look. A decision takes less than a microsecond; only a thread that was stopped in its midst reads longer.
const LOOKS_MAX: usize = 1000;

/// How many revocations there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For so many there is room from the beginning.
    pub room_for: usize,
    /// Most of one transmitter, states apart; at least 1. Beyond, the oldest tenth is forgotten, and sessions as old have to be
    /// renewed.
    pub most: u32,
}

impl Default for Limits {
    /// A million of each transmitter, which take up to 44 MB.
    fn default() -> Self {
        Self {
            room_for: 0,
            most: 1_000_000,
        }
    }
}

/// All entries. Who reads takes no lock; who writes waits for other writers only, or for room.
#[derive(Debug)]
pub(super) struct Entries {
    current: ArcSwap<Table>,
    writer: Mutex<Writer>,
    /// Told when another table has taken the place of the current one.
    replaced: Condvar,
    /// Bytes of the table that is being made.
    making: AtomicUsize,
    watermarks: AllWatermarks,
    /// Most entries of each scope that may be forgotten.
    limits: [AtomicU32; SCOPES_MAX],
}

#[derive(Debug, Default)]
struct Writer {
    /// What was put into the current table since another one is being made of it.
    journal: Option<Vec<(Tag, Word)>>,
    registers: Registers,
    /// When the newest revocation was received.
    newest: u32,
}

impl Entries {
    /// None yet, with room for so many.
    pub(super) fn new(Limits { room_for, most }: Limits) -> Self {
        Self {
            current: ArcSwap::from_pointee(Table::new(Slots::for_entries(room_for))),
            writer: Mutex::default(),
            replaced: Condvar::new(),
            making: AtomicUsize::new(0),
            watermarks: AllWatermarks::default(),
            limits: array::from_fn(|_| AtomicU32::new(most.max(1))),
        }
    }

    /// Keeps so many of a scope from now on; at least 1.
    pub(super) fn limit(&self, scope: ScopeId, most: u32) {
        self.limits[usize::from(scope.number())].store(most.max(1), Ordering::Relaxed);
    }

    fn limit_of(&self, scope: ScopeId) -> u32 {
        self.limits[usize::from(scope.number())].load(Ordering::Relaxed)
    }

    /// The current table: it has whatever was written before, and stays as long as somebody reads it.
    pub(super) fn table(&self) -> Guard<Arc<Table>> {
        self.current.load()
    }

    /// Up to when revocations of a scope may have been forgotten, for whoever has looked at the table before.
    pub(super) fn watermarks(&self, scope: ScopeId) -> Watermarks {
        self.watermarks.of(scope)
    }

    /// How often something of a scope was forgotten, for whoever has looked at the table before.
    #[cfg(feature = "client")]
    pub(super) fn era(&self, scope: ScopeId) -> u64 {
        self.watermarks.era(scope)
    }

    /// What all tables take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.table().bytes() + self.making.load(Ordering::Relaxed)
    }

    /// Merges a revocation into what is known; when this returns, each reader that starts sees it.
    pub(super) fn apply(self: &Arc<Self>, revocation: &Revocation) {
        let tag = Tag::of(revocation.key);
        loop {
            let mut writer = self.writer();
            writer.newest = writer.newest.max(revocation.until);
            let table = self.table();
            let known = table.word(tag, revocation.kind).map(Word::entry);
            let is_new = known.is_none();
            let known = known.map(|entry| (writer.registers.known(revocation), entry));
            let Some(entry) = merged(known, revocation, table.details()) else {
                return;
            };
            let is_added = is_new && entry.may_be_forgotten();
            let put = if is_added && table.forgettable(entry.scope) >= self.limit_of(entry.scope) {
                Err(NoRoom)
            } else {
                writer.put(&table, tag, entry.into())
            };
            if put.is_ok() {
                writer.registers.keep(revocation);
            }
            let begins = writer.begin_another(self.has_to_change(&table));
            drop(table); // whoever lets it go does not wait for somebody who waits
            if begins {
                drop(writer);
                self.make_another();
            } else if put.is_err() {
                let waited = self.replaced.wait(writer);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            if put.is_ok() {
                return;
            }
        }
    }

    /// Takes it that revocations of a scope are missing that were received up to then.
    pub(super) fn raise(&self, scope: ScopeId, watermarks: Watermarks) {
        self.watermarks.raise(scope, watermarks);
        self.watermarks.begin_era(scope);
    }

    /// Forgets what was received up to then: the watermarks rise to the latest of that.
    pub(super) fn forget(self: &Arc<Self>, scope: ScopeId, over: Watermarks) {
        let newest = self.writer().newest;
        let table = self.table();
        let own = table.entries().map(|(_, word)| word.entry());
        let own = own.filter(|entry| entry.scope == scope && entry.may_be_forgotten());
        let forgotten = own.map(|entry| (entry.kind, entry.until(newest)));
        let forgotten = forgotten.filter(|(kind, until)| over.cover(*kind, *until));
        let (count, reached) = forgotten.fold(
            (0, Watermarks::default()),
            |(count, reached), (kind, until)| (count + 1, reached.with(kind, until)),
        );
        self.watermarks.raise(scope, reached);
        let is_worth_it = count * WORTH_IT >= table.len().max(1);
        drop(table);
        if self.writer().begin_another(is_worth_it) {
            self.make_another();
        }
    }

    /// How many states would hold with these; 0 if none of them is one.
    pub(super) fn holding_with(&self, revocations: &[Revocation]) -> usize {
        if revocations.iter().all(|one| one.state.is_none()) {
            return 0;
        }
        self.writer().registers.holding_with(revocations)
    }

    /// Whether an entry need not be kept that was received then.
    fn covers(&self, entry: &Entry, until: u32) -> bool {
        entry.may_be_forgotten() && self.watermarks(entry.scope).cover(entry.kind, until)
    }

    /// The scopes of which the oldest entries are to be forgotten: before there are too many, so that nobody waits.
    fn crowded(&self, table: &Table) -> impl Iterator<Item = ScopeId> {
        table.scopes_with(|scope| {
            let limit = self.limit_of(scope);
            limit - limit / 16
        })
    }

    fn has_to_change(&self, table: &Table) -> bool {
        table.is_crowded() || self.crowded(table).next().is_some()
    }

    /// The writer; a panic elsewhere leaves it whole, since nothing is ever half written.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes another table on a thread of its own, or here if there is none to be had.
    fn make_another(self: &Arc<Self>) {
        let entries = Arc::clone(self);
        let thread = thread::Builder::new().name("ssf-index".to_owned());
        if thread.spawn(move || entries.replace()).is_err() {
            self.replace();
        }
    }

    /// Makes other tables until one has room; the journal of the current one has begun.
    fn replace(&self) {
        loop {
            let former = self.current.load_full();
            let newest = self.writer().newest;
            for scope in self.crowded(&former) {
                self.forget_oldest(&former, scope, newest);
            }
            let all = former.entries().map(|(_, word)| word.entry());
            let staying = all.filter(|entry| !self.covers(entry, entry.until(newest)));
            let mut slots = former.slots().changed_for(staying.count());
            while self.replace_by(slots, &former) == Err(NoRoom) {
                slots = slots.doubled();
            }
            self.making.store(0, Ordering::Relaxed);
            self.replaced.notify_all();
            let_go(former);
            let mut writer = self.writer();
            if !writer.begin_another(self.has_to_change(&self.table())) {
                return;
            }
        }
    }

    /// Raises the watermarks of a scope above its oldest tenth, which the next table is then made without.
    fn forget_oldest(&self, table: &Table, scope: ScopeId, newest: u32) {
        let own = || {
            let all = table.entries().map(|(_, word)| word.entry());
            all.filter(|entry| entry.scope == scope && entry.may_be_forgotten())
        };
        let mut untils: Vec<u32> = own().map(|entry| entry.until(newest)).collect();
        if untils.is_empty() {
            return;
        }
        let tenth = untils.len() / 10;
        let oldest = *untils.select_nth_unstable(tenth).1;
        let forgotten = own().map(|entry| (entry.kind, entry.until(newest)));
        let forgotten = forgotten.filter(|(_, until)| *until <= oldest);
        let reached = forgotten.fold(Watermarks::default(), |reached, (kind, until)| {
            reached.with(kind, until)
        });
        self.watermarks.raise(scope, reached);
    }

    /// Puts a table with so many slots in the place of the current one.
    ///
    /// If it has no room for what was written meanwhile, nothing is changed: what the journal had is in the current table.
    fn replace_by(&self, slots: Slots, former: &Table) -> Result<(), NoRoom> {
        let mut rebuild = Rebuild::of(former, slots);
        self.making
            .store(rebuild.table().bytes(), Ordering::Relaxed);
        // Those that are received from here on are in the journal, whatever is taken for their time.
        let newest = self.writer().newest;
        let forgetting = ScopeSet::default();
        rebuild.carry_all(|entry| {
            let stays = !self.covers(entry, entry.until(newest));
            if !stays {
                forgetting.add(entry.scope);
            }
            stays
        })?;
        for round in 1.. {
            let mut writer = self.writer();
            let written = writer.journal.as_mut().map(mem::take).unwrap_or_default();
            if written.len() > LAST_ROUND_MAX && round < ROUNDS_MAX {
                drop(writer);
                rebuild.carry(written)?;
                continue;
            }
            rebuild.carry(written)?;
            // Before the table: who reads that one knows that something is missing in it.
            for scope in forgetting.scopes() {
                self.watermarks.begin_era(scope);
            }
            self.current.store(Arc::new(rebuild.into_table()));
            writer.journal = None;
            break;
        }
        Ok(())
    }
}

impl Writer {
    /// Puts a word into the current table, and remembers it for the one that is being made.
    fn put(&mut self, table: &Table, tag: Tag, word: Word) -> Result<(), NoRoom> {
        table.put(tag, word)?;
        if let Some(journal) = &mut self.journal {
            journal.push((tag, word));
        }
        Ok(())
    }

    /// Begins the journal if another table has to be made and nobody makes one; whoever is told so has to make it.
    fn begin_another(&mut self, has_to_change: bool) -> bool {
        let begins = has_to_change && self.journal.is_none();
        if begins {
            self.journal = Some(Vec::new());
        }
        begins
    }
}

/// What is to be known in place of `known`; `None` if that says as much.
fn merged(
    known: Option<(Option<State>, Entry)>,
    revocation: &Revocation,
    details: &Details,
) -> Option<Entry> {
    let is_later = known.is_none_or(|(state, known)| {
        let detail = details.get(known.detail);
        let new = (
            revocation.state,
            revocation.moment,
            Some(&revocation.detail),
        );
        new > (state, known.moment, detail)
    });
    let lag = Lag::reaching(revocation.moment, revocation.until);
    let mut entry = match known {
        Some((_, known)) if !is_later => known,
        _ => Entry {
            kind: revocation.kind,
            scope: revocation.scope,
            effect: revocation.state.map(|state| state.effect),
            moment: revocation.moment,
            lag,
            detail: details.number(&revocation.detail),
        },
    };
    // Whichever is later, it has to be kept as long as both.
    entry.lag = known.map_or(lag, |(_, known)| known.lag.max(lag));
    (known.map(|(_, known)| known) != Some(entry)).then_some(entry)
}

/// Frees a table once nobody reads it any more: here, and not where a request would pay for it.
fn let_go(former: Arc<Table>) {
    let mut looks = 0..LOOKS_MAX;
    while Arc::strong_count(&former) > 1 && looks.next().is_some() {
        thread::sleep(READER_PATIENCE);
    }
    drop(former);
}

#[cfg(test)]
impl Entries {
    /// Waits until no other table is being made.
    pub(super) fn settled(&self) {
        let mut writer = self.writer();
        while writer.journal.is_some() {
            writer = self.replaced.wait(writer).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::{super::tag::tests::key, *};
    use crate::revocation::{Detail, Kind, Mask, ScopeId};

    fn put(entries: &Arc<Entries>, number: u64, moment: u32) {
        let event = format!("urn:example:{}", number % 100).into();
        entries.apply(&Revocation {
            scope: ScopeId::default(),
            key: key(number),
            mask: Mask::default(),
            kind: Kind::Ended,
            state: None,
            moment,
            until: moment,
            detail: Arc::new(Detail {
                event,
                reason: None,
            }),
        });
    }

    fn entry(table: &Table, number: u64) -> Option<Entry> {
        table
            .word(Tag::of(key(number)), Kind::Ended)
            .map(Word::entry)
    }

    fn moment(entries: &Entries, number: u64) -> Option<u32> {
        entry(&entries.table(), number).map(|entry| entry.moment)
    }

    #[test]
    fn what_was_written_stays_and_keeps_its_detail_however_often_the_table_grows() {
        let entries = Arc::new(Entries::new(Limits::default()));
        for number in 0..50_000 {
            put(&entries, number, 1);
            put(&entries, number / 2, 2);
        }
        entries.settled();
        let table = entries.table();
        assert_eq!(table.len(), 50_000);
        for number in 0..50_000 {
            let entry = entry(&table, number).unwrap();
            assert_eq!(entry.moment, if number < 25_000 { 2 } else { 1 });
            let event = &table.details().get(entry.detail).unwrap().event;
            assert_eq!(**event, *format!("urn:example:{}", number % 100));
        }
    }

    #[test]
    fn whoever_knows_that_something_was_written_sees_it_while_the_table_grows_all_the_time() {
        const WRITTEN: u64 = 100_000;
        let entries = Arc::new(Entries::new(Limits::default()));
        let written = AtomicU64::new(0);
        let read = |salt: u64| {
            let mut turn = salt;
            loop {
                let known = written.load(Ordering::Acquire);
                if known > 0 {
                    turn = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
                    for number in [known - 1, turn % known] {
                        let raised = u32::from(number < known / 2);
                        assert!(
                            moment(&entries, number) >= Some(1 + raised),
                            "{number} of {known}"
                        );
                    }
                }
                if known == WRITTEN {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| read(1));
            scope.spawn(|| read(2));
            for number in 0..WRITTEN {
                put(&entries, number, 1);
                put(&entries, number / 2, 2);
                written.store(number + 1, Ordering::Release);
            }
        });
    }

    #[test]
    fn writers_on_several_threads_lose_nothing_of_each_other() {
        let entries = Arc::new(Entries::new(Limits::default()));
        thread::scope(|scope| {
            for first in 0..4 {
                let entries = &entries;
                scope.spawn(move || {
                    for number in 0..5_000 {
                        put(entries, number * 4 + first, 1);
                        put(entries, number, u32::try_from(first).unwrap());
                    }
                });
            }
        });
        assert_eq!(entries.table().len(), 20_000);
        assert!((0..20_000).all(|number| moment(&entries, number) >= Some(1)));
        assert!((0..5_000).all(|number| moment(&entries, number) == Some(3)));
    }

    #[test]
    fn two_tables_together_take_at_most_66_bytes_for_each_entry() {
        let slots = Slots::for_entries(100_000);
        let former = Table::new(slots);
        let mut entries = 0;
        while !slots.are_crowded_by(entries) {
            entries += 1;
        }
        let both = former.bytes() + Table::new(slots.doubled()).bytes();
        assert!(both <= entries * 66, "{} bytes", both / entries);
    }
}

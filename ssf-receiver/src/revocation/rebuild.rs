//! Another table, made of one that is read and written meanwhile.

use super::{
    table::{NoRoom, Slots, Table},
    tag::Tag,
    word::{DetailId, Entry, Word},
};

/// A table that has what another one had, or will have once all that was written meanwhile is carried over.
///
/// Details that no word points to are left behind.
#[derive(Debug)]
pub(super) struct Rebuild<'f> {
    former: &'f Table,
    table: Table,
    /// What the numbers of the former table's details are in this one.
    numbers: Vec<Option<DetailId>>,
}

impl<'f> Rebuild<'f> {
    pub(super) fn of(former: &'f Table, slots: Slots) -> Self {
        Self {
            former,
            table: Table::new(slots),
            numbers: Vec::new(),
        }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn into_table(self) -> Table {
        self.table
    }

    /// Carries over what the former table has and is to stay; what it gets meanwhile may be missing.
    pub(super) fn carry_all(&mut self, stays: impl Fn(&Entry) -> bool) -> Result<(), NoRoom> {
        let all = self.former.entries();
        self.carry(all.filter(|(_, word)| stays(&word.entry())))
    }

    /// Carries over words of the former table, in the order in which they were written.
    pub(super) fn carry(
        &mut self,
        words: impl IntoIterator<Item = (Tag, Word)>,
    ) -> Result<(), NoRoom> {
        for (tag, word) in words {
            let entry = word.entry();
            let detail = self.number(entry.detail);
            self.table.put(tag, Entry { detail, ..entry }.into())?;
        }
        Ok(())
    }

    fn number(&mut self, former: DetailId) -> DetailId {
        let place = usize::from(former.0);
        if self.numbers.len() <= place {
            self.numbers.resize(place + 1, None);
        }
        *self.numbers[place].get_or_insert_with(|| {
            let detail = self.former.details().get(former);
            detail.map_or_else(DetailId::default, |detail| {
                self.table.details().number(detail)
            })
        })
    }
}

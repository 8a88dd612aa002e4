//! What users may be told, each once: words point to it by number.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Detail, word::DetailId};

/// Details that are made room for at once.
const PAGE: usize = 1024;

const PAGES: usize = 64;

/// Most details; number 0 is none of them.
const COUNT_MAX: usize = PAGES * PAGE - 1;

/// Most bytes of all details, so that a Transmitter with a reason for each user does not fill the memory.
const BYTES_MAX: usize = 16 << 20;

/// Details for which there is room beyond those with a reason: without, there is one for each type of event.
const BARE_MAX: usize = 1024;

/// Bytes that only details without a reason may take.
const BARE_BYTES_MAX: usize = 2 << 20;

/// What a detail takes besides its texts, and each of its texts besides its bytes: pointers, lengths, and nodes of maps.
const OVERHEAD_BYTES: usize = 128;

type Page = Box<[OnceLock<Arc<Detail>>]>;

/// Details by number; they are only ever added.
///
/// Where there is no room for a reason, the detail without it takes its place, and users read our own sentence.
#[derive(Debug)]
pub(super) struct Details {
    pages: [OnceLock<Page>; PAGES],
    /// For the one writer; readers never look at it.
    numbers: Mutex<BTreeMap<Arc<Detail>, DetailId>>,
    bytes: AtomicUsize,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            pages: [const { OnceLock::new() }; PAGES],
            numbers: Mutex::default(),
            bytes: AtomicUsize::new(0),
        }
    }
}

impl Details {
    /// The detail with that number; `None` if there was no room for it.
    pub(super) fn get(&self, DetailId(number): DetailId) -> Option<&Arc<Detail>> {
        let place = usize::from(number).checked_sub(1)?;
        self.pages.get(place / PAGE)?.get()?[place % PAGE].get()
    }

    /// The number of a detail, which is added if it is not there.
    pub(super) fn number(&self, detail: &Arc<Detail>) -> DetailId {
        let bare = || {
            let event = Arc::clone(&detail.event);
            self.known_or_added(&Arc::new(Detail {
                event,
                reason: None,
            }))
        };
        let number = self.known_or_added(detail);
        number.or_else(bare).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn known_or_added(&self, detail: &Arc<Detail>) -> Option<DetailId> {
        // A panic elsewhere leaves the map whole: a detail is in it once it is in its place.
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = numbers.get(detail) {
            return Some(*known);
        }
        let (count_max, bytes_max) = match detail.reason {
            Some(_) => (COUNT_MAX - BARE_MAX, BYTES_MAX - BARE_BYTES_MAX),
            None => (COUNT_MAX, BYTES_MAX),
        };
        let (place, bytes) = (numbers.len(), bytes(detail));
        if place >= count_max || self.bytes() + bytes > bytes_max {
            return None;
        }
        let page =
            self.pages[place / PAGE].get_or_init(|| (0..PAGE).map(|_| OnceLock::new()).collect());
        let _ = page[place % PAGE].set(Arc::clone(detail)); // it was free: details stand in the order of their numbers
        let number = DetailId(u16::try_from(place + 1).ok()?);
        numbers.insert(Arc::clone(detail), number);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(number)
    }
}

fn bytes(detail: &Detail) -> usize {
    let reason = detail.reason.iter().flat_map(|texts| texts.iter());
    let texts = reason.map(|(tag, text)| OVERHEAD_BYTES + tag.len() + text.len());
    OVERHEAD_BYTES + detail.event.len() + texts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use ssf_types::event::language::{TEXT_BYTES_MAX, Texts};

    use super::*;

    const EVENT: &str = "urn:example:event";

    fn told(reason: &str) -> Arc<Detail> {
        let reason = Texts::new([("en", reason)]).unwrap();
        Arc::new(Detail {
            event: EVENT.into(),
            reason: Some(Arc::new(reason)),
        })
    }

    fn reason_of(details: &Details, number: DetailId) -> Option<String> {
        let reason = details.get(number)?.reason.as_ref()?;
        Some(reason.choose(None).1.to_owned())
    }

    #[test]
    fn a_detail_has_one_number_however_often_it_is_told() {
        let details = Details::default();
        let (a, b) = (details.number(&told("a")), details.number(&told("b")));
        assert_ne!(a, b);
        assert_eq!(details.number(&told("a")), a);
        assert_eq!(reason_of(&details, a).as_deref(), Some("a"));
        assert_eq!(reason_of(&details, b).as_deref(), Some("b"));
        assert!(details.get(DetailId::default()).is_none());
        assert!(details.get(DetailId(u16::MAX)).is_none());
    }

    #[test]
    fn where_there_is_no_number_for_another_reason_the_event_is_kept_without_it() {
        let details = Details::default();
        let last = COUNT_MAX - BARE_MAX - 1;
        for number in 0..=last {
            details.number(&told(&number.to_string()));
        }
        assert_eq!(
            reason_of(&details, details.number(&told("0"))).as_deref(),
            Some("0")
        );
        let number = details.number(&told("one more"));
        assert_eq!(reason_of(&details, number), None);
        assert_eq!(&*details.get(number).unwrap().event, EVENT);
    }

    #[test]
    fn reasons_take_a_limited_number_of_bytes() {
        let details = Details::default();
        for number in 0..BYTES_MAX / TEXT_BYTES_MAX {
            details.number(&told(&format!("{number:0TEXT_BYTES_MAX$}")));
        }
        assert!(details.bytes() <= BYTES_MAX - BARE_BYTES_MAX + 1024);
        let number = details.number(&told("one more of 4 KiB"));
        assert!(details.get(number).is_some());
    }

    #[test]
    fn a_detail_without_room_has_no_number() {
        let details = Details::default();
        for number in 0..=COUNT_MAX {
            let event = format!("urn:example:{number}").into();
            details.number(&Arc::new(Detail {
                event,
                reason: None,
            }));
        }
        assert_eq!(details.number(&told("a")), DetailId::default());
        assert!(details.bytes() <= BYTES_MAX);
    }
}

//! How many more streams somebody takes, and of whom.

use std::collections::HashMap;

use super::id::ReceiverId;

/// So many candidates are looked at for each stream that is taken: others than those of a Receiver that has its share are
/// found among them, or by the next look, which leaves that Receiver out.
const CANDIDATES: usize = 4;

/// Room for streams, of which one Receiver gets its share and no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Room {
    streams: usize,
    share: usize,
    taken: HashMap<ReceiverId, usize>,
}

impl Room {
    /// Room for so many streams; a Receiver has `share` at most, of which `taken` are gone.
    pub fn new(streams: usize, share: usize, taken: HashMap<ReceiverId, usize>) -> Self {
        Self {
            streams,
            share,
            taken,
        }
    }

    /// Room for so many streams, whoever's they are.
    pub fn of(streams: usize) -> Self {
        Self::new(streams, streams, HashMap::new())
    }

    /// How many streams are worth looking at.
    pub fn candidates(&self) -> u64 {
        let candidates = if self.taken.is_empty() && self.streams <= self.share {
            self.streams
        } else {
            self.streams.saturating_mul(CANDIDATES)
        };
        u64::try_from(candidates).unwrap_or(u64::MAX)
    }

    /// The Receivers that have their share already.
    pub fn full(&self) -> impl Iterator<Item = ReceiverId> {
        let is_full = |(_, taken): &(&ReceiverId, &usize)| **taken >= self.share;
        self.taken.iter().filter(is_full).map(|(id, _)| *id)
    }

    /// Takes a stream of this Receiver; whether there was room for it.
    pub fn take(&mut self, receiver: ReceiverId) -> bool {
        let taken = self.taken.entry(receiver).or_default();
        if self.streams == 0 || *taken >= self.share {
            return false;
        }
        *taken += 1;
        self.streams -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn receiver(number: u128) -> ReceiverId {
        ReceiverId::new(Uuid::from_u128(number))
    }

    #[test]
    fn a_receiver_gets_its_share_and_others_the_rest() {
        let mut room = Room::new(3, 2, HashMap::from([(receiver(1), 1)]));
        assert_eq!(room.full().count(), 0);
        assert!(room.take(receiver(1)));
        assert!(!room.take(receiver(1)));
        assert_eq!(room.full().collect::<Vec<_>>(), [receiver(1)]);
        assert!(room.take(receiver(2)));
        assert!(room.take(receiver(3)));
        assert!(!room.take(receiver(4)));
    }

    #[test]
    fn more_are_looked_at_than_taken_where_some_may_be_left_out() {
        assert_eq!(Room::of(5).candidates(), 5);
        assert_eq!(Room::new(5, 2, HashMap::new()).candidates(), 20);
        let taken = HashMap::from([(receiver(1), 1)]);
        assert_eq!(Room::new(5, 8, taken).candidates(), 20);
    }
}

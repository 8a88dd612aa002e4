//! How many more streams somebody takes, and of whom.

use std::collections::HashMap;

use super::id::ReceiverId;

/// So many candidates are looked at for each stream that is taken: others than those of a Receiver that has its share, or than
/// those in trouble, are found among them, or by the next look, which leaves out whoever has its share.
const CANDIDATES: usize = 4;

/// Room for streams, of which one Receiver gets its share and no more, and streams in trouble get theirs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Room {
    streams: usize,
    share: usize,
    taken: HashMap<ReceiverId, usize>,
    troubled: usize,
}

impl Room {
    /// Room for so many streams, in trouble or not; a Receiver has `share` at most, of which `taken` are gone.
    pub fn new(streams: usize, share: usize, taken: HashMap<ReceiverId, usize>) -> Self {
        Self {
            streams,
            share,
            taken,
            troubled: streams,
        }
    }

    /// The same room, in which `troubled` more streams at most are in trouble.
    #[must_use]
    pub fn with_troubled(self, troubled: usize) -> Self {
        Self { troubled, ..self }
    }

    /// Room for so many streams, whoever's they are.
    pub fn of(streams: usize) -> Self {
        Self::new(streams, streams, HashMap::new())
    }

    /// How many streams are worth looking at.
    pub fn candidates(&self) -> u64 {
        let takes_all = self.taken.is_empty() && self.streams <= self.share.min(self.troubled);
        let candidates = if takes_all {
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

    /// Whether streams in trouble have their share already.
    pub fn is_full_of_trouble(&self) -> bool {
        self.troubled == 0
    }

    /// Whether somebody has its share already, so that streams may be left out.
    pub fn is_shared_out(&self) -> bool {
        self.is_full_of_trouble() || self.full().next().is_some()
    }

    /// Whether there is room for any.
    pub fn is_left(&self) -> bool {
        self.streams > 0
    }

    /// Takes a stream of this Receiver, which is in trouble or not; whether there was room for it.
    pub fn take(&mut self, receiver: ReceiverId, is_troubled: bool) -> bool {
        let taken = self.taken.entry(receiver).or_default();
        let is_kept_back = is_troubled && self.troubled == 0;
        if self.streams == 0 || *taken >= self.share || is_kept_back {
            return false;
        }
        *taken += 1;
        if is_troubled {
            self.troubled -= 1;
        }
        self.streams -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SOUND: bool = false;
    const TROUBLED: bool = true;

    fn receiver(number: u128) -> ReceiverId {
        ReceiverId::new(Uuid::from_u128(number))
    }

    #[test]
    fn a_receiver_gets_its_share_and_others_the_rest() {
        let mut room = Room::new(3, 2, HashMap::from([(receiver(1), 1)]));
        assert_eq!(room.full().count(), 0);
        assert!(!room.is_shared_out());
        assert!(room.take(receiver(1), SOUND));
        assert!(!room.take(receiver(1), SOUND));
        assert_eq!(room.full().collect::<Vec<_>>(), [receiver(1)]);
        assert!(room.is_shared_out());
        assert!(room.take(receiver(2), SOUND));
        assert!(room.is_left());
        assert!(room.take(receiver(3), SOUND));
        assert!(!room.is_left());
        assert!(!room.take(receiver(4), SOUND));
    }

    #[test]
    fn streams_in_trouble_get_their_share_and_others_the_rest() {
        let mut room = Room::of(4).with_troubled(2);
        assert!(!room.is_full_of_trouble());
        assert!(room.take(receiver(1), TROUBLED));
        assert!(room.take(receiver(2), TROUBLED));
        assert!(room.is_full_of_trouble() && room.is_shared_out());
        assert!(!room.take(receiver(3), TROUBLED));
        assert!(room.take(receiver(3), SOUND));
        assert!(room.take(receiver(1), SOUND));
        assert!(!room.take(receiver(4), SOUND));
    }

    #[test]
    fn whoever_is_in_trouble_may_have_all_of_a_room_that_is_not_shared() {
        let mut room = Room::of(2);
        assert!(room.take(receiver(1), SOUND));
        assert!(!room.is_full_of_trouble());
        assert!(room.take(receiver(1), TROUBLED));
        assert!(!room.take(receiver(1), TROUBLED));
    }

    #[test]
    fn more_are_looked_at_than_taken_where_some_may_be_left_out() {
        assert_eq!(Room::of(5).candidates(), 5);
        assert_eq!(Room::new(5, 2, HashMap::new()).candidates(), 20);
        let taken = HashMap::from([(receiver(1), 1)]);
        assert_eq!(Room::new(5, 8, taken).candidates(), 20);
        assert_eq!(Room::of(5).with_troubled(4).candidates(), 20);
        assert_eq!(Room::of(5).with_troubled(9).candidates(), 5);
    }
}

//! The states of verifications that were asked for (SSF 1.0 §8.1.4.2).

use std::{collections::VecDeque, time::Duration};

/// Most states that are remembered: as many as are asked for in half an hour and more.
const STATES_MAX: usize = 8;

/// How long a state counts: a verification may wait at the Transmitter behind others, and come again.
const STATE_LIFE: Duration = Duration::from_hours(1);

/// States, with the moment at which each was sent.
#[derive(Debug, Default)]
pub(crate) struct States(VecDeque<(String, Duration)>);

impl States {
    /// Remembers a state; to be done before it is sent, since the event may overtake the answer to the request.
    pub(crate) fn sent(&mut self, state: String, now: Duration) {
        if self.0.len() == STATES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((state, now));
    }

    /// When this state was sent; `None` for one that was not, or too long ago.
    pub(crate) fn sent_at(&self, state: &str, now: Duration) -> Option<Duration> {
        let (_, at) = self.0.iter().find(|(sent, _)| sent == state)?;
        (now.saturating_sub(*at) <= STATE_LIFE).then_some(*at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_counts_for_an_hour_as_often_as_it_comes() {
        let mut states = States::default();
        let sent = Duration::from_secs(7);
        states.sent("a".to_owned(), sent);
        assert_eq!(states.sent_at("b", sent), None);
        for later in [0, 1, 3600] {
            let now = sent + Duration::from_secs(later);
            assert_eq!(states.sent_at("a", now), Some(sent));
        }
        assert_eq!(states.sent_at("a", sent + Duration::from_secs(3601)), None);
    }

    #[test]
    fn the_eldest_of_nine_is_forgotten() {
        let mut states = States::default();
        for number in 0..9 {
            states.sent(number.to_string(), Duration::ZERO);
        }
        assert_eq!(states.sent_at("0", Duration::ZERO), None);
        assert!(states.sent_at("1", Duration::ZERO).is_some());
        assert!(states.sent_at("8", Duration::ZERO).is_some());
    }
}

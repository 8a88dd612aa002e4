//! Whether events about one user came in the order in which they were accepted.

use crate::event::Event;

/// How many of these events came behind the next one about the same user.
///
/// They are those of one stream, in the order of [`Event`], each with its place among the first arrivals. A source hands one
/// event in after the other, so that the order of those that it was told to be accepted is known, and of no others.
pub(crate) fn overtaken<'e>(firsts: impl Iterator<Item = (&'e Event, usize)>) -> usize {
    let firsts: Vec<(&Event, usize)> = firsts.collect();
    let neighbours = firsts.iter().zip(firsts.iter().skip(1));
    neighbours
        .filter(|((event, came), (next, next_came))| event.user == next.user && came > next_came)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(numbers: &[(&str, u64)]) -> Vec<Event> {
        let event = |(user, number): &(&str, u64)| Event {
            user: (*user).to_owned(),
            number: *number,
        };
        numbers.iter().map(event).collect()
    }

    #[test]
    fn an_event_that_comes_behind_a_later_one_about_its_user_is_counted() {
        let events = events(&[("a", 0), ("a", 1), ("a", 3)]);
        assert_eq!(overtaken(events.iter().zip([0, 7, 9])), 0);
        assert_eq!(overtaken(events.iter().zip([0, 9, 7])), 1);
        assert_eq!(overtaken(events.iter().zip([9, 7, 0])), 2);
    }

    #[test]
    fn users_pass_each_other() {
        let events = events(&[("a", 0), ("a", 1), ("b", 0), ("b", 1)]);
        assert_eq!(overtaken(events.iter().zip([5, 6, 1, 2])), 0);
    }
}

//! A time for which the database was gone, and what those noticed who handed events in.

use std::time::{Duration, Instant};

use crate::{found::Found, source::HandIn};

/// An answer that takes so long is one that waited for the database.
const WAITED: Duration = Duration::from_secs(1);

/// Longest time until an answer: a request waits for up to 10 s for a connection, and a database that stands still is gone for
/// 5 s. The client would give up after 30 s.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// From one moment to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absence {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Absence {
    /// Demands that the absence was noticed: that a request which was under way meanwhile was not answered 202, or waited for
    /// that; and that all were answered, and none too late.
    pub(crate) fn check_noticed(self, found: &mut Found, requests: &[HandIn]) {
        let meanwhile = |one: &&HandIn| one.began < self.until && one.ended > self.from;
        let meanwhile: Vec<&HandIn> = requests.iter().filter(meanwhile).collect();
        let is_hindered = |one: &&&HandIn| !one.is_accepted() || one.took() >= WAITED;
        let hindered = meanwhile.iter().filter(is_hindered).count();
        let refused = meanwhile.iter().filter(|one| !one.is_accepted()).count();
        let slowest = requests.iter().map(HandIn::took).max().unwrap_or_default();
        println!(
            "of {} requests meanwhile, {hindered} had to wait or were refused ({refused}); the slowest answer took {slowest:.1?}",
            meanwhile.len(),
        );
        found.check(hindered > 0, "nobody noticed that the database was gone");
        let unanswered = requests.iter().filter(|one| one.status == 0).count();
        let told = format!("{unanswered} requests were not answered");
        found.check(unanswered == 0, told);
        let told = format!("an answer took {slowest:?}");
        found.check(slowest <= ANSWER_MAX, told);
    }

    /// Demands that nothing that was handed in meanwhile was accepted meanwhile.
    pub(crate) fn check_complete(self, found: &mut Found, requests: &[HandIn]) {
        let is_within = |one: &&HandIn| one.began >= self.from && one.ended <= self.until;
        let within = requests.iter().filter(is_within);
        let accepted = within.filter(|one| one.is_accepted()).count();
        let told = format!("{accepted} requests were answered 202 while the database was gone");
        found.check(accepted == 0, told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong where these were handed in, at seconds of an absence from 10 to 15.
    fn wrong(requests: &[(u64, u64, u16)]) -> Vec<String> {
        let origin = Instant::now();
        let at = |second: u64| origin + Duration::from_secs(second);
        let absence = Absence {
            from: at(10),
            until: at(15),
        };
        let request = |(began, ended, status): &(u64, u64, u16)| HandIn {
            began: at(*began),
            ended: at(*ended),
            status: *status,
        };
        let requests: Vec<HandIn> = requests.iter().map(request).collect();
        let mut found = Found::after("a stone");
        found.expected = 1;
        absence.check_noticed(&mut found, &requests);
        absence.check_complete(&mut found, &requests);
        found.wrong().collect()
    }

    #[test]
    fn who_waits_until_the_database_is_back_or_is_refused_has_noticed() {
        assert_eq!(wrong(&[(9, 16, 202)]), [""; 0]);
        assert_eq!(wrong(&[(11, 11, 503), (15, 16, 202)]), [""; 0]);
    }

    #[test]
    fn what_is_accepted_meanwhile_shows_that_nothing_was_gone() {
        let expected = [
            "nobody noticed that the database was gone",
            "1 requests were answered 202 while the database was gone",
        ];
        assert_eq!(wrong(&[(11, 11, 202)]), expected);
    }

    #[test]
    fn no_answer_and_a_late_one_are_told() {
        let expected = ["1 requests were not answered", "an answer took 30s"];
        assert_eq!(wrong(&[(11, 41, 0)]), expected);
    }
}

//! What kind of world a seed makes.

use super::chance;

/// How rough a world is; rates are in thousandths.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    pub(crate) applications: usize,
    /// The last application polls.
    pub(crate) polls: bool,
    /// What is done is forgotten soon.
    pub(crate) forgets: bool,
    pub(crate) users: usize,
    pub(crate) events: u64,
    /// Requests to the database that fail before anything happened.
    pub(crate) unavailable: u64,
    /// Requests to the database that are done, and answered by an error.
    pub(crate) untold: u64,
    /// Requests and answers that get lost.
    pub(crate) lost: u64,
    /// Requests that come twice.
    pub(crate) doubled: u64,
    /// Pushes that somebody in front of the application answers: busy, broken, not authorised.
    pub(crate) turned_away: u64,
    /// SETs that are refused.
    pub(crate) refused: u64,
    /// Attempts that find no place at their host.
    pub(crate) crowded: u64,
    /// How long a message is under way at most, in milliseconds.
    pub(crate) delay_max: u64,
    /// How long a signature takes at most, in milliseconds.
    pub(crate) signing_max: u64,
    /// How often something breaks.
    pub(crate) accidents: u64,
}

impl Plan {
    pub(crate) fn draw() -> Self {
        // Each rate is nil in some worlds, so that what it hides is seen.
        let rate = |max: u64| {
            if chance::happens(300) {
                return 0;
            }
            chance::within(0..=max)
        };
        let one_to = |max: u64| usize::try_from(chance::within(1..=max)).unwrap();
        let refused = rate(60);
        Self {
            nodes: one_to(3),
            applications: one_to(2),
            polls: chance::happens(500),
            // Of what was refused, what is forgotten is lost.
            forgets: refused == 0 && chance::happens(500),
            users: one_to(4),
            events: chance::within(4..=20),
            unavailable: rate(30),
            untold: rate(30),
            lost: rate(250),
            doubled: rate(250),
            turned_away: rate(150),
            refused,
            crowded: rate(100),
            delay_max: [2, 50, 700][chance::index(3)],
            signing_max: [3, 3, 500][chance::index(3)],
            accidents: chance::within(0..=6),
        }
    }

    /// A database that one node has for itself.
    pub(crate) fn is_alone(&self) -> bool {
        self.nodes == 1
    }
}

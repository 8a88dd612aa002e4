//! What is found out after a fault, and its row of the table.

use std::time::Duration;

/// The columns of [`Found::row`].
pub(crate) const HEAD: &str = "| fault | injected | to be delivered | delivered | lost | out of order | again, under the same `jti` | under a second `jti` | not accepted | not verified | ledger off by | took |\n|---|---|---|---|---|---|---|---|---|---|---|---|";

/// What has become of everything that was accepted.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) injected: &'static str,
    /// Deliveries of accepted events, over all streams.
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    /// Deliveries of accepted events that came behind one of a later event about the same user.
    pub(crate) overtaken: u64,
    /// SETs that came again, under the same name, and so without effect.
    pub(crate) repeated: u64,
    pub(crate) renamed: u64,
    /// Events that were delivered although it was answered that they were not accepted.
    pub(crate) unexpected: u64,
    /// SETs whose signature or claims could not be verified.
    pub(crate) unverified: u64,
    pub(crate) imbalance: u64,
    wrong: Vec<String>,
}

impl Found {
    pub(crate) fn after(injected: &'static str) -> Self {
        Self {
            injected,
            ..Self::default()
        }
    }

    /// Notes what did not hold, unless it did.
    pub(crate) fn check(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.push(what.into());
        }
    }

    /// Everything that should not be.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = String> {
        let counts = [
            ("lost", self.lost),
            ("out of order", self.overtaken),
            ("under a second jti", self.renamed),
            ("not accepted, and delivered", self.unexpected),
            ("not verified", self.unverified),
            ("imbalance", self.imbalance),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        let nothing = (self.expected == 0).then(|| "nothing was accepted".to_owned());
        counts
            .map(|(what, count)| format!("{what}: {count}"))
            .chain(nothing)
            .chain(self.wrong.iter().cloned())
    }

    pub(crate) fn row(&self, name: &str, took: Duration) -> String {
        let Self {
            injected,
            expected,
            delivered,
            lost,
            overtaken,
            repeated,
            renamed,
            unexpected,
            unverified,
            imbalance,
            wrong: _,
        } = self;
        let seconds = took.as_secs();
        format!(
            "| {name} | {injected} | {expected} | {delivered} | {lost} | {overtaken} | {repeated} | {renamed} | {unexpected} | {unverified} | {imbalance} | {seconds} s |"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_not_be_is_told() {
        let mut found = Found {
            expected: 3,
            delivered: 2,
            lost: 1,
            repeated: 5,
            ..Found::after("a stone")
        };
        found.check(true, "this holds");
        found.check(false, "the window is broken");
        let wrong: Vec<String> = found.wrong().collect();
        assert_eq!(wrong, ["lost: 1", "the window is broken"]);
    }

    #[test]
    fn a_fault_without_load_shows_nothing() {
        let wrong: Vec<String> = Found::default().wrong().collect();
        assert_eq!(wrong, ["nothing was accepted"]);
    }
}

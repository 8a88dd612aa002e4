//! What happens at a transmitter by itself.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{chance::Chance, event_types};

/// The n-th event of a run, of a type that is among these, about somebody of its own; none if there is no type.
pub(super) fn event(seed: u64, number: u64, types: &BTreeSet<String>) -> Option<Value> {
    let known: Vec<_> = event_types::published()
        .filter(|known| types.contains(known.uri))
        .collect();
    let at = usize::try_from(number % (known.len() as u64).max(1)).unwrap_or_default();
    let kind = known.get(at)?;
    let somebody = Chance::of(seed, &format!("event {number}")).word();
    let since_epoch = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(json!({
        "sub_id": { "format": "email", "email": format!("{somebody}@ssf-conformance.example.com") },
        "events": { kind.uri: kind.payload(since_epoch.as_secs()) },
    }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a peer tells others what time it is, which are elsewhere"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_events_and_each_is_about_somebody_else() {
        let types: BTreeSet<_> = event_types::published()
            .take(2)
            .map(|known| known.uri.to_owned())
            .collect();
        let subject =
            |seed, number| event(seed, number, &types).unwrap()["sub_id"]["email"].clone();
        assert_eq!(subject(1, 7), subject(1, 7));
        assert_ne!(subject(1, 7), subject(1, 8));
        assert_ne!(subject(1, 7), subject(2, 7));
        let kind = |number| {
            event(1, number, &types).unwrap()["events"]
                .as_object()
                .unwrap()
                .keys()
                .next()
                .cloned()
        };
        assert!(kind(0) != kind(1) && kind(0) == kind(2));
        assert_eq!(event(1, 0, &BTreeSet::new()), None);
    }
}

//! Which kinds of chaos there are in a run, and the chance that they follow.

use std::collections::BTreeSet;

use super::{Kind, Peers};

/// No kind of chaos has this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no chaos {name}; there are none, all, {}", .known.join(", "))]
pub struct NoSuchKind {
    /// The name.
    pub name: String,
    /// Those that there are.
    pub known: Vec<&'static str>,
}

/// What was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The kinds.
    pub kinds: BTreeSet<Kind>,
    /// What repeats the chance of a run.
    pub seed: u64,
}

impl Chosen {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            kinds: BTreeSet::new(),
            seed: 0,
        }
    }

    /// Everything that a peer has.
    pub fn all(peers: Peers, seed: u64) -> Self {
        Self {
            kinds: peers.kinds().collect(),
            seed,
        }
    }

    /// This kind alone.
    pub fn only(kind: Kind, seed: u64) -> Self {
        Self {
            kinds: BTreeSet::from([kind]),
            seed,
        }
    }

    /// Those of these names, without those; without a name, all. `all` and `none` are names.
    ///
    /// # Errors
    /// A name is none.
    pub fn named(
        peers: Peers,
        names: &[String],
        without: &[String],
        seed: u64,
    ) -> Result<Self, NoSuchKind> {
        let mut kinds = kinds_of(peers, names)?;
        if names.is_empty() {
            kinds.extend(peers.kinds());
        }
        let without = kinds_of(peers, without)?;
        kinds.retain(|kind| !without.contains(kind));
        Ok(Self { kinds, seed })
    }

    /// Whether a kind is among them.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// The kinds of these names.
fn kinds_of(peers: Peers, names: &[String]) -> Result<BTreeSet<Kind>, NoSuchKind> {
    let mut kinds = BTreeSet::new();
    for name in names {
        match name.as_str() {
            "none" => {}
            "all" => kinds.extend(peers.kinds()),
            name => {
                let kind = peers.named(name).ok_or_else(|| NoSuchKind {
                    name: name.to_owned(),
                    known: peers.kinds().map(Kind::name).collect(),
                })?;
                kinds.insert(kind);
            }
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[&str], without: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let chosen = Chosen::named(Peers::Transmitter, &owned(names), &owned(without), 1);
        chosen.unwrap().kinds.into_iter().map(Kind::name).collect()
    }

    #[test]
    fn without_a_name_there_is_everything() {
        assert_eq!(kinds(&[], &[]).len(), Peers::Transmitter.kinds().count());
        assert_eq!(kinds(&["all"], &[]), kinds(&[], &[]));
    }

    #[test]
    fn names_are_added_and_taken_away() {
        assert_eq!(kinds(&["busy", "odd-ids"], &[]), ["odd-ids", "busy"]);
        assert_eq!(kinds(&["none"], &[]), Vec::<&str>::new());
        assert!(!kinds(&[], &["slow"]).contains(&"slow"));
        assert_eq!(kinds(&[], &["all"]), Vec::<&str>::new());
        assert_eq!(kinds(&["busy"], &["none"]), ["busy"]);
    }

    #[test]
    fn a_name_that_there_is_not_is_told_with_those_that_there_are() {
        let error = Chosen::named(Peers::Transmitter, &["buzy".to_owned()], &[], 1).unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("no chaos buzy") && told.contains("busy"),
            "{told}"
        );
    }

    #[test]
    fn each_kind_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Peers::Transmitter.kinds().map(Kind::name).collect();
        assert_eq!(names.len(), Peers::Transmitter.kinds().count());
        assert!(!names.contains(""));
    }
}

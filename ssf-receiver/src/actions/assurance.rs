//! Whether an assurance level got worse.

use std::collections::BTreeMap;

use ssf_types::event::caep::{AssuranceLevelChange, ChangeDirection};

/// Levels of assurance that the application wants, by namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assurance(BTreeMap<String, Levels>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Levels {
    /// From the lowest to the highest.
    ordered: Vec<String>,
    /// The place of the lowest that will do.
    least: usize,
}

/// What became of a level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    Worse,
    Better,
    Unknown,
}

/// The least level is not one of the levels.
#[derive(Debug, thiserror::Error)]
#[error("the least level of assurance has to be one of the levels that are listed")]
pub struct UnknownLevel;

impl Assurance {
    /// Wants at least a level, of levels that are listed from the lowest to the highest.
    ///
    /// # Errors
    /// It is not one of them.
    pub fn want(
        &mut self,
        namespace: impl Into<String>,
        ordered: Vec<String>,
        least: &str,
    ) -> Result<(), UnknownLevel> {
        let place = ordered.iter().position(|level| level == least);
        let least = place.ok_or(UnknownLevel)?;
        self.0.insert(namespace.into(), Levels { ordered, least });
        Ok(())
    }

    /// Below the least that is wanted is worse, whatever it was before; else the direction decides, told or followed from the
    /// two levels.
    pub(super) fn judge(&self, change: &AssuranceLevelChange) -> Change {
        let levels = self.0.get(&change.namespace);
        let place = |level: &str| {
            let levels = levels?;
            levels.ordered.iter().position(|one| one == level)
        };
        let now = place(&change.current_level);
        if let (Some(now), Some(levels)) = (now, levels)
            && now < levels.least
        {
            return Change::Worse;
        }
        match change.change_direction {
            Some(ChangeDirection::Decrease) => Change::Worse,
            Some(ChangeDirection::Increase) => Change::Better,
            None => match (change.previous_level.as_deref().and_then(place), now) {
                (Some(before), Some(now)) if now < before => Change::Worse,
                (Some(before), Some(now)) if now > before => Change::Better,
                _ => Change::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(current: &str, direction: Option<ChangeDirection>) -> AssuranceLevelChange {
        let mut change = AssuranceLevelChange::new("NIST-AAL", current);
        change.change_direction = direction;
        change
    }

    fn wanted() -> Assurance {
        let mut assurance = Assurance::default();
        let levels = ["nist-aal1", "nist-aal2", "nist-aal3"].map(str::to_owned);
        assurance
            .want("NIST-AAL", levels.to_vec(), "nist-aal2")
            .unwrap();
        assurance
    }

    #[test]
    fn without_levels_that_are_wanted_the_direction_decides() {
        let none = Assurance::default();
        let judge = |direction| none.judge(&change("nist-aal1", direction));
        assert_eq!(judge(Some(ChangeDirection::Decrease)), Change::Worse);
        assert_eq!(judge(Some(ChangeDirection::Increase)), Change::Better);
        assert_eq!(judge(None), Change::Unknown);
    }

    #[test]
    fn a_level_below_the_least_is_worse_even_after_an_increase() {
        let up = Some(ChangeDirection::Increase);
        assert_eq!(wanted().judge(&change("nist-aal1", up)), Change::Worse);
        assert_eq!(wanted().judge(&change("nist-aal2", up)), Change::Better);
        let down = Some(ChangeDirection::Decrease);
        assert_eq!(wanted().judge(&change("nist-aal2", down)), Change::Worse);
    }

    #[test]
    fn a_direction_that_is_not_told_follows_from_two_levels_that_are_known() {
        let judge = |before: &str, now| {
            let mut change = change(now, None);
            change.previous_level = Some(before.to_owned());
            wanted().judge(&change)
        };
        assert_eq!(judge("nist-aal3", "nist-aal2"), Change::Worse);
        assert_eq!(judge("nist-aal2", "nist-aal3"), Change::Better);
        assert_eq!(judge("nist-aal2", "nist-aal2"), Change::Unknown);
        assert_eq!(judge("another", "nist-aal2"), Change::Unknown);
    }

    #[test]
    fn the_least_level_is_one_of_the_levels() {
        let mut assurance = Assurance::default();
        let levels = vec!["low".to_owned()];
        assert!(assurance.want("x", levels, "high").is_err());
    }
}

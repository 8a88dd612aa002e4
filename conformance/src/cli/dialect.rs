//! Which dialect the SETs of a run are written in, if it is not judged by SSF 1.0.

use crate::{case::Profile, push::Dialect};

/// By what a run judges a receiver.
pub(super) struct By {
    pub(super) profiles: Vec<Profile>,
    /// How its SETs are written.
    pub(super) dialect: Option<Dialect>,
}

/// The run has no clear dialect.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialectError {
    #[error("the profile legacy needs a dialect, one of {}", names())]
    None,
    #[error(
        "the profile legacy is judged in a run of its own: its SETs are written in another way"
    )]
    AmongOthers,
    #[error("a dialect is for the profile legacy")]
    Unused,
}

/// The dialect of a run by these profiles, of a receiver that has this one.
pub(super) fn of_run(
    profiles: &[Profile],
    dialect: Option<Dialect>,
) -> Result<Option<Dialect>, DialectError> {
    if !profiles.contains(&Profile::Legacy) {
        return Ok(None);
    }
    if profiles.iter().any(|profile| *profile != Profile::Legacy) {
        return Err(DialectError::AmongOthers);
    }
    dialect.map(Some).ok_or(DialectError::None)
}

/// Reads the name of a dialect.
pub(super) fn named(name: &str) -> Result<Dialect, String> {
    Dialect::named(name).ok_or_else(|| format!("a dialect is one of {}", names()))
}

fn names() -> String {
    Dialect::ALL.map(Dialect::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_counts_for_the_profile_of_older_drafts_alone() {
        let okta = Some(Dialect::Okta);
        let of = |profiles: &[Profile], dialect| of_run(profiles, dialect);
        assert_eq!(of(&[Profile::Ssf], okta).unwrap(), None);
        assert_eq!(of(&[Profile::Legacy], okta).unwrap(), okta);
        assert!(matches!(
            of(&[Profile::Legacy], None),
            Err(DialectError::None)
        ));
        assert!(matches!(
            of(&[Profile::Ssf, Profile::Legacy], okta),
            Err(DialectError::AmongOthers)
        ));
    }
}

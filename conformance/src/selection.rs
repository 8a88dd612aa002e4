//! Which cases of the catalogue a run has.

use crate::case::{Case, Profile};

/// Which cases to run. What is empty excludes nothing; all that is given has to fit.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids of cases, or requirements that they judge: `SSF-T-122.empty-list`, `SSF-T-122`.
    pub ids: Vec<String>,
    /// Beginnings of sections, such as `SSF 1.0 §8.1.1` or `RFC 8936`.
    pub sections: Vec<String>,
    /// Tags, one of which has to be there.
    pub tags: Vec<String>,
    /// Profiles, in one of which the case has to be.
    pub profiles: Vec<Profile>,
}

impl Selection {
    /// The cases that fit, in their order.
    pub fn of<'a>(
        &'a self,
        cases: impl IntoIterator<Item = &'static Case> + 'a,
    ) -> impl Iterator<Item = &'static Case> + 'a {
        cases.into_iter().filter(|case| self.has(case))
    }

    fn has(&self, case: &Case) -> bool {
        let any = |wanted: &[String], fits: &dyn Fn(&str) -> bool| {
            wanted.is_empty() || wanted.iter().any(|wanted| fits(wanted))
        };
        let in_profile = |profile: &Profile| case.profiles.contains(profile);
        any(&self.ids, &|id| case.id == id || case.is_about(id))
            && any(&self.sections, &|section| is_in(case.section, section))
            && any(&self.tags, &|tag| case.tags.contains(&tag))
            && (self.profiles.is_empty() || self.profiles.iter().any(in_profile))
    }
}

/// Whether a section is `wanted` or below it: `§8.1` has `§8.1.1` and not `§8.10`.
fn is_in(section: &str, wanted: &str) -> bool {
    let bare = wanted.trim();
    section.match_indices(bare).any(|(at, _)| {
        let before = section.get(..at).unwrap_or_default();
        let after = section.get(at + bare.len()..).unwrap_or_default();
        let begins = before.is_empty() || before.ends_with([' ', '§']);
        begins && (after.is_empty() || after.starts_with(['.', ' ']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static CASES: [Case; 2] = [
        Case {
            id: "SSF-T-100.created",
            section: "SSF 1.0 §8.1.1.1",
            tags: &["create"],
            ..Case::MANAGEMENT
        },
        Case {
            id: "POLL-T-001.empty-body",
            also: &["POLL-T-002"],
            section: "RFC 8936 §2.2",
            tags: &["poll"],
            profiles: &[Profile::CaepInterop],
            ..Case::MANAGEMENT
        },
    ];

    fn chosen(selection: &Selection) -> Vec<&'static str> {
        selection.of(&CASES).map(|case| case.id).collect()
    }

    #[test]
    fn without_a_wish_everything_is_chosen() {
        assert_eq!(chosen(&Selection::default()).len(), 2);
    }

    #[test]
    fn a_requirement_stands_for_its_cases() {
        for id in ["SSF-T-100", "SSF-T-100.created"] {
            let ids = vec![id.to_owned()];
            let selection = Selection {
                ids,
                ..Selection::default()
            };
            assert_eq!(chosen(&selection), ["SSF-T-100.created"]);
        }
    }

    #[test]
    fn a_case_is_chosen_by_what_it_judges_besides() {
        let ids = vec!["POLL-T-002".to_owned()];
        let selection = Selection {
            ids,
            ..Selection::default()
        };
        assert_eq!(chosen(&selection), ["POLL-T-001.empty-body"]);
    }

    #[test]
    fn a_section_has_what_is_below_it_and_not_its_neighbour() {
        for (wanted, fits) in [
            ("SSF 1.0 §8.1", true),
            ("§8.1.1", true),
            ("8.1.1.1", true),
            ("SSF 1.0", true),
            ("8.1.1.10", false),
            ("§8.1.1.1.1", false),
            ("1.1.1", false),
        ] {
            assert_eq!(is_in("SSF 1.0 §8.1.1.1", wanted), fits, "{wanted}");
        }
        assert!(!is_in("SSF 1.0 §8.10", "§8.1"));
    }

    #[test]
    fn all_that_is_given_has_to_fit() {
        let selection = Selection {
            tags: vec!["create".to_owned(), "poll".to_owned()],
            profiles: vec![Profile::Ssf],
            ..Selection::default()
        };
        assert_eq!(chosen(&selection), ["SSF-T-100.created"]);
    }
}

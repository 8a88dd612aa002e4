//! Whether an event's subject is one that was added to a stream (SSF 1.0 §8.1.3.1).

use super::{ComplexSubject, SimpleSubject, Subject};

impl Subject {
    /// Whether an event about `event` concerns this subject of a stream.
    ///
    /// Two simple subjects match if they are identical. Two complex subjects match if every member that both have is
    /// identical, and they have at least one in common. A simple and a complex subject never match.
    pub fn matches(&self, event: &Self) -> bool {
        match (self, event) {
            (Self::Simple(added), Self::Simple(event)) => added.matches(event),
            (Self::Complex(added), Self::Complex(event)) => added.matches(event),
            (Self::Simple(_), Self::Complex(_)) | (Self::Complex(_), Self::Simple(_)) => false,
        }
    }
}

impl SimpleSubject {
    /// Whether the two are identical, or one alias of the one is identical to one of the other.
    pub fn matches(&self, event: &Self) -> bool {
        let forms: Vec<String> = self
            .alternatives()
            .iter()
            .map(Self::matching_form)
            .collect();
        event
            .alternatives()
            .iter()
            .any(|identifier| forms.contains(&identifier.matching_form()))
    }
}

impl ComplexSubject {
    fn matches(&self, event: &Self) -> bool {
        let mut common = self
            .members()
            .filter_map(|(name, added)| event.member(name).map(|event| (added, event)));
        let Some((added, event)) = common.next() else {
            return false;
        };
        added.matches(event) && common.all(|(added, event)| added.matches(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(json: &str) -> Subject {
        serde_json::from_str(json).unwrap()
    }

    fn matches(added: &str, event: &str) -> bool {
        subject(added).matches(&subject(event))
    }

    const USER: &str = r#""user":{"format":"email","email":"jane@example.com"}"#;

    #[test]
    fn identical_simple_subjects_match() {
        assert!(matches(
            r#"{"format":"email","email":"jane@example.com"}"#,
            r#"{"email":"jane@EXAMPLE.com","format":"email"}"#
        ));
        assert!(!matches(
            r#"{"format":"email","email":"jane@example.com"}"#,
            r#"{"format":"email","email":"joe@example.com"}"#
        ));
    }

    #[test]
    fn a_member_that_one_side_lacks_matches_anything() {
        let tenant = r#""tenant":{"format":"opaque","id":"123456789"}"#;
        assert!(matches(
            &format!(r#"{{"format":"complex",{tenant}}}"#),
            &format!(r#"{{"format":"complex",{tenant},{USER}}}"#)
        ));
        let device = r#""device":{"format":"ip-addresses","ip-addresses":["10.29.37.75"]}"#;
        assert!(matches(
            &format!(r#"{{"format":"complex",{USER},{device}}}"#),
            &format!(r#"{{"format":"complex",{USER}}}"#)
        ));
    }

    #[test]
    fn a_member_that_differs_prevents_a_match() {
        let group = |id: &str| {
            format!(
                r#"{{"format":"complex",{USER},"group":{{"format":"did","url":"did:example:{id}"}}}}"#
            )
        };
        assert!(!matches(&group("111"), &group("222")));
    }

    #[test]
    fn complex_subjects_without_a_common_member_do_not_match() {
        assert!(!matches(
            &format!(r#"{{"format":"complex",{USER}}}"#),
            r#"{"format":"complex","device":{"format":"opaque","id":"d"}}"#
        ));
    }

    #[test]
    fn a_simple_subject_does_not_match_a_complex_one() {
        assert!(!matches(
            r#"{"format":"email","email":"jane@example.com"}"#,
            &format!(r#"{{"format":"complex",{USER}}}"#)
        ));
    }

    #[test]
    fn one_common_alias_is_enough() {
        let aliases = r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"7"},{"format":"email","email":"jane@example.com"}]}"#;
        assert!(matches(
            aliases,
            r#"{"format":"email","email":"jane@example.com"}"#
        ));
        assert!(matches(r#"{"format":"opaque","id":"7"}"#, aliases));
        assert!(!matches(r#"{"format":"opaque","id":"8"}"#, aliases));
    }
}

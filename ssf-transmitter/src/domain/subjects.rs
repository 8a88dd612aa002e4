//! Under which of its identifiers a principal is sent to a stream.
//!
//! A source names a principal by all the identifiers it has, as an `aliases` subject, at the top or as a member of a
//! complex one (RFC 9493 §3.2.8). A Receiver gets one of them: it learns no identifier that it does not need, and
//! Receivers that cannot read `aliases` are served.

use ssf_types::subject::{ComplexSubject, SimpleSubject, Subject};

/// Most formats in one preference; RFC 9493 and SSF 1.0 define eleven simple ones.
pub const FORMATS_MAX: usize = 32;

/// The formats from which an identifier is chosen, best first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubjectPreference(Vec<String>);

/// The list cannot be a preference.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a preference has 1 to {FORMATS_MAX} names of simple subject formats, none of them twice, none of them aliases or complex"
)]
pub struct SubjectPreferenceError;

/// A principal has several identifiers and none of them is in a format that the stream gets.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no identifier of {place} is in a format that the stream gets")]
pub struct NoSuitableIdentifier {
    /// The member of the complex subject, or `sub_id`.
    pub place: String,
}

impl Default for SubjectPreference {
    /// First what is unambiguous, then what people read, then the rest.
    fn default() -> Self {
        let formats = [
            "iss_sub",
            "email",
            "account",
            "opaque",
            "phone_number",
            "did",
            "uri",
            "jwt_id",
            "saml_assertion_id",
            "ip-addresses",
        ];
        Self(formats.map(str::to_owned).to_vec())
    }
}

impl SubjectPreference {
    /// Prefers the formats in the order given; others are never chosen from among several.
    ///
    /// # Errors
    /// The list is empty or too long, has a format twice, or names `aliases` or `complex`.
    pub fn new<S: Into<String>>(
        formats: impl IntoIterator<Item = S>,
    ) -> Result<Self, SubjectPreferenceError> {
        let formats: Vec<String> = formats.into_iter().map(Into::into).collect();
        let simple = |format: &String| {
            !format.is_empty() && format != "aliases" && format != ComplexSubject::FORMAT
        };
        let twice = |(at, format): (usize, &String)| formats[..at].contains(format);
        if formats.is_empty()
            || formats.len() > FORMATS_MAX
            || !formats.iter().all(simple)
            || formats.iter().enumerate().any(twice)
        {
            return Err(SubjectPreferenceError);
        }
        Ok(Self(formats))
    }

    /// The formats, best first.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The subject that a stream with this preference gets.
    ///
    /// Each `aliases` in it becomes the entry with the most preferred format, the earlier one of two with the same.
    /// A principal with a single identifier is sent as it is: there is nothing to choose.
    ///
    /// # Errors
    /// An `aliases` has no entry in any of the formats.
    pub fn choose(&self, subject: &Subject) -> Result<Subject, NoSuitableIdentifier> {
        match subject {
            Subject::Simple(simple) => self.choose_simple("sub_id", simple).map(Subject::Simple),
            Subject::Complex(complex) => self.choose_members(complex).map(Subject::Complex),
            other => Ok(other.clone()),
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "the member names come from a complex subject and stay the same"
    )]
    fn choose_members(
        &self,
        complex: &ComplexSubject,
    ) -> Result<ComplexSubject, NoSuitableIdentifier> {
        let members: Vec<(&str, SimpleSubject)> = complex
            .members()
            .map(|(name, member)| Ok((name, self.choose_simple(name, member)?)))
            .collect::<Result<_, _>>()?;
        Ok(ComplexSubject::new(members).expect("a complex subject has fitting members"))
    }

    fn choose_simple(
        &self,
        place: &str,
        subject: &SimpleSubject,
    ) -> Result<SimpleSubject, NoSuitableIdentifier> {
        let SimpleSubject::Aliases { identifiers } = subject else {
            return Ok(subject.clone());
        };
        self.0
            .iter()
            .find_map(|format| identifiers.iter().find(|entry| entry.format() == format))
            .cloned()
            .ok_or_else(|| NoSuitableIdentifier {
                place: place.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(json: &str) -> Subject {
        serde_json::from_str(json).unwrap()
    }

    const ALIASES: &str = r#"{"format":"aliases","identifiers":[{"format":"email","email":"a@b.example"},{"format":"iss_sub","iss":"https://idp.example","sub":"7"},{"format":"email","email":"second@b.example"}]}"#;

    #[test]
    fn the_most_preferred_identifier_is_sent_alone() {
        let chosen = SubjectPreference::default().choose(&subject(ALIASES));
        let expected = subject(r#"{"format":"iss_sub","iss":"https://idp.example","sub":"7"}"#);
        assert_eq!(chosen, Ok(expected));
    }

    #[test]
    fn of_two_identifiers_in_one_format_the_earlier_is_sent() {
        let preference = SubjectPreference::new(["email"]).unwrap();
        let expected = subject(r#"{"format":"email","email":"a@b.example"}"#);
        assert_eq!(preference.choose(&subject(ALIASES)), Ok(expected));
    }

    #[test]
    fn a_member_of_a_complex_subject_is_chosen_the_same_way() {
        let complex = subject(&format!(
            r#"{{"format":"complex","user":{ALIASES},"session":{{"format":"opaque","id":"s"}}}}"#
        ));
        let expected = subject(
            r#"{"format":"complex","user":{"format":"email","email":"a@b.example"},"session":{"format":"opaque","id":"s"}}"#,
        );
        let preference = SubjectPreference::new(["email"]).unwrap();
        assert_eq!(preference.choose(&complex), Ok(expected));
    }

    #[test]
    fn if_no_identifier_fits_the_place_is_named_and_nobody_else() {
        let preference = SubjectPreference::new(["did"]).unwrap();
        let complex = subject(&format!(r#"{{"format":"complex","user":{ALIASES}}}"#));
        let top = preference.choose(&subject(ALIASES)).unwrap_err();
        let user = preference.choose(&complex).unwrap_err();
        assert_eq!(
            top.to_string(),
            "no identifier of sub_id is in a format that the stream gets"
        );
        assert_eq!(
            user.to_string(),
            "no identifier of user is in a format that the stream gets"
        );
    }

    #[test]
    fn a_single_identifier_is_sent_as_it_is() {
        let preference = SubjectPreference::new(["did"]).unwrap();
        let single = subject(r#"{"format":"opaque","id":"1"}"#);
        assert_eq!(preference.choose(&single), Ok(single));
    }

    #[test]
    fn a_preference_that_cannot_choose_is_refused() {
        let none: [&str; 0] = [];
        assert!(SubjectPreference::new(none).is_err());
        assert!(SubjectPreference::new(["email", "email"]).is_err());
        assert!(SubjectPreference::new(["aliases"]).is_err());
        assert!(SubjectPreference::new(["complex"]).is_err());
        assert!(SubjectPreference::new([""]).is_err());
    }
}

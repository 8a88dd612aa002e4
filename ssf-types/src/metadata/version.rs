//! `spec_version`: which draft, or which final version.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// A version of SSF as `spec_version` says it: `1_0`, or `1_0-ID3` for a draft (SSF 1.0 §7.1).
///
/// Versions are ordered, and a draft comes before its final version. Text of another form is kept, and can be compared with
/// nothing but itself.
///
/// ```
/// # use ssf_types::metadata::SpecVersion;
/// let version = |text: &str| SpecVersion::from(text.to_owned());
/// assert!(version("1_0-ID3") < version("1_0"));
/// assert!(version("1_0") < version("1_10-ID1"));
/// assert_eq!(version("latest").partial_cmp(&version("1_0")), None);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SpecVersion {
    /// A version of the known form.
    Numbered {
        /// The number in front of the `_`.
        major: u32,
        /// The number behind the `_`.
        minor: u32,
        /// The number behind `-ID`; a final version has none.
        draft: Option<u32>,
    },
    /// Text of another form.
    Other(String),
}

impl SpecVersion {
    /// `1_0`, which this crate implements.
    pub const SSF_1_0: Self = Self::Numbered {
        major: 1,
        minor: 0,
        draft: None,
    };

    /// `1_0-ID1`, which is meant where `spec_version` is absent.
    pub const WHEN_ABSENT: Self = Self::Numbered {
        major: 1,
        minor: 0,
        draft: Some(1),
    };

    /// Whether this is the final version of its number, as opposed to a draft or text of another form.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Numbered { draft: None, .. })
    }

    fn numbered(text: &str) -> Option<Self> {
        let (number, draft) = match text.split_once("-ID") {
            Some((number, draft)) => (number, Some(canonical(draft)?)),
            None => (text, None),
        };
        let (major, minor) = number.split_once('_')?;
        Some(Self::Numbered {
            major: canonical(major)?,
            minor: canonical(minor)?,
            draft,
        })
    }
}

/// A number that is written as we would write it, so that the text survives.
fn canonical(digits: &str) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

impl PartialOrd for SpecVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (
                Self::Numbered {
                    major,
                    minor,
                    draft,
                },
                Self::Numbered {
                    major: other_major,
                    minor: other_minor,
                    draft: other_draft,
                },
            ) => {
                // A final version comes behind every draft of it.
                let place = |draft: &Option<u32>| draft.map_or(u64::MAX, u64::from);
                let left = (major, minor, place(draft));
                Some(left.cmp(&(other_major, other_minor, place(other_draft))))
            }
            (Self::Other(left), Self::Other(right)) => (left == right).then_some(Ordering::Equal),
            (Self::Numbered { .. }, Self::Other(_)) | (Self::Other(_), Self::Numbered { .. }) => {
                None
            }
        }
    }
}

impl From<String> for SpecVersion {
    fn from(text: String) -> Self {
        Self::numbered(&text).unwrap_or(Self::Other(text))
    }
}

impl From<SpecVersion> for String {
    fn from(version: SpecVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered {
                major,
                minor,
                draft: None,
            } => write!(f, "{major}_{minor}"),
            Self::Numbered {
                major,
                minor,
                draft: Some(draft),
            } => write!(f, "{major}_{minor}-ID{draft}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> SpecVersion {
        SpecVersion::from(text.to_owned())
    }

    #[test]
    fn versions_are_in_the_order_of_their_publication() {
        let ordered = [
            "0_9", "1_0-ID1", "1_0-ID2", "1_0-ID10", "1_0", "1_1-ID1", "1_1", "1_2", "1_10", "2_0",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn text_of_another_form_is_kept_and_compares_with_nothing() {
        for text in [
            "",
            "1",
            "1.0",
            "1_0-id3",
            "1_0-ID",
            "01_0",
            "1_0-ID3-ID4",
            "1_0_0",
            "+1_0",
            "1_4294967296",
        ] {
            assert_eq!(version(text), SpecVersion::Other(text.to_owned()));
            assert_eq!(version(text).partial_cmp(&SpecVersion::SSF_1_0), None);
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn the_constants_are_what_they_say() {
        assert_eq!(version("1_0"), SpecVersion::SSF_1_0);
        assert_eq!(version("1_0-ID1"), SpecVersion::WHEN_ABSENT);
        assert!(SpecVersion::SSF_1_0.is_final());
        assert!(!SpecVersion::WHEN_ABSENT.is_final());
        assert!(!version("latest").is_final());
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "\\PC{0,20}|[0-9]{1,3}_[0-9]{1,3}(-ID[0-9]{1,3})?") {
            prop_assert_eq!(version(&text).to_string(), text);
        }
    }
}

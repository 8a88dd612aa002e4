//! Texts in several languages, and the choice among them by `Accept-Language`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Most languages that one text may have.
pub const LANGUAGES_MAX: usize = 64;

/// Longest text in one language, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Longest language tag, in bytes: what RFC 5646 §4.4.1 tells implementations to expect.
pub const TAG_BYTES_MAX: usize = 35;

/// What a member that holds texts must be.
pub(crate) const TEXTS: &str =
    "an object of 1 to 64 language tags (BCP 47), each with a text of at most 4096 bytes";

/// The pairs of tag and text cannot be one text in several languages.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TextsError {
    /// There is no language.
    #[error("there must be a text in one language at least")]
    Empty,
    /// There are more than [`LANGUAGES_MAX`] languages.
    #[error("a text has at most {LANGUAGES_MAX} languages")]
    TooMany,
    /// A tag is not well formed, or has more than [`TAG_BYTES_MAX`] bytes.
    #[error("a language tag must be well formed (BCP 47), of at most {TAG_BYTES_MAX} bytes")]
    Tag,
    /// A text has more than [`TEXT_BYTES_MAX`] bytes.
    #[error("a text has at most {TEXT_BYTES_MAX} bytes in one language")]
    TooLong,
}

/// One text in at least one language: an object of BCP 47 tags and texts on the wire (CAEP 1.0 §2).
///
/// Printing it for debugging shows the tags alone.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Texts(BTreeMap<String, String>);

impl Texts {
    /// Makes a text from pairs of language tag and text.
    ///
    /// # Errors
    /// Says which rule the pairs break.
    pub fn new<T: Into<String>, U: Into<String>>(
        texts: impl IntoIterator<Item = (T, U)>,
    ) -> Result<Self, TextsError> {
        let texts = texts.into_iter();
        let texts: BTreeMap<String, String> =
            texts.map(|(tag, text)| (tag.into(), text.into())).collect();
        Self::try_from(texts)
    }

    /// All tags with their texts, sorted by tag.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(tag, text)| (tag.as_str(), text.as_str()))
    }

    /// The tag and the text that suit `accept_language` best (RFC 9110 §12.5.4, RFC 4647 §3.4).
    ///
    /// Without a suitable one it is the English text, or else the first.
    ///
    /// # Panics
    /// Never: there is at least one text.
    #[expect(clippy::expect_used, reason = "new() demands at least one text")]
    pub fn choose(&self, accept_language: Option<&str>) -> (&str, &str) {
        let wanted = accept_language.map(ranges).unwrap_or_default();
        wanted
            .iter()
            .find_map(|range| self.look_up(range))
            .or_else(|| self.look_up("en"))
            .or_else(|| self.iter().next())
            .expect("there is at least one text")
    }

    /// The text whose tag equals the range, or its longest prefix; failing that, one that the range is a prefix of.
    fn look_up(&self, range: &str) -> Option<(&str, &str)> {
        let mut range = range;
        loop {
            if let Some(found) = self.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(range)) {
                return Some(found);
            }
            match range.rsplit_once('-') {
                Some((shorter, _)) => range = shorter,
                None => break,
            }
        }
        self.iter().find(|(tag, _)| {
            tag.split('-')
                .next()
                .is_some_and(|first| first.eq_ignore_ascii_case(range))
        })
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl TryFrom<BTreeMap<String, String>> for Texts {
    type Error = TextsError;

    fn try_from(texts: BTreeMap<String, String>) -> Result<Self, TextsError> {
        if texts.is_empty() {
            return Err(TextsError::Empty);
        }
        if texts.len() > LANGUAGES_MAX {
            return Err(TextsError::TooMany);
        }
        if !texts.keys().all(|tag| is_tag(tag)) {
            return Err(TextsError::Tag);
        }
        if texts.values().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(TextsError::TooLong);
        }
        Ok(Self(texts))
    }
}

/// The ranges of an `Accept-Language` header, best first; those with weight zero and `*` are left out.
fn ranges(header: &str) -> Vec<String> {
    let mut ranges: Vec<(u16, String)> = header
        .split(',')
        .take(LANGUAGES_MAX)
        .filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let range = parts.next().filter(|range| is_tag(range))?;
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(Some(1000), thousandths)?;
            (weight > 0).then(|| (weight, range.to_owned()))
        })
        .collect();
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(_, range)| range).collect()
}

/// A weight such as `0.8` in thousandths.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole * 1000 + fraction).min(1000))
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= TAG_BYTES_MAX
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Texts {
        Texts::new([("de-AT", "Servus"), ("en", "Hello"), ("fr", "Bonjour")]).unwrap()
    }

    #[test]
    fn the_best_weight_wins() {
        assert_eq!(
            texts().choose(Some("en;q=0.5, fr;q=0.9")),
            ("fr", "Bonjour")
        );
        assert_eq!(texts().choose(Some("fr;q=0.2,en-GB")), ("en", "Hello"));
    }

    #[test]
    fn a_range_finds_a_shorter_or_a_longer_tag() {
        assert_eq!(texts().choose(Some("fr-CA")), ("fr", "Bonjour"));
        assert_eq!(texts().choose(Some("de")), ("de-AT", "Servus"));
    }

    #[test]
    fn without_a_suitable_language_it_is_english_or_the_first() {
        assert_eq!(texts().choose(Some("ja, fr;q=0")).0, "en");
        assert_eq!(texts().choose(None).0, "en");
        assert_eq!(texts().choose(Some(";;,q=,\u{fffd}")).0, "en");
        assert_eq!(
            Texts::new([("ja", "x"), ("ko", "y")])
                .unwrap()
                .choose(Some("fr"))
                .0,
            "ja"
        );
    }

    #[test]
    fn tags_and_texts_are_checked() {
        let read = |json: &str| serde_json::from_str::<Texts>(json);
        assert!(read(r#"{"es-410":"Hola"}"#).is_ok());
        for json in [
            r"{}",
            r#"{"":"x"}"#,
            r#"{"en_US":"x"}"#,
            r#"{"en":null}"#,
            "[]",
            r#""x""#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!(
            Texts::new([("en", "x".repeat(4097))]),
            Err(TextsError::TooLong)
        );
        assert_eq!(Texts::new([("en_US", "x")]), Err(TextsError::Tag));
    }
}

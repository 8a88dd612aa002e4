//! What a member of an event may hold.

use serde_json::Value;

use crate::subject_formats::SubjectFormat;

/// Beyond this a moment is not in seconds: it is the year 5138, and a moment in milliseconds of 1973.
const SECONDS_MAX: u64 = 99_999_999_999;

/// What a member holds.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// One of these strings, or another that both parties know.
    Known(&'static [&'static str]),
    /// An array of strings.
    Texts,
    /// An object with members.
    Claims,
    /// A moment, as a number of seconds since the epoch.
    Moment,
    /// An object with texts under tags of their languages.
    Languages,
    /// The same, or a string: the specification does not say.
    Reason,
    /// A subject.
    Subject,
}

/// What there is to say of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fit {
    /// It is as it should be.
    Fits,
    /// It is allowed, and its reader has to know more.
    Unknown,
    /// It is not.
    Unfit,
}

impl Form {
    /// What is expected, in words.
    pub fn expected(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::OneOf(values) => format!("one of {}", values.join(", ")),
            Self::Known(values) => {
                format!("one of {}, or another that is known", values.join(", "))
            }
            Self::Texts => "an array of strings".to_owned(),
            Self::Claims => "an object with a member at least".to_owned(),
            Self::Moment => "a number of seconds since the epoch".to_owned(),
            Self::Languages => "an object of texts, each under a language tag".to_owned(),
            Self::Reason => "texts, each under a language tag, or a string".to_owned(),
            Self::Subject => "a subject: format, and the members of that".to_owned(),
        }
    }

    /// Whether a value has the type, whatever it says.
    pub fn has_type(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::OneOf(_) | Self::Known(_) => value.is_string(),
            Self::Texts => value.is_array(),
            Self::Claims | Self::Languages | Self::Subject => value.is_object(),
            Self::Moment => value.is_number(),
            Self::Reason => value.is_object() || value.is_string(),
        }
    }

    /// Whether a value is as it should be.
    pub fn judge(self, value: &Value) -> Fit {
        let fits = match self {
            Self::Text => value.is_string(),
            Self::OneOf(values) => value.as_str().is_some_and(|text| values.contains(&text)),
            Self::Known(values) => {
                return match value.as_str() {
                    Some(text) if values.contains(&text) => Fit::Fits,
                    Some(text) if !text.is_empty() => Fit::Unknown,
                    Some(_) | None => Fit::Unfit,
                };
            }
            Self::Texts => value
                .as_array()
                .is_some_and(|texts| texts.iter().all(Value::is_string)),
            Self::Claims => value.as_object().is_some_and(|claims| !claims.is_empty()),
            Self::Moment => seconds(value).is_some(),
            Self::Languages => is_in_languages(value),
            Self::Reason => value.is_string() || is_in_languages(value),
            Self::Subject => is_subject(value),
        };
        if fits { Fit::Fits } else { Fit::Unfit }
    }
}

/// A moment in whole seconds since the epoch, if it is one; it may have a fraction.
pub fn seconds(moment: &Value) -> Option<u64> {
    let text = moment.as_number()?.to_string();
    let whole: u64 = text.split('.').next()?.parse().ok()?;
    (whole <= SECONDS_MAX).then_some(whole)
}

/// Whether it has a format, and what a known one asks for.
fn is_subject(value: &Value) -> bool {
    let format = value.get("format").and_then(Value::as_str);
    match (format.and_then(SubjectFormat::named), value.as_object()) {
        (Some(known), Some(subject)) => known.is_sound(subject),
        _ => format.is_some(),
    }
}

fn is_in_languages(value: &Value) -> bool {
    let is_text = |(tag, text): (&String, &Value)| is_language_tag(tag) && text.is_string();
    value
        .as_object()
        .is_some_and(|texts| !texts.is_empty() && texts.iter().all(is_text))
}

/// Whether a text has the form of a language tag (RFC 5646 §2.1), whether or not it is registered.
fn is_language_tag(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let primary = subtags.next().unwrap_or_default();
    let is_primary = is_subtag(primary) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_primary && subtags.all(is_subtag)
}

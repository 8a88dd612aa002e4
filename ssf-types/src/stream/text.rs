//! Free text: refused in a request where it is too long, cut in an answer.

use crate::json::{JsonError, Members};

/// Longest `description`, in bytes: a line or two for the people who look after streams.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;

/// A text of at most `bytes_max` bytes. U+0000 is refused, since common databases cannot keep it.
pub(super) fn bounded(
    members: &mut Members<'_>,
    name: &str,
    bytes_max: usize,
) -> Result<Option<String>, JsonError> {
    let Some(raw) = members.take(name) else {
        return Ok(None);
    };
    serde_json::from_str(raw.get())
        .ok()
        .filter(|text: &String| text.len() <= bytes_max && !text.contains('\0'))
        .map(Some)
        .ok_or_else(|| {
            let expected = format!("a string of at most {bytes_max} bytes without U+0000");
            JsonError::invalid(name, expected)
        })
}

/// The first `bytes_max` bytes of a text, or a few less so as not to split a character.
pub(super) fn clipped(
    members: &mut Members<'_>,
    name: &str,
    bytes_max: usize,
) -> Result<Option<String>, JsonError> {
    let mut text: Option<String> = members.optional(name, "a string")?;
    if let Some(text) = &mut text {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        read: impl FnOnce(&mut Members<'_>, &str, usize) -> Result<Option<String>, JsonError>,
        json: &str,
    ) -> Result<Option<String>, String> {
        let mut members = Members::parse(json).unwrap();
        read(&mut members, "reason", 4).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_may_not_exceed_the_limit() {
        assert_eq!(
            read(bounded, r#"{"reason":"four"}"#),
            Ok(Some("four".into()))
        );
        assert_eq!(read(bounded, "{}"), Ok(None));
        for json in [
            r#"{"reason":"fiver"}"#,
            r#"{"reason":"a\u0000"}"#,
            r#"{"reason":null}"#,
            r#"{"reason":7}"#,
        ] {
            assert_eq!(
                read(bounded, json),
                Err("reason must be a string of at most 4 bytes without U+0000".into()),
                "{json}"
            );
        }
    }

    #[test]
    fn an_answer_is_cut_between_characters() {
        assert_eq!(
            read(clipped, r#"{"reason":"fiver"}"#),
            Ok(Some("five".into()))
        );
        assert_eq!(
            read(clipped, r#"{"reason":"abcé"}"#),
            Ok(Some("abc".into()))
        );
        assert_eq!(
            read(clipped, r#"{"reason":7}"#),
            Err("reason must be a string".into())
        );
    }
}

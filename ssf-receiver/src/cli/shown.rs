//! What a transmitter said, on standard output: as JSON, or as lines with `name=value`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// One JSON document.
    Json,
    /// A line for each value, under the names that lead to it.
    Lines,
}

impl Shape {
    /// Writes what a transmitter said.
    ///
    /// # Errors
    /// It cannot be written there.
    pub(crate) fn show(self, said: &impl Serialize) -> io::Result<()> {
        let said = serde_json::to_value(said)?;
        let text = match self {
            Self::Json => format!("{said:#}\n"),
            Self::Lines => {
                let mut text = String::new();
                add_lines("", &said, &mut text);
                text
            }
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// Lists of texts are one line, with commas; other lists have the place of each of their values among the names.
fn add_lines(name: &str, value: &Value, lines: &mut String) {
    let below = |part: &str| {
        if name.is_empty() {
            part.to_owned()
        } else {
            format!("{name}.{part}")
        }
    };
    let text = match value {
        Value::Object(members) => {
            // By name, whichever order the library for JSON keeps.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(part, _)| *part);
            for (part, value) in members {
                add_lines(&below(part), value, lines);
            }
            return;
        }
        Value::Array(values) if !values.iter().all(Value::is_string) => {
            for (at, value) in values.iter().enumerate() {
                add_lines(&below(&at.to_string()), value, lines);
            }
            return;
        }
        Value::Array(values) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            texts.join(",")
        }
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    if !name.is_empty() {
        for part in [&printable(name), "=", &printable(&text), "\n"] {
            lines.push_str(part);
        }
    }
}

/// A line break or a terminal's control sequence in the text of a peer is shown, and not obeyed.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| {
        let escaped = c.is_control().then(|| c.escape_default().to_string());
        escaped.unwrap_or_else(|| c.to_string())
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(value: &Value) -> String {
        let mut lines = String::new();
        add_lines("", value, &mut lines);
        lines
    }

    #[test]
    fn each_value_has_a_line_under_the_names_that_lead_to_it() {
        let stream = json!({
            "aud": ["a", "b"], "delivery": {"method": "urn:ietf:rfc:8936"}, "inactivity_timeout": 60, "stream_id": "1",
        });
        let expected =
            "aud=a,b\ndelivery.method=urn:ietf:rfc:8936\ninactivity_timeout=60\nstream_id=1\n";
        assert_eq!(lines(&stream), expected);
        assert_eq!(lines(&json!([stream]))[..10], *"0.aud=a,b\n");
        assert_eq!(lines(&json!([])), "");
    }

    #[test]
    fn a_text_of_a_peer_adds_no_line_and_moves_no_cursor() {
        let said = json!({"description": "a\nstream_id=2\u{1b}[2J"});
        assert_eq!(lines(&said), "description=a\\nstream_id=2\\u{1b}[2J\n");
    }
}

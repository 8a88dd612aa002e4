//! Text of strangers, made safe to print.

/// Text of a stranger, with what could steer a terminal, turn the reading direction or hide escaped.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |c: char| {
        if steers(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

/// A JSON value in lines, with the same characters escaped in JSON's own way, so that a parser gets them back.
#[cfg(feature = "cli")]
pub(crate) fn printable_json(value: &serde_json::Value) -> String {
    // Outside of strings there is none of them but the ends of the lines.
    let escaped = |c: char| {
        if steers(c) && c != '\n' {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            let units: Vec<String> = units.map(|unit| format!("\\u{unit:04x}")).collect();
            units.concat()
        } else {
            c.to_string()
        }
    };
    format!("{value:#}").chars().map(escaped).collect()
}

/// Whether the character steers a terminal, turns the reading direction, or is not seen at all.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}c é"),
            "a\\u{1b}[2Jb\\u{202e}c é"
        );
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        assert_eq!(
            printable("a\u{61c}b\u{ad}c\u{2060}d\u{e0041}e"),
            "a\\u{61c}b\\u{ad}c\\u{2060}d\\u{e0041}e"
        );
    }

    #[test]
    #[cfg(feature = "cli")]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({ "a\u{9b}31m": ["\u{202e}c é\n\u{e0041}", 1] });
        let printed = printable_json(&value);
        assert!(
            printed.contains("a\\u009b31m") && printed.contains("\\u202ec é\\n\\udb40\\udc41"),
            "{printed}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&printed).unwrap(),
            value
        );
    }
}

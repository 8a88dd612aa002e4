//! Text of strangers, made safe to print.

/// Text of a stranger, with what could steer a terminal or turn the reading direction escaped.
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
    // Outside of strings there is none of them but the ends of the lines; and none needs a surrogate pair.
    let escaped = |c: char| {
        if steers(c) && c != '\n' {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    format!("{value:#}").chars().map(escaped).collect()
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
    #[cfg(feature = "cli")]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({ "a\u{9b}31m": ["\u{202e}c é\n", 1] });
        let printed = printable_json(&value);
        assert!(
            printed.contains("a\\u009b31m") && printed.contains("\\u202ec é\\n"),
            "{printed}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&printed).unwrap(),
            value
        );
    }
}

//! Text of strangers, made safe to print.

/// Text of a stranger, with what could steer a terminal or turn the reading direction escaped.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| {
            if steers(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
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
}

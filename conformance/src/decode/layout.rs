//! JSON text laid out in lines, as it stands: no member is lost or moved, no number written anew.

/// Deepest level that gets lines of its own; what is deeper stays on one.
const LEVELS_MAX: usize = 16;

/// The lines of a JSON text, indented by two blanks for each level.
///
/// Works on any text: where it is not JSON, the lines are merely odd.
pub(crate) fn lines(json: &str) -> Vec<String> {
    let mut layout = Layout::default();
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                layout.line.push(c);
                string(&mut chars, &mut layout.line);
            }
            '{' | '[' => {
                layout.line.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                let empty = chars.next_if(|next| matches!((c, next), ('{', '}') | ('[', ']')));
                match empty {
                    Some(end) => layout.line.push(end),
                    None => layout.open(),
                }
            }
            '}' | ']' => layout.close(c),
            ',' => {
                layout.line.push(c);
                layout.next();
            }
            ':' => layout.line.push_str(": "),
            ' ' | '\t' | '\r' | '\n' => {}
            other => layout.line.push(other),
        }
    }
    layout.finish()
}

/// Takes the rest of a string, whose quotation mark has been read.
fn string(chars: &mut impl Iterator<Item = char>, line: &mut String) {
    while let Some(c) = chars.next() {
        line.push(c);
        match c {
            '"' => return,
            '\\' => line.extend(chars.next()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Layout {
    lines: Vec<String>,
    line: String,
    level: usize,
}

impl Layout {
    fn open(&mut self) {
        self.level += 1;
        self.next();
    }

    fn close(&mut self, end: char) {
        // At the level that is closed, so that the last line of the innermost one stays together.
        let laid_out = self.level <= LEVELS_MAX;
        self.level = self.level.saturating_sub(1);
        if laid_out {
            self.next();
        }
        self.line.push(end);
    }

    fn next(&mut self) {
        if self.level > LEVELS_MAX {
            return;
        }
        let indentation = "  ".repeat(self.level);
        let line = std::mem::replace(&mut self.line, indentation);
        if !line.trim().is_empty() {
            self.lines.push(line);
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.level = 0;
        self.next();
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_get_lines_and_keep_their_bytes() {
        assert_eq!(
            lines(r#"{"a":1.0,"a":[ ],"b":{"c":["x, y",{}]}}"#),
            [
                "{",
                r#"  "a": 1.0,"#,
                r#"  "a": [],"#,
                r#"  "b": {"#,
                r#"    "c": ["#,
                r#"      "x, y","#,
                "      {}",
                "    ]",
                "  }",
                "}",
            ]
        );
    }

    #[test]
    fn a_string_ends_at_its_own_quotation_mark() {
        assert_eq!(
            lines(r#"{"a":"\"}\\","b":1}"#),
            ["{", r#"  "a": "\"}\\","#, r#"  "b": 1"#, "}"]
        );
    }

    #[test]
    fn deep_nesting_ends_in_one_line() {
        let json = format!("{}1,2{}", "[".repeat(10_000), "]".repeat(10_000));
        let lines = lines(&json);
        assert_eq!(lines.len(), 33);
        assert_eq!(lines.concat().replace(' ', ""), json);
    }

    #[test]
    fn what_is_no_json_is_shown_all_the_same() {
        assert_eq!(lines("abc"), ["abc"]);
        assert_eq!(lines("]]"), ["]", "]"]);
        assert_eq!(lines("\"a"), ["\"a"]);
        assert_eq!(lines(""), [""; 0]);
    }
}

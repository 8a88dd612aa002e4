//! Text on the page: whatever it says, it is text and never markup.

use std::fmt;

use crate::printable::printable;

/// A text as it stands between tags, or between double quotes within one. What steers or hides is shown escaped.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in printable(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// Prose of ours, in which `backticks` set code.
pub(super) struct Prose<'t>(pub(super) &'t str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('`').enumerate() {
            let part = Text(part);
            if at % 2 == 1 {
                write!(f, "<code>{part}</code>")?;
            } else {
                write!(f, "{part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text_and_what_steers_is_seen() {
        assert_eq!(
            Text("<a href=\"x\" id='y'>&\u{202e}\u{0}").to_string(),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;\\u{202e}\\u{0}"
        );
    }

    #[test]
    fn code_in_prose_is_text_as_well() {
        assert_eq!(
            Prose("`a<b` is & stays").to_string(),
            "<code>a&lt;b</code> is &amp; stays"
        );
    }
}

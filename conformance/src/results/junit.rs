//! The report as `JUnit` XML, which CI systems show.

use std::io::{self, Write};

use super::Results;
use crate::record::{CaseResult, Ended};

impl Results {
    /// Writes the report as `JUnit` XML: one test case for each case, warnings and notes as its output.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_junit(&self, out: &mut dyn Write) -> io::Result<()> {
        let failures = self
            .cases
            .iter()
            .filter(|result| self.fails(result))
            .count();
        let skipped = |result: &&CaseResult| matches!(result.ended, Ended::NotRun(_));
        let skipped = self.cases.iter().filter(skipped).count();
        let (tests, seconds) = (self.cases.len(), self.took.as_secs_f64());
        writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            out,
            r#"<testsuite name="ssf-conformance {} {}" tests="{tests}" failures="{failures}" skipped="{skipped}" time="{seconds:.3}">"#,
            self.role.as_str(),
            escaped(&self.issuer)
        )?;
        for result in &self.cases {
            self.write_case(result, out)?;
        }
        writeln!(out, "</testsuite>")
    }

    fn write_case(&self, result: &CaseResult, out: &mut dyn Write) -> io::Result<()> {
        let (id, section) = (escaped(result.case.id), escaped(result.case.section));
        let seconds = result.took.as_secs_f64();
        write!(
            out,
            r#"  <testcase name="{id}" classname="{section}" time="{seconds:.3}">"#
        )?;
        let reasons = escaped(&result.reasons().join("\n"));
        let title = escaped(result.case.title);
        if self.fails(result) {
            write!(out, r#"<failure message="{title}">{reasons}</failure>"#)?;
        } else if matches!(result.ended, Ended::NotRun(_)) {
            write!(out, r#"<skipped message="{reasons}"/>"#)?;
        } else if !reasons.is_empty() {
            let ended = escaped(result.ended.as_str());
            write!(out, "<system-out>{ended}: {reasons}</system-out>")?;
        }
        writeln!(out, "</testcase>")
    }
}

/// Text for XML 1.0, which has no way at all to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a<b>&\"c\"\u{0}\u{1b}[2J\n\u{ffff}é"),
            "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\u{fffd}[2J&#10;\u{fffd}é"
        );
    }
}

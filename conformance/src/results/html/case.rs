//! One case on the page.

use std::io::{self, Write};

use super::{
    exchanges::{self, Shown},
    mark,
    text::{Prose, Text},
};
use crate::{
    case::{Case, Judge},
    record::{Assertion, CaseResult, Ended},
};

/// Most expectations that hold which are listed for a case.
const HELD_MAX: usize = 100;

/// Writes a case with all that is known of it.
pub(super) fn write_whole<'r>(
    result: &'r CaseResult,
    repeating: &str,
    shown: &mut Shown<'r>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let CaseResult { case, ended, .. } = result;
    let (id, mark) = (Text(case.id), mark(ended));
    writeln!(out, r#"<article class="case {}" id="{id}">"#, mark.class)?;
    writeln!(out, "<h3>{}</h3>", Prose(case.title))?;
    write!(out, r#"<p class="where">{mark} "#)?;
    write_where(case, out)?;
    writeln!(out, "</p>")?;
    write_reasons(result, out)?;
    write_record(result, shown, out)?;
    if !case.why.is_empty() {
        writeln!(out, r#"<p class="why">{}</p>"#, Prose(case.why))?;
    }
    writeln!(
        out,
        r#"<p class="repeat">Repeat it: <code>{}</code></p></article>"#,
        Text(repeating)
    )
}

/// Writes a case folded, with its first line alone until somebody unfolds it.
pub(super) fn write_folded<'r>(
    result: &'r CaseResult,
    shown: &mut Shown<'r>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (case, mark) = (result.case, mark(&result.ended));
    let (id, title) = (Text(case.id), Prose(case.title));
    writeln!(
        out,
        r#"<details class="case row {}" id="{id}"><summary>{mark} <span class="title">{title}</span> <code>{id}</code></summary>"#,
        mark.class
    )?;
    write!(out, r#"<p class="where">"#)?;
    write_where(case, out)?;
    writeln!(out, ", {} ms</p>", result.took.as_millis())?;
    write_record(result, shown, out)?;
    writeln!(out, "</details>")
}

fn write_where(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    let (level, section, id) = (case.level.as_str(), Text(case.section), Text(case.id));
    write!(out, "<b>{level}</b> · {section} · <code>{id}</code>")
}

/// What went wrong, or is worth knowing.
fn write_reasons(result: &CaseResult, out: &mut dyn Write) -> io::Result<()> {
    match &result.ended {
        Ended::KnownDeviation { reason } => {
            writeln!(out, r#"<p class="known">Known: {}</p>"#, Text(reason))?;
        }
        Ended::UnexpectedPass | Ended::Faulty(_) | Ended::NotRun(_) => {
            for reason in result.reasons() {
                writeln!(out, "<p>{}</p>", Text(&reason))?;
            }
        }
        Ended::Judged(_) => {}
    }
    for (assertion, count) in result.record.broken() {
        let (what, expected) = (Text(&assertion.what), Text(&assertion.expected));
        let found = Text(&assertion.found);
        let times = match count {
            1 => String::new(),
            count => format!(" ({count} times)"),
        };
        writeln!(
            out,
            r#"<div class="broken"><p>{what}{times}</p><dl><dt>expected</dt><dd>{expected}</dd><dt>found</dt><dd class="found">{found}</dd></dl></div>"#
        )?;
    }
    for note in &result.record.notes {
        writeln!(out, r#"<p class="noted">{}</p>"#, Text(note))?;
    }
    Ok(())
}

/// The expectations that hold, and the exchanges.
fn write_record<'r>(
    result: &'r CaseResult,
    shown: &mut Shown<'r>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let record = &result.record;
    let held: Vec<&Assertion> = record.assertions.iter().filter(|one| one.holds).collect();
    if !held.is_empty() {
        let count = held.len();
        let noun = if count == 1 {
            "expectation holds"
        } else {
            "expectations hold"
        };
        writeln!(
            out,
            r#"<details class="held"><summary>{count} {noun}</summary><ul>"#
        )?;
        for assertion in held.iter().take(HELD_MAX) {
            let (what, found) = (Text(&assertion.what), Text(&assertion.found));
            writeln!(out, "<li>{what}: <code>{found}</code></li>")?;
        }
        if let Some(left) = count.checked_sub(HELD_MAX).filter(|left| *left > 0) {
            writeln!(out, "<li>… {left} more</li>")?;
        }
        writeln!(out, "</ul></details>")?;
    }
    if let Judge::Check(_) = result.case.judge {
        writeln!(
            out,
            r##"<p class="noted">Judged over <a href="#discovery">what discovery recorded</a>.</p>"##
        )?;
    }
    exchanges::write(result, shown, out)
}

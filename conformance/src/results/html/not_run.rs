//! What was not judged, by what it would take.

use std::io::{self, Write};

use super::{
    Part, open,
    text::{Prose, Text},
};
use crate::{
    case::{Case, NotRun, NotRunKind},
    record::Ended,
    results::Results,
};

const NOT_RUN: Part = Part {
    id: "not-run",
    title: "Not run",
    lead: "Not judged, and so neither passed nor failed.",
};

/// Cases for one reason.
type Group<'r> = (&'r str, Vec<&'static Case>);

/// Writes the cases that were not judged, those for the same reason together.
pub(super) fn write(results: &Results, out: &mut dyn Write) -> io::Result<()> {
    let not_run: Vec<_> = results
        .cases
        .iter()
        .filter_map(|result| match &result.ended {
            Ended::NotRun(why) => Some((result.case, why)),
            Ended::Judged(_)
            | Ended::KnownDeviation { .. }
            | Ended::UnexpectedPass
            | Ended::Faulty(_) => None,
        })
        .collect();
    if not_run.is_empty() {
        return Ok(());
    }
    open(&NOT_RUN, not_run.len(), out)?;
    for (kind, title) in [
        (
            NotRunKind::Blocked,
            "Something else went wrong first, which another case is about".to_owned(),
        ),
        (
            NotRunKind::NotConfigured,
            "What the case needs was not given".to_owned(),
        ),
        (
            NotRunKind::NotOffered,
            format!(
                "The {} does not offer it, and need not",
                results.role.judged()
            ),
        ),
        (
            NotRunKind::Interrupted,
            "The run was interrupted".to_owned(),
        ),
    ] {
        let groups = groups(not_run.iter().filter(|(_, why)| why.kind == kind));
        if groups.is_empty() {
            continue;
        }
        writeln!(out, "<h3>{title}</h3>")?;
        for group in groups {
            write_group(&group, out)?;
        }
    }
    writeln!(out, "</section>")
}

/// The cases by their reasons, in the order in which those come first.
fn groups<'r>(not_run: impl Iterator<Item = &'r (&'static Case, &'r NotRun)>) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'r>> = Vec::new();
    for (case, why) in not_run {
        match groups.iter_mut().find(|(reason, _)| *reason == why.reason) {
            Some((_, cases)) => cases.push(case),
            None => groups.push((&why.reason, vec![case])),
        }
    }
    groups
}

fn write_group((reason, cases): &Group<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (reason, count) = (Text(reason), cases.len());
    writeln!(
        out,
        r#"<h4 class="reason">{reason} <span class="count">{count}</span></h4><ul class="idle">"#
    )?;
    for case in cases {
        let (id, title) = (Text(case.id), Prose(case.title));
        writeln!(
            out,
            r#"<li id="{id}"><span class="title">{title}</span> <code>{id}</code></li>"#
        )?;
    }
    writeln!(out, "</ul>")
}

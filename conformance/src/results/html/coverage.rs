//! Which requirements on those who were judged a run was about, topic by topic, and why the others were not.

use std::io::{self, Write};

use super::{
    Mark, is_not_run, mark,
    text::{Prose, Text},
};
use crate::{
    checks::Verdict,
    coverage::{self, Requirement, Standing},
    record::{CaseResult, Ended},
    results::Role,
};

/// What this run says of a requirement.
#[derive(Clone, Copy)]
enum State<'r> {
    /// By the case that says most.
    Run(&'r CaseResult),
    /// No case of this run is about it; others are.
    NotChosen,
    /// No case is about it yet.
    NotYet,
    /// It cannot be seen from outside, for this reason.
    NotTestable(&'static str),
}

struct Row<'r> {
    requirement: &'static Requirement,
    state: State<'r>,
}

impl<'r> Row<'r> {
    fn of(requirement: &'static Requirement, cases: &'r [CaseResult]) -> Self {
        let about = cases
            .iter()
            .filter(|result| result.case.is_about(&requirement.id));
        let state = match about.min_by_key(|result| rank(&result.ended)) {
            Some(worst) => State::Run(worst),
            None => match requirement.standing() {
                Standing::Tested(_) => State::NotChosen,
                Standing::NotYet => State::NotYet,
                Standing::NotTestable(reason) => State::NotTestable(reason),
            },
        };
        Self { requirement, state }
    }

    fn is_judged(&self) -> bool {
        matches!(self.state, State::Run(worst) if !is_not_run(&worst.ended))
    }

    fn mark(&self) -> Mark {
        let (class, sign, name) = match self.state {
            State::Run(worst) => return mark(&worst.ended),
            State::NotChosen => ("idle", '–', "not in this run"),
            State::NotYet => ("open", '○', "no case yet"),
            State::NotTestable(_) => ("out", '∅', "not testable from outside"),
        };
        Mark { class, sign, name }
    }
}

/// Where a case stands among those of its requirement: one that failed says most, one that was not run least.
fn rank(ended: &Ended) -> u8 {
    match ended {
        Ended::Judged(Verdict::Failed) | Ended::UnexpectedPass | Ended::Faulty(_) => 0,
        Ended::Judged(Verdict::Warning) => 1,
        Ended::KnownDeviation { .. } => 2,
        Ended::Judged(Verdict::Note) => 3,
        Ended::Judged(Verdict::Passed) => 4,
        Ended::Judged(Verdict::NotRun) | Ended::NotRun(_) => 5,
    }
}

/// The classes of marks in the order of the bar.
const CLASSES: [&str; 8] = [
    "passed", "note", "known", "warning", "failed", "idle", "open", "out",
];

/// Writes the coverage.
pub(super) fn write(role: &Role, cases: &[CaseResult], out: &mut dyn Write) -> io::Result<()> {
    let topics: Vec<(&str, Vec<Row<'_>>)> = coverage::topics()
        .iter()
        .map(|topic| (topic.name.as_str(), rows(role, &topic.requirements, cases)))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let all: Vec<&Row<'_>> = topics.iter().flat_map(|(_, rows)| rows).collect();
    let judged = all.iter().filter(|row| row.is_judged()).count();
    writeln!(
        out,
        r#"<section id="coverage"><h2>Coverage <span class="count">{judged} of {}</span></h2>
<p class="lead">What the specifications ask of {}s, each requirement by the case that says most of it.</p>"#,
        all.len(),
        role.judged()
    )?;
    write_bar(&all, out)?;
    writeln!(out, r#"<div class="topics">"#)?;
    for (name, rows) in &topics {
        write_topic(name, rows, out)?;
    }
    writeln!(out, "</div>")?;
    write_rest(&all, out)?;
    writeln!(out, "</section>")
}

/// The requirements on whoever was judged, and those on others that a case of this run is about nevertheless.
fn rows<'r>(
    role: &Role,
    requirements: &'static [Requirement],
    cases: &'r [CaseResult],
) -> Vec<Row<'r>> {
    requirements
        .iter()
        .map(|requirement| Row::of(requirement, cases))
        .filter(|row| role.is_bound_by(row.requirement.binds) || matches!(row.state, State::Run(_)))
        .collect()
}

/// How many requirements have which mark: a bar, and its legend.
fn write_bar(rows: &[&Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let parts: Vec<(Mark, usize)> = CLASSES
        .into_iter()
        .filter_map(|class| {
            let mut of_class = rows
                .iter()
                .map(|row| row.mark())
                .filter(|mark| mark.class == class);
            let first = of_class.next()?;
            Some((first, 1 + of_class.count()))
        })
        .collect();
    let width = rows.len();
    writeln!(
        out,
        r#"<svg class="bar" viewBox="0 0 {width} 1" preserveAspectRatio="none" aria-hidden="true">"#
    )?;
    let mut at = 0;
    for (mark, count) in &parts {
        let class = mark.class;
        writeln!(
            out,
            r#"<rect class="{class}" x="{at}" width="{count}" height="1"/>"#
        )?;
        at += count;
    }
    writeln!(out, r#"</svg><ul class="legend">"#)?;
    for (Mark { class, sign, name }, count) in &parts {
        // The class of failures has ends of several names.
        let name = if *class == "failed" { "failed" } else { name };
        writeln!(
            out,
            r#"<li class="{class}"><span aria-hidden="true">{sign}</span> {count} {name}</li>"#
        )?;
    }
    writeln!(out, "</ul>")
}

fn write_topic(name: &str, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let (judged, all) = (
        rows.iter().filter(|row| row.is_judged()).count(),
        rows.len(),
    );
    writeln!(
        out,
        r#"<div class="topic"><h3>{} <span class="count">{judged} of {all}</span></h3><ul class="chips">"#,
        Text(name)
    )?;
    for row in rows {
        let (Mark { class, sign, name }, requirement) = (row.mark(), row.requirement);
        let (id, section) = (Text(&requirement.id), Text(&requirement.section));
        let asks = requirement.asks.replace('`', "");
        let (level, asks) = (requirement.level.as_str(), Text(&asks));
        let inner = format!(
            r#"title="{level}, {section}: {asks} – {name}"><span aria-hidden="true">{sign}</span> {id}<span class="heard">, {name}</span>"#
        );
        match row.state {
            State::Run(worst) => {
                let case = Text(worst.case.id);
                writeln!(
                    out,
                    r##"<li><a class="chip {class}" href="#{case}" {inner}</a></li>"##
                )?;
            }
            State::NotChosen | State::NotYet | State::NotTestable(_) => {
                writeln!(out, r#"<li><span class="chip {class}" {inner}</span></li>"#)?;
            }
        }
    }
    writeln!(out, "</ul></div>")
}

/// What no case of this run is about, and why.
fn write_rest(rows: &[&Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    for (title, name) in [
        ("Not in this run", "not in this run"),
        ("No case yet", "no case yet"),
        ("Not testable from outside", "not testable from outside"),
    ] {
        let of_kind: Vec<_> = rows.iter().filter(|row| row.mark().name == name).collect();
        if of_kind.is_empty() {
            continue;
        }
        let count = of_kind.len();
        writeln!(
            out,
            r#"<details class="rest"><summary>{title} <span class="count">{count}</span></summary><ul class="idle">"#
        )?;
        for row in of_kind {
            write_rest_row(row, out)?;
        }
        writeln!(out, "</ul></details>")?;
    }
    Ok(())
}

fn write_rest_row(row: &Row<'_>, out: &mut dyn Write) -> io::Result<()> {
    let requirement = row.requirement;
    let (id, asks) = (Text(&requirement.id), Prose(&requirement.asks));
    let (level, section) = (requirement.level.as_str(), Text(&requirement.section));
    write!(
        out,
        r#"<li>{asks} <code>{id}</code><br><span class="reason">{level} · {section}"#
    )?;
    if let State::NotTestable(reason) = row.state {
        write!(out, " · {}", Text(reason))?;
    }
    writeln!(out, "</span></li>")
}

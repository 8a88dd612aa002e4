//! Which requirements were judged, section by section.

use std::io::{self, Write};

use super::{is_not_run, mark, text::Text};
use crate::{
    checks::Verdict,
    record::{CaseResult, Ended},
};

/// The requirements of one section, each with its cases.
struct Section<'r> {
    name: &'static str,
    requirements: Vec<Requirement<'r>>,
}

struct Requirement<'r> {
    id: &'static str,
    cases: Vec<&'r CaseResult>,
}

impl<'r> Requirement<'r> {
    /// The case that says most of it: one that failed, or else one that was judged.
    fn worst(&self) -> Option<&'r CaseResult> {
        self.cases
            .iter()
            .copied()
            .min_by_key(|result| rank(&result.ended))
    }

    fn is_judged(&self) -> bool {
        self.cases.iter().any(|result| !is_not_run(&result.ended))
    }
}

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

/// Writes the coverage.
pub(super) fn write(cases: &[CaseResult], out: &mut dyn Write) -> io::Result<()> {
    let sections = sections(cases);
    let requirements = || sections.iter().flat_map(|section| &section.requirements);
    let (all, judged) = (
        requirements().count(),
        requirements().filter(|one| one.is_judged()).count(),
    );
    writeln!(
        out,
        r#"<section id="coverage"><h2>Coverage <span class="count">{judged} of {all}</span></h2>
<p class="lead">The requirements that the cases of this run are about, each by the case that says most of it.</p>
<div class="sections">"#
    )?;
    for section in sections {
        write_section(&section, out)?;
    }
    writeln!(out, "</div></section>")
}

fn write_section(section: &Section<'_>, out: &mut dyn Write) -> io::Result<()> {
    let judged = section.requirements.iter().filter(|one| one.is_judged());
    let (judged, all) = (judged.count(), section.requirements.len());
    writeln!(
        out,
        r#"<div class="section"><h3>{} <span class="count">{judged} of {all}</span></h3><ul class="chips">"#,
        Text(section.name)
    )?;
    for requirement in &section.requirements {
        let Some(worst) = requirement.worst() else {
            continue;
        };
        let (mark, id) = (mark(&worst.ended), Text(requirement.id));
        let (case, count) = (Text(worst.case.id), requirement.cases.len());
        let noun = if count == 1 { "case" } else { "cases" };
        writeln!(
            out,
            r##"<li><a class="chip {}" href="#{case}" title="{}, {count} {noun}" aria-label="{id}: {}"><span aria-hidden="true">{}</span> {id}</a></li>"##,
            mark.class, mark.name, mark.name, mark.sign
        )?;
    }
    writeln!(out, "</ul></div>")
}

/// The cases by section and requirement, in the order of the catalogue.
fn sections(cases: &[CaseResult]) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for result in cases {
        let (name, id) = (result.case.section, result.case.requirement());
        let at = sections.iter().position(|section| section.name == name);
        let at = at.unwrap_or_else(|| {
            let requirements = Vec::new();
            sections.push(Section { name, requirements });
            sections.len() - 1
        });
        let Some(section) = sections.get_mut(at) else {
            continue;
        };
        let mut requirements = section.requirements.iter_mut();
        match requirements.find(|requirement| requirement.id == id) {
            Some(requirement) => requirement.cases.push(result),
            None => section.requirements.push(Requirement {
                id,
                cases: vec![result],
            }),
        }
    }
    sections
}

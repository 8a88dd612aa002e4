//! The report as one page for a browser: no script, nothing from elsewhere, and no markup but its own.

mod case;
mod coverage;
mod exchange;
mod exchanges;
mod not_run;
mod text;

use std::{
    fmt,
    io::{self, Write},
    slice,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use httpdate::fmt_http_date;

use self::{
    exchange::Fold,
    exchanges::Shown,
    text::{Prose, Text},
};
use super::{Results, Role, Strictness};
use crate::{
    checks::Verdict,
    record::{CaseResult, Ended},
    report::Conclusion,
};

const STYLE: &str = include_str!("html/page.css");

/// What an end looks like: never by its colour alone.
struct Mark {
    class: &'static str,
    sign: char,
    name: &'static str,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, sign, name } = self;
        write!(
            f,
            r#"<span class="mark {class}"><span aria-hidden="true">{sign}</span> {name}</span>"#
        )
    }
}

fn mark(ended: &Ended) -> Mark {
    let (class, sign) = match ended {
        Ended::Judged(Verdict::Passed) => ("passed", '✓'),
        Ended::Judged(Verdict::Warning) => ("warning", '!'),
        Ended::Judged(Verdict::Note) => ("note", 'i'),
        Ended::KnownDeviation { .. } => ("known", '≠'),
        Ended::Judged(Verdict::NotRun) | Ended::NotRun(_) => ("idle", '–'),
        Ended::Judged(Verdict::Failed) | Ended::UnexpectedPass | Ended::Faulty(_) => {
            ("failed", '✗')
        }
    };
    Mark {
        class,
        sign,
        name: ended.as_str(),
    }
}

/// Most cases of a part that are not listed before they are shown.
const UNLISTED_MAX: usize = 3;

/// A part of the page.
struct Part {
    id: &'static str,
    title: &'static str,
    lead: &'static str,
}

const FAILED: Part = Part {
    id: "failed",
    title: "Failed",
    lead: "What has to be mended.",
};
const WARNINGS: Part = Part {
    id: "warnings",
    title: "Warnings",
    lead: "A SHOULD is broken, or an option is used in a malformed way.",
};
const KNOWN: Part = Part {
    id: "known",
    title: "Known deviations",
    lead: "They are broken, as is known of the target, and do not count against the verdict.",
};
const NOTES: Part = Part {
    id: "notes",
    title: "Notes",
    lead: "Allowed, and worth knowing.",
};
const PASSED: Part = Part {
    id: "passed",
    title: "Passed",
    lead: "Unfold a case to see what was expected and what was asked.",
};

impl Results {
    /// Writes the report as an HTML page that stands by itself.
    ///
    /// What is broken comes first, with the exchange that shows it; secrets are masked, and bodies are cut after 4 KiB.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let issuer = Text(&self.issuer);
        writeln!(
            out,
            r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>{} – {issuer}</title><style>{STYLE}</style></head><body>"#,
            self.verdict()
        )?;
        self.write_head(out)?;
        writeln!(out, "<main>")?;
        self.write_left_behind(out)?;
        let fails = |result: &&CaseResult| self.fails(result);
        let ended = |wanted: Verdict| {
            move |result: &&CaseResult| !self.fails(result) && result.ended == Ended::Judged(wanted)
        };
        let known = |result: &&CaseResult| matches!(result.ended, Ended::KnownDeviation { .. });
        let mut shown = Shown::default();
        self.write_part(&FAILED, fails, &mut shown, out)?;
        self.write_part(&WARNINGS, ended(Verdict::Warning), &mut shown, out)?;
        self.write_part(&KNOWN, known, &mut shown, out)?;
        self.write_part(&NOTES, ended(Verdict::Note), &mut shown, out)?;
        not_run::write(self, out)?;
        self.write_passed(&mut shown, out)?;
        coverage::write(&self.role, &self.cases, out)?;
        self.write_discovery(out)?;
        self.write_end(out)?;
        writeln!(out, "</main></body></html>")
    }

    fn verdict(&self) -> &'static str {
        match self.conclusion() {
            Conclusion::Conformant => "Conformant",
            Conclusion::NonConformant if self.judged() == 0 => "Not judged",
            Conclusion::NonConformant => "Not conformant",
        }
    }

    fn judged(&self) -> usize {
        let judged = |result: &&CaseResult| !is_not_run(&result.ended);
        self.cases.iter().filter(judged).count()
    }

    fn write_head(&self, out: &mut dyn Write) -> io::Result<()> {
        let (judged, all) = (self.judged(), self.cases.len());
        let failed = self
            .cases
            .iter()
            .filter(|result| self.fails(result))
            .count();
        let (class, sentence) = match (failed, judged) {
            (_, 0) => (
                "failed",
                "Nothing could be judged, and so nothing is shown.".to_owned(),
            ),
            (0, _) => (
                "passed",
                format!("Nothing is broken of what was judged: {judged} of {all} cases."),
            ),
            (1, _) => (
                "failed",
                format!("1 case failed. {judged} of {all} cases were judged."),
            ),
            (failed, _) => (
                "failed",
                format!("{failed} cases failed. {judged} of {all} cases were judged."),
            ),
        };
        let version = env!("CARGO_PKG_VERSION");
        writeln!(
            out,
            r#"<header class="{class}"><div><p class="tool">Shared Signals Framework · {} · ssf-conformance {version}</p>
<h1>{}</h1><p class="lead">{sentence}</p><dl>"#,
            self.role.as_str(),
            self.verdict()
        )?;
        let fails_on = match self.strictness {
            Strictness::Lenient => "a broken MUST",
            Strictness::Strict => "a broken MUST or SHOULD",
        };
        let mut facts = vec![("Issuer", self.issuer.clone())];
        match &self.role {
            Role::Transmitter | Role::Receiver => {}
            Role::PushEndpoint { url } => facts.insert(0, ("Push endpoint", url.clone())),
        }
        facts.extend([
            ("Profiles", self.profile_names().join(", ")),
            ("Began", fmt_http_date(self.began)),
            ("Took", format!("{:.1} s", self.took.as_secs_f64())),
            ("Fails on", fails_on.to_owned()),
        ]);
        if let Some(score) = self.hardening() {
            facts.push(("Hardening", format!("{score} passed")));
        }
        match &self.role {
            Role::Transmitter => facts.push(("Seed", self.seed.to_string())),
            Role::PushEndpoint { .. } | Role::Receiver => {}
        }
        for (name, value) in facts {
            writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Text(&value))?;
        }
        writeln!(out, "</dl>")?;
        self.write_counts(out)?;
        writeln!(out, "</div></header>")
    }

    fn write_counts(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, r#"<nav aria-label="Results"><ul class="counts">"#)?;
        for (name, count) in self.counts() {
            let (class, part) = match name {
                "passed" => ("passed", "passed"),
                "warning" if self.strictness == Strictness::Strict => ("warning", "failed"),
                "warning" => ("warning", "warnings"),
                "note" => ("note", "notes"),
                "not run" => ("idle", "not-run"),
                "known deviation" => ("known", "known"),
                _ => ("failed", "failed"),
            };
            let is_common = matches!(name, "passed" | "failed" | "warning" | "note" | "not run");
            match count {
                0 if is_common => {
                    writeln!(out, r#"<li class="none"><b>0</b> <span>{name}</span></li>"#)?;
                }
                0 => {}
                count => {
                    let many = match name {
                        "warning" | "note" | "known deviation" if count > 1 => "s",
                        _ => "",
                    };
                    writeln!(
                        out,
                        r##"<li class="{class}"><a href="#{part}"><b>{count}</b> <span>{name}{many}</span></a></li>"##
                    )?;
                }
            }
        }
        writeln!(
            out,
            r##"<li><a href="#coverage"><b>§</b> <span>coverage</span></a></li></ul></nav>"##
        )
    }

    fn write_left_behind(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.left_behind.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            r#"<section class="left"><h2>Streams left behind</h2><p>They could not be deleted; please delete them:</p><ul>"#
        )?;
        for id in &self.left_behind {
            writeln!(out, "<li><code>{}</code></li>", Text(id))?;
        }
        writeln!(out, "</ul></section>")
    }

    /// Writes the cases that fit, each with all that is known of it.
    fn write_part<'r>(
        &'r self,
        part: &Part,
        fits: impl Fn(&&CaseResult) -> bool,
        shown: &mut Shown<'r>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let cases: Vec<&CaseResult> = self.cases.iter().filter(fits).collect();
        if cases.is_empty() {
            return Ok(());
        }
        open(part, cases.len(), out)?;
        if cases.len() > UNLISTED_MAX {
            write_list(&cases, out)?;
        }
        for result in cases {
            let repeating = self.repeating(Some(result.case.id));
            case::write_whole(result, &repeating, shown, out)?;
        }
        writeln!(out, "</section>")
    }

    fn write_passed<'r>(&'r self, shown: &mut Shown<'r>, out: &mut dyn Write) -> io::Result<()> {
        let passed = |result: &&CaseResult| result.ended == Ended::Judged(Verdict::Passed);
        let passed: Vec<&CaseResult> = self.cases.iter().filter(passed).collect();
        if passed.is_empty() {
            return Ok(());
        }
        open(&PASSED, passed.len(), out)?;
        for result in passed {
            case::write_folded(result, shown, out)?;
        }
        writeln!(out, "</section>")
    }

    fn write_discovery(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.discovery.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            r#"<section id="discovery"><h2>Discovery</h2><p class="lead">What was asked before the first case, and what its metadata and keys were judged by.</p>"#
        )?;
        for exchange in &self.discovery {
            exchange::write(slice::from_ref(exchange), Fold::Closed, out)?;
        }
        writeln!(out, "</section>")
    }

    fn write_end(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            r#"<section id="repeat"><h2>How to repeat it</h2>
<p>Give the options of this run again, and besides:</p>
<dl class="repeat">"#
        )?;
        let whole = self.repeating(None);
        if !whole.is_empty() {
            writeln!(
                out,
                "<div><dt><code>{whole}</code></dt><dd>the whole run, with the same chance</dd></div>"
            )?;
        }
        let one = self.repeating(Some("CASE"));
        writeln!(
            out,
            r"<div><dt><code>{one}</code></dt><dd>one case, exactly</dd></div>
<div><dt><code>ssf-conformance explain CASE</code></dt><dd>what a case asks for, why, what it needs, and which faults it finds</dd></div></dl>
<p><b>MUST*</b> is stated as a fact, without a keyword, and nothing works together without it. Tokens are masked, and
<code>Authorization</code> is, whatever it held.</p></section>"
        )
    }
}

fn open(part: &Part, count: usize, out: &mut dyn Write) -> io::Result<()> {
    let Part { id, title, lead } = part;
    writeln!(
        out,
        r#"<section id="{id}"><h2>{title} <span class="count">{count}</span></h2><p class="lead">{lead}</p>"#
    )
}

/// Lists cases that are shown below.
fn write_list(cases: &[&CaseResult], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"<ul class="list">"#)?;
    for result in cases {
        let (id, title) = (Text(result.case.id), Prose(result.case.title));
        writeln!(
            out,
            r##"<li><a href="#{id}">{title}</a> <code>{id}</code></li>"##
        )?;
    }
    writeln!(out, "</ul>")
}

fn is_not_run(ended: &Ended) -> bool {
    matches!(ended, Ended::NotRun(_) | Ended::Judged(Verdict::NotRun))
}

#[cfg(test)]
mod tests;

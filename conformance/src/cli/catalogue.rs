//! `list`, `explain` and `matrix`: what the tester knows, without a target.

use std::io::{self, Write};

use clap::Args;

use super::{Preflight, runtime_of_several};
use crate::{
    case::{Case, Need, Profile},
    cases,
    coverage::{self, Binds, Count, Requirement, Standing},
    matrix::{Breadth, Rows},
    peer::faults,
    push::Dialect,
    report::Conclusion,
    selection::Selection,
};

/// Which cases.
#[derive(Args, Debug)]
pub(super) struct SelectionArgs {
    /// Only this case, or the cases of this requirement; can be repeated.
    #[arg(long, value_name = "CASE")]
    only: Vec<String>,
    /// Only cases of this section and those below it, such as "SSF 1.0 §8.1.1" or "8.1.1"; can be repeated.
    #[arg(long, value_name = "SECTION")]
    section: Vec<String>,
    /// Only cases with this tag; can be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only cases of this profile: ssf-1.0, caep-interop, hardening or legacy; can be repeated.
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Vec<Profile>,
}

impl SelectionArgs {
    /// The cases that are wanted; of these profiles, if no other is named.
    pub(super) fn selection_of(&self, profiles: &[Profile]) -> Selection {
        let named = Some(self.profile.as_slice()).filter(|named| !named.is_empty());
        Selection {
            ids: self.only.clone(),
            sections: self.section.clone(),
            tags: self.tag.clone(),
            profiles: named.unwrap_or(profiles).to_vec(),
        }
    }
}

fn profile(name: &str) -> Result<Profile, String> {
    let names = Profile::ALL.map(Profile::as_str).join(", ");
    Profile::named(name).ok_or_else(|| format!("a profile is one of {names}"))
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Lists the requirements of the specifications instead: by topic, with the cases of each, or why it has none.
    #[arg(long, conflicts_with_all = ["only", "section", "tag", "profile"])]
    coverage: bool,
    #[command(flatten)]
    selection: SelectionArgs,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        if self.coverage {
            write_coverage(out).map_err(Preflight::Output)?;
            return Ok(Conclusion::Conformant);
        }
        let selection = self.selection.selection_of(&[]);
        let listed: Vec<_> = selection.of(cases::all()).collect();
        write_lines(&listed, out).map_err(Preflight::Output)?;
        Ok(Conclusion::Conformant)
    }
}

fn write_coverage(out: &mut dyn Write) -> io::Result<()> {
    for topic in coverage::topics() {
        let count = Count::of(&topic.requirements);
        writeln!(out, "{}: {count}", topic.name)?;
        for requirement in &topic.requirements {
            write_requirement(requirement, out)?;
        }
        writeln!(out)?;
    }
    for party in [Binds::Transmitter, Binds::Receiver, Binds::Both] {
        let bound = coverage::requirements().filter(|one| one.binds == party);
        writeln!(out, "{:12} {}", party.as_str(), Count::of(bound))?;
    }
    writeln!(out, "{:12} {}", "all", Count::of(coverage::requirements()))
}

fn write_requirement(requirement: &'static Requirement, out: &mut dyn Write) -> io::Result<()> {
    let standing = requirement.standing();
    let Requirement {
        id,
        level,
        section,
        asks,
        ..
    } = requirement;
    let (standing_name, level) = (standing.as_str(), level.as_str());
    writeln!(
        out,
        "  {standing_name:13}{id:13} {level:6} {section}: {asks}"
    )?;
    match standing {
        Standing::Tested(cases) => {
            for case in cases {
                writeln!(out, "{:15}{}", "", case.id)?;
            }
            Ok(())
        }
        Standing::NotTestable(reason) => writeln!(out, "{:15}{reason}", ""),
        Standing::NotYet => Ok(()),
    }
}

/// Writes a case as one line of a list.
pub(super) fn write_line(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    let (id, level, section, title) = (case.id, case.level.as_str(), case.section, case.title);
    writeln!(out, "{id:45} {level:6} {section}: {title}")
}

/// Writes cases, each as one line, and how many there are.
pub(super) fn write_lines(cases: &[&'static Case], out: &mut dyn Write) -> io::Result<()> {
    for case in cases {
        write_line(case, out)?;
    }
    writeln!(out, "{} cases", cases.len())
}

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// Its id, such as SSF-T-122.empty-list.
    case: String,
}

impl Explain {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let case = cases::find(&self.case);
        let case = case.ok_or_else(|| Preflight::NoSuchCase(self.case.clone()))?;
        explain(case, out).map_err(Preflight::Output)?;
        Ok(Conclusion::Conformant)
    }
}

fn explain(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    write_line(case, out)?;
    if !case.why.is_empty() {
        writeln!(out, "why:      {}", case.why)?;
    }
    let profiles: Vec<&str> = case.profiles.iter().copied().map(Profile::as_str).collect();
    if !case.also.is_empty() {
        writeln!(out, "as well:  {}", case.also.join(", "))?;
    }
    writeln!(out, "profiles: {}", profiles.join(", "))?;
    writeln!(out, "tags:     {}", case.tags.join(", "))?;
    for need in case.needs {
        writeln!(out, "needs:    {}", Need::as_str(*need))?;
    }
    let transmitter = faults::transmitter().map(|fault| (fault.name, fault.found));
    let receiver = faults::of_receivers().map(|fault| (fault.name, fault.found));
    for (name, found) in transmitter.chain(receiver) {
        if found.iter().any(|(id, _)| *id == case.id) {
            writeln!(out, "finds:    {name}")?;
        }
    }
    Ok(())
}

/// A kind of peers, in words, and the rows of the matrix about them.
type Kind = (&'static str, fn() -> Rows);

/// All that the matrix is about.
const KINDS: [Kind; 5] = [
    ("a transmitter", || {
        Rows::of(with_none(faults::transmitter()), Breadth::Whole)
    }),
    ("a push endpoint", || {
        Rows::of_receivers(with_none(faults::push_endpoint()))
    }),
    ("a receiver that polls", || {
        Rows::over_stream(with_none(faults::over_stream()))
    }),
    ("a receiver that is pushed", || {
        Rows::over_pushes(with_none(faults::over_pushes()))
    }),
    ("a receiver that reads a dialect", || {
        let sound = Dialect::ALL.map(|dialect| (dialect, None));
        let faults = faults::in_dialect().map(|(dialect, fault)| (dialect, Some(fault)));
        Rows::in_dialects(sound.into_iter().chain(faults))
    }),
];

/// Faults, behind none at all.
fn with_none<T>(faults: impl Iterator<Item = T>) -> impl Iterator<Item = Option<T>> {
    [None].into_iter().chain(faults.map(Some))
}

/// Prints which cases find which faults.
pub(super) fn matrix(out: &mut dyn Write) -> Result<Conclusion, Preflight> {
    let runtime = runtime_of_several()?;
    runtime.block_on(print_matrix(&KINDS, out))
}

async fn print_matrix(kinds: &[Kind], out: &mut dyn Write) -> Result<Conclusion, Preflight> {
    let mut unsound = 0;
    for (kind, rows) in kinds {
        writeln!(out, "# {kind}").map_err(Preflight::Output)?;
        let mut rows = rows();
        while let Some(row) = rows.next().await {
            let row = row.map_err(Preflight::Matrix)?;
            row.write_text(out).map_err(Preflight::Output)?;
            unsound += usize::from(!row.is_sound());
        }
    }
    writeln!(
        out,
        "{unsound} faults are not found by just the cases that claim them"
    )
    .map_err(Preflight::Output)?;
    Ok(match unsound {
        0 => Conclusion::Conformant,
        _ => Conclusion::NonConformant,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_says_who_is_judged_and_what_is_found() {
        let rows: fn() -> Rows = || {
            let (dialect, fault) = faults::in_dialect().next().unwrap();
            Rows::in_dialects([(dialect, Some(fault))].into_iter())
        };
        let mut out = Vec::new();
        let runtime = runtime_of_several().unwrap();
        let kinds = [("somebody", rows)];
        let printed = print_matrix(&kinds, &mut out);
        let conclusion = runtime.block_on(printed).unwrap();
        assert_eq!(conclusion, Conclusion::Conformant);
        let text = String::from_utf8(out).unwrap();
        let (_, fault) = faults::in_dialect().next().unwrap();
        let begins = format!("# somebody\n{}\n", fault.name);
        assert!(text.starts_with(&begins), "{text}");
        let (case, verdict) = fault.found[0];
        let found = format!("    {:8} {case}\n", verdict.as_str());
        assert!(text.contains(&found), "{text}");
        assert!(text.ends_with("0 faults are not found by just the cases that claim them\n"));
    }
}

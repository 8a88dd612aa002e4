//! The members of complex subjects (SSF 1.0 §3.3).

use super::{BASE, sample, subject};
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::Context,
    subject_formats::COMPLEX,
    unique::repeated_name,
};

/// The names of members that the specification gives.
const NAMES: [&str; 7] = [
    "user",
    "device",
    "session",
    "application",
    "tenant",
    "org_unit",
    "group",
];

/// The cases of complex subjects.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SUBJ-005.names",
        section: "SSF 1.0 §3.3",
        level: Level::May,
        title: "members of complex subjects have the names that SSF gives, or agreed ones",
        why: "Of a member whose name it does not know a receiver cannot tell what it names.",
        judge: Script(|cx| Box::pin(names(cx))),
        ..BASE
    },
    Case {
        id: "SUBJ-007.once",
        section: "SSF 1.0 §3.3",
        level: Level::May,
        title: "no member of a complex subject stands twice",
        why: "Parsers keep one of the two, and not all the same one: they mean two people.",
        judge: Script(|cx| Box::pin(once(cx))),
        ..BASE
    },
];

async fn names(cx: &Context) -> Result<(), Stop> {
    let sample = sample(cx, COMPLEX).await?;
    let subject = subject(&sample).ok_or_else(|| Stop::blocked("sub_id is not an object"))?;
    if subject.get("format").is_none_or(|format| format != COMPLEX) {
        return Err(Stop::not_offered("the subject is not named as complex"));
    }
    let names = subject.keys().filter(|name| *name != "format");
    let others: Vec<&str> = names
        .map(String::as_str)
        .filter(|name| !NAMES.contains(name))
        .collect();
    if others.is_empty() {
        cx.expect(true, "members of sub_id", NAMES.join(", "), "no others");
    } else {
        cx.note(format!(
            "members of sub_id that SSF does not name: {}",
            others.join(", ")
        ));
    }
    Ok(())
}

async fn once(cx: &Context) -> Result<(), Stop> {
    let sample = sample(cx, COMPLEX).await?;
    let [_, claims] = sample.set.texts();
    let twice = repeated_name(&claims);
    let found = twice.as_deref().unwrap_or("none").to_owned();
    cx.expect(twice.is_none(), "members that stand twice", "none", found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_ssf_types_has() {
        assert_eq!(NAMES, ssf_types::subject::COMPLEX_MEMBERS);
    }
}

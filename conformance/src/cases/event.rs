//! What events say (CAEP 1.0, RISC 1.0, and a draft of OAuth): the adapter emits one of each type, and the table judges what arrives.

pub mod caep;
pub mod common;
pub mod interop;
pub mod oauth;
pub mod opt_out;
pub mod risc;

use serde_json::Value;

use crate::{
    case::{Case, Judge, Need, Stop},
    checks::{Level, shown},
    context::{Context, Gathering, Sample},
    event_types::{COMMON, EventType, Family, Fit, Member, Presence, seconds},
    subject_formats::SubjectFormat,
};

/// How much later or earlier than it was asked for an event may have happened, in seconds.
const APART_SECONDS: u64 = 120;

/// What is gathered once, by whichever case comes first, takes a stream for so long.
const BASE: Case = Case {
    tags: &["event"],
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.event() + limits.request() * 4,
    ..Case::MANAGEMENT
};

/// The cases of events.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    common::CASES
        .iter()
        .chain(caep::CASES)
        .chain(risc::CASES)
        .chain(oauth::CASES)
        .chain(opt_out::CASES)
        .chain(interop::CASES)
}

/// What is asked of an event of one type.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A member is as the table has it.
    Member(&'static str),
    /// A member is there if it has to be, and has its type.
    Type(&'static str),
    /// A member has one of its values.
    Value(&'static str),
    /// It is an object, and has no members but those of the table.
    NoOthers,
    /// `event_timestamp` is when it happened.
    Time,
    /// The first member is there if the second is.
    Together(&'static str, &'static str),
    /// The subject has one of these formats.
    Subject(&'static [&'static str]),
    /// The subject has this format, and what that asks for.
    SubjectOf(&'static SubjectFormat),
    /// The member is there and has a text that somebody can read.
    Reason(&'static str),
}

/// A case that judges an event of one type by a rule.
const fn rule(
    (id, level): (&'static str, Level),
    event: &'static EventType,
    rule: Rule,
    title: &'static str,
    why: &'static str,
) -> Case {
    Case {
        id,
        section: event.section,
        level,
        title,
        why,
        judge: Judge::Event(event, rule),
        ..BASE
    }
}

/// Judges an event of one type.
pub(crate) async fn judge(cx: &Context, event: &'static EventType, rule: Rule) -> Result<(), Stop> {
    let sample = of_type(cx, event).await?;
    let says = sample.set.event(event.uri).unwrap_or(&Value::Null);
    let member = |name| {
        let known = event.member(name);
        known.ok_or_else(|| Stop::blocked(format!("{} has no {name}", event.name())))
    };
    match rule {
        Rule::Member(name) => {
            has_type(cx, event, says, member(name)?)?;
            has_value(cx, event, says, member(name)?)
        }
        Rule::Type(name) => has_type(cx, event, says, member(name)?),
        Rule::Value(name) => has_value(cx, event, says, member(name)?),
        Rule::NoOthers => {
            no_others(cx, event, says);
            Ok(())
        }
        Rule::Time => time(cx, event, says, &sample),
        Rule::Together(one, other) => {
            if says.get(other).is_none() {
                return Err(Stop::not_offered(format!("there is no {other}")));
            }
            let what = format!("{one} of {}", event.name());
            let found = says.get(one).map_or("nothing".to_owned(), shown);
            cx.expect(
                says.get(one).is_some(),
                what,
                format!("a value, since {other} is there"),
                found,
            );
            Ok(())
        }
        Rule::Subject(formats) => {
            let subject = sample.set.claims.get("sub_id").unwrap_or(&Value::Null);
            let format = subject
                .get("format")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let what = format!("the format of the subject of {}", event.name());
            cx.expect(
                formats.contains(&format),
                what,
                formats.join(" or "),
                format,
            );
            Ok(())
        }
        Rule::SubjectOf(format) => {
            subject_of(cx, event, format, &sample);
            Ok(())
        }
        Rule::Reason(name) => {
            reason(cx, event, says, name);
            Ok(())
        }
    }
}

/// The event of a type, with all others of its profile.
async fn of_type(cx: &Context, event: &EventType) -> Result<std::sync::Arc<Sample>, Stop> {
    let gathering = match event.family() {
        Family::Caep => Gathering::Caep,
        Family::Risc => Gathering::Risc,
        Family::Oauth => Gathering::Oauth,
    };
    cx.sample_of(gathering, event.uri).await
}

fn has_type(cx: &Context, event: &EventType, says: &Value, member: &Member) -> Result<(), Stop> {
    let name = member.name;
    let what = format!("{name} of {}", event.name());
    let misspelt = name.replace('-', "_");
    if misspelt != name {
        let found = says.get(&misspelt).map(|_| misspelt.clone());
        cx.expect(
            found.is_none(),
            format!("members of {}", event.name()),
            name,
            found.unwrap_or_default(),
        );
    }
    match says.get(name) {
        Some(value) => {
            cx.expect(
                member.form.has_type(value),
                what,
                member.form.expected(),
                shown(value),
            );
            Ok(())
        }
        None if member.presence == Presence::Optional => {
            Err(Stop::not_offered(format!("there is no {name}")))
        }
        None => cx.require(false, what, member.form.expected(), "nothing"),
    }
}

fn has_value(cx: &Context, event: &EventType, says: &Value, member: &Member) -> Result<(), Stop> {
    let (name, form) = (member.name, member.form);
    let what = format!("{name} of {}", event.name());
    let Some(value) = says.get(name) else {
        return Err(Stop::not_offered(format!("there is no {name}")));
    };
    if !form.has_type(value) {
        return Err(Stop::blocked(format!("{name} is not {}", form.expected())));
    }
    match form.judge(value) {
        Fit::Unknown => cx.note(format!(
            "{what}: {} is not one that is listed",
            shown(value)
        )),
        fit @ (Fit::Fits | Fit::Unfit) => {
            cx.expect(fit == Fit::Fits, what, form.expected(), shown(value));
        }
    }
    Ok(())
}

fn no_others(cx: &Context, event: &EventType, says: &Value) {
    let Some(members) = says.as_object() else {
        cx.expect(false, event.name(), "an object", shown(says));
        return;
    };
    // The subject may be repeated (SSF 1.0 §3.1.1).
    let is_known = |name: &&String| {
        let name = name.as_str();
        name == "subject"
            || event.member(name).is_some()
            || COMMON.iter().any(|one| one.name == name)
    };
    let others: Vec<&str> = members
        .keys()
        .filter(|name| !is_known(name))
        .map(String::as_str)
        .collect();
    if others.is_empty() {
        cx.expect(true, event.name(), "no further members", "none");
    } else {
        cx.note(format!(
            "{} has further members: {}",
            event.name(),
            others.join(", ")
        ));
    }
}

fn subject_of(cx: &Context, event: &EventType, format: &SubjectFormat, sample: &Sample) {
    let found = sample.set.claims.get("sub_id").unwrap_or(&Value::Null);
    let is_named = found.get("format").is_some_and(|name| name == format.name);
    let holds = is_named && found.as_object().is_some_and(|it| format.is_sound(it));
    let what = format!("the subject of {}", event.name());
    let expected = format!("{}: {}", format.name, format.expected);
    cx.expect(holds, what, expected, shown(found));
}

fn time(cx: &Context, event: &EventType, says: &Value, sample: &Sample) -> Result<(), Stop> {
    let Some(found) = says.get("event_timestamp") else {
        return Err(Stop::not_offered("there is no event_timestamp"));
    };
    let earliest = sample.asked.saturating_sub(APART_SECONDS);
    let latest = sample.came.saturating_add(APART_SECONDS);
    let holds = seconds(found).is_some_and(|found| (earliest..=latest).contains(&found));
    let what = format!("event_timestamp of {}", event.name());
    cx.expect(
        holds,
        what,
        format!("when it happened: {earliest} to {latest}"),
        shown(found),
    );
    Ok(())
}

/// A reason that can be read: one profile calls it a string, CAEP an object of texts.
fn reason(cx: &Context, event: &EventType, says: &Value, name: &str) {
    let found = says.get(name).unwrap_or(&Value::Null);
    let is_readable = |text: &Value| text.as_str().is_some_and(|text| !text.trim().is_empty());
    let what = format!("{name} of {}", event.name());
    if is_readable(found) {
        cx.note(format!(
            "{what} is a string; CAEP 1.0 §2 has texts under language tags"
        ));
        return;
    }
    let texts = found.as_object();
    let holds = texts.is_some_and(|texts| texts.values().any(is_readable));
    cx.expect(holds, what, "a text that is not empty", shown(found));
}

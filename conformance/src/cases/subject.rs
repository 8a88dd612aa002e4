//! Subjects (RFC 9493 §3, SSF 1.0 §3): the adapter emits an event about one of each format, and what arrives is judged.

mod complex;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::{Level, shown},
    context::{Context, Gathering, Sample},
    subject_formats::{COMPLEX, FORMATS, SubjectFormat, is_format_name},
};

const BASE: Case = Case {
    level: Level::Must,
    tags: &["subject"],
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.event() + limits.request() * 4,
    ..Case::MANAGEMENT
};

/// What goes wrong with a subject of a known format.
const UNREADABLE: &str = "A receiver cannot tell whom the event is about, and refuses the SET.";

/// The cases of subjects.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(complex::CASES)
}

const CASES: &[Case] = &[
    Case {
        id: "SUBJ-004.complex",
        section: "SSF 1.0 §3.3",
        level: Level::MustImplied,
        title: "a complex subject has members, each of them a simple subject",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, COMPLEX))),
        ..BASE
    },
    Case {
        id: "SUBJ-010.format",
        section: "SSF 1.0 §3.4",
        title: "formats are those of RFC 9493 and SSF, or agreed",
        why: "A receiver that does not know the format cannot process the event.",
        judge: Script(|cx| Box::pin(each(cx, known_format))),
        ..BASE
    },
    Case {
        id: "SUBJ-011.jwt_id",
        section: "SSF 1.0 §3.5.1",
        title: "jwt_id has iss and jti",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "jwt_id"))),
        ..BASE
    },
    Case {
        id: "SUBJ-012.saml_assertion_id",
        section: "SSF 1.0 §3.5.2",
        title: "saml_assertion_id has issuer and assertion_id",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "saml_assertion_id"))),
        ..BASE
    },
    Case {
        id: "SUBJ-013.ip-addresses",
        section: "SSF 1.0 §3.5.3",
        title: "ip-addresses has an array of addresses",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "ip-addresses"))),
        ..BASE
    },
    Case {
        id: "SUBJ-020.members",
        section: "RFC 9493 §3",
        title: "a subject has the members of its format alone",
        why: "Readers that hold to RFC 9493 refuse it otherwise.",
        judge: Script(|cx| Box::pin(each(cx, members))),
        ..BASE
    },
    Case {
        id: "SUBJ-021.not-empty",
        section: "RFC 9493 §3.2",
        title: "no member of a subject is null or empty",
        why: "What is empty names nobody, or everybody.",
        judge: Script(|cx| Box::pin(each(cx, not_empty))),
        ..BASE
    },
    Case {
        id: "SUBJ-022.name",
        section: "RFC 9493 §3",
        title: "names of formats are in small letters, or URIs",
        why: "They are compared byte for byte.",
        judge: Script(|cx| Box::pin(each(cx, name))),
        ..BASE
    },
    Case {
        id: "SUBJ-023.account",
        section: "RFC 9493 §3.2.1",
        title: "account has an acct URI",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "account"))),
        ..BASE
    },
    Case {
        id: "SUBJ-024.email",
        section: "RFC 9493 §3.2.2",
        title: "email has an address, without a name and without a scheme",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "email"))),
        ..BASE
    },
    Case {
        id: "SUBJ-026.iss_sub",
        section: "RFC 9493 §3.2.3",
        title: "iss_sub has iss and sub",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "iss_sub"))),
        ..BASE
    },
    Case {
        id: "SUBJ-028.opaque",
        section: "RFC 9493 §3.2.4",
        title: "opaque has an id",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "opaque"))),
        ..BASE
    },
    Case {
        id: "SUBJ-029.phone_number",
        section: "RFC 9493 §3.2.5",
        title: "phone_number is in E.164, with its plus sign and without blanks",
        why: "Two spellings of one number are two numbers to who compares them.",
        judge: Script(|cx| Box::pin(format(cx, "phone_number"))),
        ..BASE
    },
    Case {
        id: "SUBJ-030.did",
        section: "RFC 9493 §3.2.6",
        title: "did has a DID URL, called url",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "did"))),
        ..BASE
    },
    Case {
        id: "SUBJ-031.uri",
        section: "RFC 9493 §3.2.7",
        title: "uri has a URI with its scheme",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "uri"))),
        ..BASE
    },
    Case {
        id: "SUBJ-032.aliases",
        section: "RFC 9493 §3.2.8",
        title: "aliases has an array of subjects, and at least one",
        why: UNREADABLE,
        judge: Script(|cx| Box::pin(format(cx, "aliases"))),
        ..BASE
    },
    Case {
        id: "SUBJ-033.nested",
        section: "RFC 9493 §3.2.8",
        title: "aliases are not nested",
        why: "A receiver has to refuse aliases within aliases.",
        judge: Script(|cx| {
            Box::pin(aliases(cx, |cx, identifiers| {
                let is_nested = |one: &Value| one.get("format").is_some_and(|of| of == "aliases");
                let nested = identifiers.iter().find(|one| is_nested(one));
                let found = nested.map(shown).unwrap_or_default();
                cx.expect(nested.is_none(), "identifiers", "no aliases", found);
            }))
        }),
        ..BASE
    },
    Case {
        id: "SUBJ-034.twice",
        section: "RFC 9493 §3.2.8",
        level: Level::Should,
        title: "no alias stands twice",
        why: "It says nothing, and makes the SET longer.",
        judge: Script(|cx| {
            Box::pin(aliases(cx, |cx, identifiers| {
                let different: BTreeSet<String> =
                    identifiers.iter().map(Value::to_string).collect();
                let holds = different.len() == identifiers.len();
                cx.expect(holds, "identifiers", "each once", identifiers.len());
            }))
        }),
        ..BASE
    },
];

/// The event about a subject that was asked for in this format.
async fn sample(cx: &Context, format: &str) -> Result<Arc<Sample>, Stop> {
    cx.sample_of(Gathering::Subjects, format).await
}

fn subject(sample: &Sample) -> Option<&Map<String, Value>> {
    sample.set.claims.get("sub_id").and_then(Value::as_object)
}

/// The format in which a subject came, which may be another than it was asked for.
fn of_format(subject: &Map<String, Value>) -> &str {
    subject
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

async fn format(cx: &Context, name: &str) -> Result<(), Stop> {
    let sample = sample(cx, name).await?;
    let subject = subject(&sample).ok_or_else(|| Stop::blocked("sub_id is not an object"))?;
    let Some(format) = SubjectFormat::named(of_format(subject)) else {
        let found = of_format(subject);
        return Err(Stop::not_offered(format!(
            "the subject is named as {found}"
        )));
    };
    let what = format!("sub_id, as {}", format.name);
    let found = shown(&Value::Object(subject.clone()));
    cx.expect(format.is_sound(subject), what, format.expected, found);
    Ok(())
}

async fn aliases(cx: &Context, judge: fn(&Context, &[Value])) -> Result<(), Stop> {
    let sample = sample(cx, "aliases").await?;
    let identifiers = subject(&sample).and_then(|subject| subject.get("identifiers"));
    let identifiers = identifiers.and_then(Value::as_array);
    let identifiers = identifiers.ok_or_else(|| Stop::not_offered("there are no identifiers"))?;
    judge(cx, identifiers);
    Ok(())
}

/// Judges all that came; at least one did.
async fn each(cx: &Context, judge: fn(&Context, &Map<String, Value>)) -> Result<(), Stop> {
    let mut missing = None;
    let mut has_one = false;
    for format in &FORMATS {
        match sample(cx, format.name).await {
            Ok(sample) => {
                if let Some(subject) = subject(&sample) {
                    has_one = true;
                    judge(cx, subject);
                }
            }
            Err(stop) => missing = Some(stop),
        }
    }
    match missing {
        Some(stop) if !has_one => Err(stop),
        _ => Ok(()),
    }
}

fn known_format(cx: &Context, subject: &Map<String, Value>) {
    let found = of_format(subject);
    if SubjectFormat::named(found).is_some() {
        cx.expect(true, "the format of sub_id", "one that is known", found);
    } else {
        cx.note(format!(
            "the format {found} is not one of RFC 9493 or SSF 1.0"
        ));
    }
}

fn members(cx: &Context, subject: &Map<String, Value>) {
    let Some(format) = SubjectFormat::named(of_format(subject)).filter(|one| one.name != COMPLEX)
    else {
        return;
    };
    let is_its = |name: &&String| *name == "format" || format.members.contains(&name.as_str());
    let others: Vec<&str> = subject
        .keys()
        .filter(|name| !is_its(name))
        .map(String::as_str)
        .collect();
    let what = format!("members of sub_id, as {}", format.name);
    cx.expect(
        others.is_empty(),
        what,
        "those of its format",
        others.join(", "),
    );
}

fn not_empty(cx: &Context, subject: &Map<String, Value>) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let empty: Vec<&str> = subject
        .iter()
        .filter(|(_, value)| is_empty(value))
        .map(|(name, _)| name.as_str())
        .collect();
    let what = format!("members of sub_id, as {}", of_format(subject));
    cx.expect(
        empty.is_empty(),
        what,
        "none that is empty",
        empty.join(", "),
    );
}

fn name(cx: &Context, subject: &Map<String, Value>) {
    let found = of_format(subject);
    let expected = "small letters, digits, _ and -, or a URI";
    cx.expect(
        is_format_name(found),
        "the format of sub_id",
        expected,
        found,
    );
}

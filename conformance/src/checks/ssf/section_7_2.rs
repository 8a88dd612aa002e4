//! Obtaining the metadata (SSF 1.0 §7.2).

use serde_json::{Map, Value};

use crate::{
    checks::{Check, Level, Outcome, Verdict, on_document, on_member, shortened, shown},
    exchange::{Answer, Exchange, Recording},
    target::UNKNOWN_TENANT,
    unique::repeated_name,
};

use super::section_7_1;

/// The checks of this section.
pub const CHECKS: &[Check] = &[
    Check {
        id: "SSF-T-001.metadata-at-well-known-path",
        section: "SSF 1.0 §7.2",
        level: Level::Must,
        statement: "the metadata is where /.well-known/ssf-configuration is inserted behind the authority",
        judge: at_well_known_path,
    },
    Check {
        id: "SSF-T-002.last-slash-removed",
        section: "SSF 1.0 §7.2.1",
        level: Level::Must,
        statement: "a slash that ends the issuer is removed before the segment is inserted",
        judge: last_slash_removed,
    },
    Check {
        id: "SSF-T-003.document-obeys-7.1",
        section: "SSF 1.0 §7.2",
        level: Level::Must,
        statement: "what lives at the well-known path obeys SSF 1.0 §7.1",
        judge: obeys_section_7_1,
    },
    Check {
        id: "SSF-T-004.content-type",
        section: "SSF 1.0 §7.2.3",
        level: Level::Must,
        statement: "the metadata comes with content type application/json",
        judge: content_type,
    },
    Check {
        id: "SSF-T-005.status-200-with-an-object",
        section: "SSF 1.0 §7.2.3",
        level: Level::Must,
        statement: "a successful answer has status 200 and is one JSON object",
        judge: status_and_object,
    },
    Check {
        id: "SSF-T-005.members-stand-once",
        section: "RFC 8259 §4",
        level: Level::Should,
        statement: "no member of an object stands twice, since readers differ on which one counts",
        judge: members_stand_once,
    },
    Check {
        id: "SSF-T-006.further-members",
        section: "SSF 1.0 §7.2.3",
        level: Level::May,
        statement: "the metadata may hold members that SSF 1.0 §7.1 does not define",
        judge: further_members,
    },
    Check {
        id: "SSF-T-007.several-values-are-arrays",
        section: "SSF 1.0 §7.2.3",
        level: Level::Must,
        statement: "several values form an array, and an array without elements is left out",
        judge: arrays,
    },
    Check {
        id: "SSF-T-008.error-status",
        section: "SSF 1.0 §7.2.3",
        level: Level::MustImplied,
        statement: "a metadata request for an unknown issuer is answered with a fitting HTTP error, such as 404",
        judge: error_status,
    },
    Check {
        id: "SSF-R-003.issuer-identical",
        section: "SSF 1.0 §7.2.4",
        level: Level::Must,
        statement: "issuer is, byte for byte, the issuer that was asked",
        judge: issuer_identical,
    },
    Check {
        id: "SSF-T-037.nothing-at-risc-path",
        section: "SSF 1.0 §7.2.2",
        level: Level::Should,
        statement: "a new service does not publish at /.well-known/risc-configuration",
        judge: nothing_at_risc_path,
    },
];

/// The members that are arrays (SSF 1.0 §7.1).
const ARRAYS: [&str; 3] = [
    "delivery_methods_supported",
    "critical_subject_members",
    "authorization_schemes",
];

fn at_well_known_path(recording: &Recording) -> Outcome {
    let asked = recording.metadata();
    match &asked.result {
        Err(error) => Outcome::not_run(error.to_string()),
        Ok(answer) if answer.is_success() => Outcome::satisfied(asked.summary()),
        Ok(_) => match &recording.probes().appended {
            Some(appended) if is_success(appended) => Outcome::broken(format!(
                "{}; something is at {}, where the segment is appended instead of inserted",
                asked.summary(),
                appended.url()
            )),
            Some(_) | None => Outcome::broken(asked.summary()),
        },
    }
}

fn last_slash_removed(recording: &Recording) -> Outcome {
    if !recording.target().issuer().ends_with('/') {
        return Outcome::not_run("the issuer does not end with a slash");
    }
    match &recording.metadata().result {
        Err(error) => Outcome::not_run(error.to_string()),
        Ok(answer) if answer.is_success() => Outcome::satisfied(recording.metadata().summary()),
        Ok(_) => Outcome::broken(recording.metadata().summary()),
    }
}

fn obeys_section_7_1(recording: &Recording) -> Outcome {
    on_success(recording, |answer| {
        if let Err(fault) = answer.object() {
            return Outcome::broken(fault);
        }
        let failed: Vec<&str> = section_7_1::CHECKS
            .iter()
            .filter(|check| Verdict::of(check.level, &check.run(recording)) == Verdict::Failed)
            .map(Check::requirement)
            .collect();
        if !failed.is_empty() {
            return Outcome::broken(format!("failed: {}", failed.join(", ")));
        }
        if recording.target().is_plain() {
            return Outcome::not_run(Outcome::LOOPBACK);
        }
        Outcome::satisfied("an object, and none of the checks of SSF 1.0 §7.1 failed")
    })
}

fn content_type(recording: &Recording) -> Outcome {
    on_success(recording, |answer| {
        let values: Vec<&str> = answer.header("content-type").collect();
        let [value] = values.as_slice() else {
            let found = values.len();
            return Outcome::broken(format!("the answer has {found} Content-Type headers"));
        };
        let media_type = value.split(';').next().unwrap_or_default().trim();
        let evidence = format!("Content-Type: {}", shortened(value));
        if media_type.eq_ignore_ascii_case("application/json") {
            Outcome::satisfied(evidence)
        } else {
            Outcome::broken(evidence)
        }
    })
}

fn status_and_object(recording: &Recording) -> Outcome {
    on_success(recording, |answer| {
        if answer.status != 200 {
            return Outcome::broken(format!("the status is {}", answer.status));
        }
        match answer.object() {
            Ok(object) => Outcome::satisfied(format!("status 200, {} members", object.len())),
            Err(fault) => Outcome::broken(fault),
        }
    })
}

fn members_stand_once(recording: &Recording) -> Outcome {
    on_success(recording, |answer| {
        if let Err(fault) = answer.object() {
            return Outcome::not_run(fault);
        }
        match repeated_name(&answer.body) {
            Some(name) => Outcome::broken(format!("{} stands twice", shortened(&name))),
            None => Outcome::satisfied("each member stands once"),
        }
    })
}

fn further_members(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        let further: Vec<&str> = document
            .keys()
            .map(String::as_str)
            .filter(|name| !section_7_1::MEMBERS.contains(name))
            .collect();
        if further.is_empty() {
            return Outcome::satisfied("all members are defined in SSF 1.0 §7.1");
        }
        Outcome::noted(shortened(&further.join(", ")))
    })
}

fn arrays(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        let bare = ARRAYS
            .into_iter()
            .find(|name| document.get(*name).is_some_and(|value| !value.is_array()));
        if let Some(name) = bare {
            return Outcome::broken(format!("{name} is not an array"));
        }
        let empty = document
            .iter()
            .find(|(_, value)| value.as_array().is_some_and(Vec::is_empty));
        match empty {
            Some((name, _)) => Outcome::broken(format!("{} is []", shortened(name))),
            None => Outcome::satisfied("no member is an empty array or a bare value"),
        }
    })
}

fn error_status(recording: &Recording) -> Outcome {
    let asked = &recording.probes().unknown_tenant;
    let answer = match &asked.result {
        Ok(answer) => answer,
        Err(error) => return Outcome::not_run(format!("{}: {error}", asked.url())),
    };
    if (400..500).contains(&answer.status) {
        return Outcome::satisfied(asked.summary());
    }
    if answer.is_success()
        && answer
            .object()
            .is_ok_and(|object| is_of_that_tenant(&object))
    {
        return Outcome::not_run(
            "the transmitter serves every tenant, so the request did not fail",
        );
    }
    Outcome::broken(asked.summary())
}

/// Whether a document is what the issuer that was asked for would serve: then the request has not failed.
fn is_of_that_tenant(document: &Map<String, Value>) -> bool {
    document
        .get("issuer")
        .and_then(Value::as_str)
        .is_some_and(|issuer| issuer.ends_with(UNKNOWN_TENANT))
}

fn issuer_identical(recording: &Recording) -> Outcome {
    on_member(recording, "issuer", |found| {
        let asked = recording.target().issuer();
        if found.as_str() == Some(asked) {
            Outcome::satisfied(shown(found))
        } else {
            Outcome::broken(format!("{} is not {asked:?}", shown(found)))
        }
    })
}

fn nothing_at_risc_path(recording: &Recording) -> Outcome {
    let asked = &recording.probes().risc;
    match &asked.result {
        Err(error) => Outcome::not_run(format!("{}: {error}", asked.url())),
        Ok(answer) if matches!(answer.status, 404 | 410) => Outcome::satisfied(asked.summary()),
        Ok(answer) if answer.is_success() => Outcome::broken(format!(
            "{}; a service older than SSF 1.0 may keep it",
            asked.summary()
        )),
        Ok(_) => Outcome::broken(format!("{}; 404 is expected", asked.summary())),
    }
}

fn is_success(exchange: &Exchange) -> bool {
    exchange.result.as_ref().is_ok_and(Answer::is_success)
}

/// Runs `judge` on the answer to the metadata request, or says that it did not succeed.
fn on_success(recording: &Recording, judge: impl FnOnce(&Answer) -> Outcome) -> Outcome {
    match &recording.metadata().result {
        Ok(answer) if answer.is_success() => judge(answer),
        Ok(answer) => Outcome::not_run(format!("the answer has status {}", answer.status)),
        Err(error) => Outcome::not_run(error.to_string()),
    }
}

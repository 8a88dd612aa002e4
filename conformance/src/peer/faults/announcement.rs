//! Faults in what the transmitter does with a stream by itself.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::STREAM_UPDATED,
    peer::{
        Breaks::{Rules, Set},
        Fault, Members,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a pause by the transmitter is not announced",
        found: &[("SSF-T-171.paused", Failed), ("SSF-T-241.last", Failed)],
        breaks: Rules(|rules| rules.keeps_quiet_about = Some("paused")),
    },
    Fault {
        name: "that the transmitter disables a stream is not announced",
        found: &[("SSF-T-171.disabled", Failed)],
        breaks: Rules(|rules| rules.keeps_quiet_about = Some("disabled")),
    },
    Fault {
        name: "that the transmitter enables a stream is not announced",
        found: &[("SSF-T-171.enabled", Failed), ("SSF-T-242.start", Failed)],
        breaks: Rules(|rules| rules.keeps_quiet_about = Some("enabled")),
    },
    Fault {
        name: "what the receiver asked for is announced",
        found: &[("SSF-T-172.asked-for", Note)],
        breaks: Rules(|rules| rules.announces_what_was_asked_for = true),
    },
    Fault {
        name: "an announcement tells another status than the one that is read",
        found: &[
            ("SSF-T-244.status", Failed),
            ("SSF-T-171.paused", Failed),
            ("SSF-T-171.disabled", Failed),
            ("SSF-T-171.enabled", Failed),
            ("SSF-T-241.last", Failed),
        ],
        breaks: Set(|_, claims| {
            if let Some(event) = announcement(claims) {
                event.insert("status".to_owned(), json!("stopped"));
            }
        }),
    },
    Fault {
        name: "the reason of an announcement is an object",
        found: &[("SSF-T-245.reason", Warning)],
        breaks: Set(|_, claims| {
            if let Some(event) = announcement(claims) {
                event.insert("reason".to_owned(), json!({ "en": "maintenance" }));
            }
        }),
    },
    Fault {
        name: "announcements have a subject of another format",
        found: &[("SSF-T-246.format", Failed)],
        breaks: Set(|_, claims| {
            if announcement(claims).is_some()
                && let Some(subject) = claims.get_mut("sub_id")
            {
                subject["format"] = json!("uri");
            }
        }),
    },
    Fault {
        name: "announcements are about something else than the stream",
        found: &[("SSF-T-247.id", Failed)],
        breaks: Set(|_, claims| {
            if announcement(claims).is_some()
                && let Some(subject) = claims.get_mut("sub_id")
            {
                subject["id"] = json!("all");
            }
        }),
    },
    Fault {
        name: "a pause by the transmitter is announced, and that is all",
        found: &[
            ("SSF-T-241.last", Failed),
            ("SSF-T-244.status", Failed),
            ("SSF-T-242.start", Note),
            ("SSF-T-245.reason", Note),
        ],
        breaks: Rules(|rules| rules.announces_alone = true),
    },
];

fn announcement(claims: &mut Members) -> Option<&mut Members> {
    let event = claims.get_mut("events")?.get_mut(STREAM_UPDATED);
    event.and_then(Value::as_object_mut)
}

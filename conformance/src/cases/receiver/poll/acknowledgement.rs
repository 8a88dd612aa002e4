//! What is said of the SETs that a poll brings.

use serde_json::{Value, json};

use super::{POLL, polled};
use crate::{
    case::{Case, Judge, Stop},
    cases::push::{INVALID_REQUEST, answer::not_compliant},
    checks::Level::{Must, MustImplied, Should},
    event_types::DEVICE_COMPLIANCE_CHANGE,
    push::{Probe, Set},
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-R-002.several",
        section: "RFC 8936 §2",
        level: Must,
        title: "each of several SETs is acknowledged or refused",
        why: "what is neither comes again and again, and keeps others from coming",
        judge: Judge::Push(|p| Box::pin(several(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-003.soon",
        section: "RFC 8936 §2",
        level: Should,
        title: "an event that calls for much is acknowledged as soon as others",
        why: "what is not acknowledged comes again; what the event leads to can be done after that",
        judge: Judge::Push(|p| Box::pin(soon(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-005.about-nobody",
        section: "RFC 8936 §2",
        level: Must,
        title: "an event about somebody whom the receiver does not know is acknowledged",
        why: "nothing is wrong with the SET; told as an error, it has the transmitter look for a fault that it does not have",
        judge: Judge::Push(|p| Box::pin(about_nobody(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-006.again",
        section: "RFC 8936 §2.4",
        level: Should,
        title: "a SET that comes again is acknowledged again",
        why: "the acknowledgement was lost on its way, and the transmitter sends until it gets one",
        judge: Judge::Push(|p| Box::pin(again(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-012.more",
        section: "RFC 8936 §2.3",
        level: MustImplied,
        title: "after moreAvailable the rest is polled for",
        why: "a transmitter that sends few at a time has the rest wait until the receiver asks; events come late by a pause each",
        judge: Judge::Push(|p| Box::pin(more(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-016.other-name",
        section: "RFC 8936 §2.3",
        level: MustImplied,
        title: "a SET under another name than its jti is refused under that name",
        why: "the name is what is acknowledged: taken for another SET, that one never comes",
        judge: Judge::Push(|p| Box::pin(named(p))),
        ..POLL
    },
];

async fn several(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    for answered in probe.deliver(&sounds(probe)).await? {
        probe.expect_accepted(&answered);
    }
    Ok(())
}

async fn soon(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    probe.given_accepted().await?;
    let set = probe.sound();
    let answered = probe
        .push(&set.event(DEVICE_COMPLIANCE_CHANGE.uri, &not_compliant()))
        .await?;
    if answered.status() == 400 {
        return Err(Stop::blocked("the SET is refused"));
    }
    probe.expect_status(&answered, &[202]);
    Ok(())
}

async fn about_nobody(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    let subject = json!({ "format": "account", "uri": "acct:nobody@ssf-conformance.invalid" });
    probe.accepts(probe.sound().claim("sub_id", subject)).await
}

async fn again(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    let set = probe.sound();
    probe.push(&set).await?.given_success()?;
    let answered = probe.push(&set).await?;
    probe.expect_accepted(&answered);
    Ok(())
}

async fn more(probe: &Probe) -> Result<(), Stop> {
    let host = polled(probe)?;
    host.answer_polls_with(1);
    let delivered = async {
        // A poll that waits already brings as many as it asked for: this SET ends it.
        probe.given_accepted().await?;
        probe.deliver(&sounds(probe)).await
    };
    let delivered = delivered.await;
    host.answer_polls_with(usize::MAX);
    for answered in delivered? {
        probe.expect_accepted(&answered);
    }
    Ok(())
}

async fn named(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    probe.given_accepted().await?;
    let name = format!(
        "{}-other",
        probe
            .sound()
            .get("jti")
            .and_then(Value::as_str)
            .unwrap_or_default()
    );
    for answered in probe.deliver(&[(name, probe.sound())]).await? {
        probe.expect_refused(&answered, &[400], INVALID_REQUEST);
    }
    probe.given_accepted().await
}

/// Some SETs under their names.
fn sounds(probe: &Probe) -> [(String, Set); 3] {
    [(); 3].map(|()| {
        let set = probe.sound();
        let jti = set.get("jti").and_then(Value::as_str);
        (jti.unwrap_or_default().to_owned(), set)
    })
}

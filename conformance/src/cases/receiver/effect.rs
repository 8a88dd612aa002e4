//! What an event does: whose sessions it ends, and which.

use serde_json::{Value, json};

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::{Must, MustImplied, Should},
    peer::host::CRITICAL_MEMBER,
    push::{Probe, SESSION_REVOKED, SESSION_SECONDS, Set},
};

const EFFECT: Case = Case {
    tags: &["receiver", "effect"],
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "INTEROP-044.session-ends",
        section: "CAEP Interoperability Profile 1.0 §3.1",
        level: Must,
        profiles: Profile::AND_LEGACY,
        title: "session-revoked ends the session, and nobody else's",
        why: "it is what all of this is for: a receiver that takes the event and lets the session go on protects nobody",
        judge: Judge::Push(|p| Box::pin(ends(p))),
        ..EFFECT
    },
    Case {
        id: "CAEP-SR-002.user-on-device",
        also: &["SUBJ-014"],
        section: "CAEP 1.0 §3.1",
        level: MustImplied,
        title: "session-revoked about a user on a device ends that user's session on that device alone",
        why: "all members of a subject count together; one that is left out ends the sessions of a whole family, or nobody's",
        judge: Judge::Push(|p| Box::pin(on_device(p))),
        ..EFFECT
    },
    Case {
        id: "CAEP-SR-002.user-on-each-device",
        section: "CAEP 1.0 §3.1",
        level: MustImplied,
        title: "session-revoked about a user ends that user's sessions on each device",
        why: "who was locked out on the laptop goes on with the phone otherwise",
        judge: Judge::Push(|p| Box::pin(on_each_device(p))),
        ..EFFECT
    },
    Case {
        id: "SSF-R-007.unknown-critical",
        also: &["SUBJ-015"],
        section: "SSF 1.0 §3.6",
        level: Must,
        title: "an event does nothing whose subject has a critical member that nobody knows",
        why: "the member narrows down who is meant; without it somebody else's sessions end",
        judge: Judge::Push(|p| Box::pin(discards_critical(p))),
        ..EFFECT
    },
    Case {
        id: "SET-034.began-later",
        section: "RFC 8417 §5.4",
        level: Should,
        title: "an event does not end a session that began after it happened",
        why: "SETs are late; whoever has signed in anew since then is thrown out again, each time one comes",
        judge: Judge::Push(|p| Box::pin(spares_what_began_later(p))),
        ..EFFECT
    },
];

async fn ends(probe: &Probe) -> Result<(), Stop> {
    let [set, other] = [probe.sound(), probe.sound()];
    let [subject, bystander] = [subject(&set), subject(&other)];
    probe.given_sessions(&[&subject, &bystander]).await?;
    probe.push(&set).await?.given_success()?;
    probe
        .expect_ended("the session of its subject", &subject)
        .await?;
    probe
        .expect_alive("the session of somebody else", &bystander)
        .await
}

/// Two users on two devices, of whom nothing was said before.
struct Household {
    set: Set,
    user: Value,
    at_home: Value,
    elsewhere: Value,
    somebody_else: Value,
}

impl Household {
    async fn of(probe: &Probe) -> Result<Self, Stop> {
        let [set, other] = [probe.sound(), probe.sound()];
        let user = subject(&set);
        let id = user["email"].as_str().unwrap_or_default();
        let device = |name: &str| json!({ "format": "opaque", "id": format!("{name}-of-{id}") });
        let on = |user: &Value, device: Value| json!({ "format": "complex", "user": user, "device": device });
        let household = Self {
            at_home: on(&user, device("desk")),
            elsewhere: on(&user, device("phone")),
            somebody_else: on(&subject(&other), device("desk")),
            user,
            set,
        };
        let sessions = [
            &household.at_home,
            &household.elsewhere,
            &household.somebody_else,
        ];
        probe.given_sessions(&sessions).await?;
        Ok(household)
    }
}

async fn on_device(probe: &Probe) -> Result<(), Stop> {
    let Household {
        set,
        at_home,
        elsewhere,
        somebody_else,
        ..
    } = Household::of(probe).await?;
    let answered = probe.push(&set.claim("sub_id", at_home.clone())).await?;
    probe.expect_accepted(&answered);
    probe
        .expect_ended("the session of the user on the device", &at_home)
        .await?;
    probe
        .expect_alive("the session of the user on another device", &elsewhere)
        .await?;
    probe
        .expect_alive("the session of another user on the device", &somebody_else)
        .await
}

async fn on_each_device(probe: &Probe) -> Result<(), Stop> {
    let Household {
        set,
        user,
        at_home,
        elsewhere,
        somebody_else,
    } = Household::of(probe).await?;
    let answered = probe.push(&set.claim("sub_id", user)).await?;
    probe.expect_accepted(&answered);
    probe
        .expect_ended("the session of the user on a device", &at_home)
        .await?;
    probe
        .expect_ended("the session of the user on another device", &elsewhere)
        .await?;
    probe
        .expect_alive("the session of another user", &somebody_else)
        .await
}

async fn discards_critical(probe: &Probe) -> Result<(), Stop> {
    let [set, plain] = [probe.sound(), probe.sound()];
    let [spared, ended] = [subject(&set), subject(&plain)];
    probe.given_sessions(&[&spared, &ended]).await?;
    let place = json!({ "format": "opaque", "id": "ssf-conformance" });
    let narrow = json!({ "format": "complex", "user": spared, CRITICAL_MEMBER: place });
    // Whether it is said to be taken is up to the receiver.
    probe.push(&set.claim("sub_id", narrow)).await?;
    let wide = json!({ "format": "complex", "user": ended });
    probe.push(&plain.claim("sub_id", wide)).await?;
    given_end(probe, &ended).await?;
    let what = "the session of the user whom the critical member narrows down";
    probe.expect_alive(what, &spared).await
}

async fn spares_what_began_later(probe: &Probe) -> Result<(), Stop> {
    let [set, present] = [probe.sound(), probe.sound()];
    let [spared, ended] = [subject(&set), subject(&present)];
    probe.given_sessions(&[&spared, &ended]).await?;
    let now = set.get("iat").and_then(Value::as_u64).unwrap_or_default();
    let before = now.saturating_sub(2 * SESSION_SECONDS);
    let happened = json!({ "event_timestamp": before });
    let late = probe.push(&set.event(SESSION_REVOKED, &happened)).await?;
    late.given_success()?;
    probe.push(&present).await?.given_success()?;
    given_end(probe, &ended).await?;
    let what = "the session that began after the event";
    probe.expect_alive(what, &spared).await
}

/// Relies on a session to end: what came before has had its effect by then.
async fn given_end(probe: &Probe, known_by: &Value) -> Result<(), Stop> {
    if probe.ends(known_by).await? {
        return Ok(());
    }
    Err(Stop::blocked("session-revoked ends no session at all"))
}

fn subject(set: &Set) -> Value {
    set.subject().cloned().unwrap_or_default()
}

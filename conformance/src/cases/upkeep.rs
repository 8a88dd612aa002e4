//! What a Receiver must not notice of its Transmitter's upkeep: a new key, and a restart. These cases come last, and each alone.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::Level,
    context::{Arrived, Context, Operation, Stream, kid},
    jws,
    set::RawSet,
};

const ROTATION: Case = Case {
    section: "SSF 1.0 §7.1",
    level: Level::Must,
    tags: &["upkeep", "keys"],
    needs: &[Need::Token, Need::Emit, Need::RotateKey, Need::Alone],
    waits: |limits| limits.event() * 3,
    ..Case::MANAGEMENT
};

const RESTART: Case = Case {
    tags: &["upkeep", "restart"],
    needs: &[Need::Token, Need::Restart, Need::Alone],
    waits: |limits| limits.event() * 3,
    ..Case::MANAGEMENT
};

/// The cases of this matter.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-012.new-key",
        title: "once another key signs, it is published with the first SET that it has signed, and the signature is its own",
        why: "A receiver that meets a key it does not know fetches the keys once, and refuses the SET if it is not there.",
        judge: Script(|cx| Box::pin(new_key(cx))),
        ..ROTATION
    },
    Case {
        id: "SSF-T-012.former-key",
        level: Level::Should,
        profiles: Profile::AND_HARDENING,
        title: "the key that signed before stays published for the SETs that are under way",
        why: "Otherwise what was signed before the change, and arrives after it, is refused and lost.",
        judge: Script(|cx| Box::pin(former_key(cx))),
        ..ROTATION
    },
    Case {
        id: "POLL-T-014.after-restart",
        section: "RFC 8936 §2.4",
        level: Level::Should,
        title: "a SET that was not fetched before a restart comes after it",
        why: "A revocation that is lost with the process is never heard of.",
        needs: &[Need::Token, Need::Emit, Need::Restart, Need::Alone],
        judge: Script(|cx| Box::pin(sets_stay(cx))),
        ..RESTART
    },
    Case {
        id: "SSF-T-125.after-restart",
        section: "SSF 1.0 §8.1.1.2",
        title: "a stream is after a restart what it was before",
        why: "A receiver makes its stream once; nobody tells it that it is gone.",
        judge: Script(|cx| Box::pin(stream_stays(cx))),
        ..RESTART
    },
    Case {
        id: "SSF-T-188.after-restart",
        section: "SSF 1.0 §8.1.2.2",
        title: "a stream that was paused is paused after a restart",
        why: "A receiver that asked for quiet is overrun while it is being repaired.",
        judge: Script(|cx| Box::pin(status_stays(cx))),
        ..RESTART
    },
    Case {
        id: "SSF-T-200.after-restart",
        section: "SSF 1.0 §8.1.3.1",
        level: Level::Should,
        title: "a subject that was added before a restart brings its events after it",
        why: "A receiver adds each of its subjects once.",
        needs: &[Need::Token, Need::Emit, Need::Restart, Need::Alone],
        judge: Script(|cx| Box::pin(subjects_stay(cx))),
        ..RESTART
    },
];

/// Has an event happen to a subject, and waits for its SET.
async fn event(cx: &Context, stream: &Stream, subject: &Value) -> Result<Arrived, Stop> {
    let named = cx.emit(subject).await?;
    cx.arrival(stream, |set| set.claims.get("sub_id") == Some(&named))
        .await
}

/// Whether one of the keys that are published now signed a SET.
async fn is_signed_by_published(cx: &Context, arrived: &Arrived) -> Result<bool, Stop> {
    let wanted = kid(&arrived.set)?;
    let alg = arrived.set.header.get("alg").and_then(Value::as_str);
    let keys = cx.keys().await?;
    Ok(keys.iter().any(|key| {
        let is_named = key.get("kid").is_some_and(|found| found == wanted);
        is_named && jws::verify(&arrived.set.token, alg.unwrap_or_default(), key).is_ok()
    }))
}

/// Has another key sign, and returns the last SET of the former one and the first of the new one.
async fn rotated(cx: &Context) -> Result<[Arrived; 2], Stop> {
    let stream = cx.stream().await?;
    let before = event(cx, &stream, &cx.subject(&stream).await?).await?;
    let former = kid(&before.set)?.to_owned();
    if !is_signed_by_published(cx, &before).await? {
        return Err(Stop::blocked(format!("{former} is not published")));
    }
    cx.rotate_key(&former).await?;
    // Several processes may learn of it one after the other.
    let (began, patience) = (Instant::now(), cx.target().limits.event());
    loop {
        let after = event(cx, &stream, &cx.subject(&stream).await?).await?;
        let changed = kid(&after.set)? != former;
        if changed || began.elapsed() > patience {
            let expected = format!("another than {former}");
            let found = kid(&after.set)?;
            cx.require(changed, "kid of a SET after the change", expected, found)?;
            return Ok([before, after]);
        }
        cx.pause().await;
    }
}

async fn new_key(cx: &Context) -> Result<(), Stop> {
    let [_, after] = rotated(cx).await?;
    let holds = is_signed_by_published(cx, &after).await?;
    let what = format!("key {} at jwks_uri", kid(&after.set)?);
    let found = if holds { "it" } else { "none that does" };
    cx.expect(holds, what, "a key that checks the signature", found);
    Ok(())
}

async fn former_key(cx: &Context) -> Result<(), Stop> {
    let [before, _] = rotated(cx).await?;
    let holds = is_signed_by_published(cx, &before).await?;
    let what = format!("key {} at jwks_uri, after the change", kid(&before.set)?);
    let found = if holds { "it" } else { "none that does" };
    cx.expect(holds, what, "a key that checks what it has signed", found);
    Ok(())
}

async fn sets_stay(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let [first, subject] = [cx.subject(&stream).await?, cx.subject(&stream).await?];
    let first = event(cx, &stream, &first).await?;
    cx.poll_now(&stream, json!({ "ack": [first.jti] })).await?;
    let named = cx.emit(&subject).await?;
    cx.restart().await?;
    cx.read(&stream).await?;
    let is_it = |set: &RawSet| set.claims.get("sub_id") == Some(&named);
    let what = (
        "what comes after the restart",
        "the SET of the event before it",
    );
    cx.expect_arrival(&stream, what, is_it).await
}

async fn stream_stays(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    cx.restart().await?;
    cx.expect_untouched(&stream, &before).await
}

async fn status_stays(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let enabled = status(cx, &stream).await?;
    let body = json!({ "stream_id": stream.id, "status": "paused" });
    let call = cx.call(Operation::SetStatus).json(&body);
    call.send().await?.given_success()?;
    let before = status(cx, &stream).await?;
    if before == enabled {
        return Err(Stop::blocked("the stream cannot be paused"));
    }
    cx.restart().await?;
    cx.read(&stream).await?;
    let after = status(cx, &stream).await?;
    cx.expect(after == before, "status after the restart", before, after);
    Ok(())
}

/// The status of a stream, however it is written.
async fn status(cx: &Context, stream: &Stream) -> Result<Value, Stop> {
    let call = cx.call(Operation::ReadStatus).stream(&stream.id);
    let mut object = call.send().await?.given_object()?;
    let status = object.remove("status");
    status.ok_or_else(|| Stop::blocked("there is no status"))
}

async fn subjects_stay(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = cx.subject(&stream).await?;
    let before = event(cx, &stream, &subject).await?;
    cx.poll_now(&stream, json!({ "ack": [before.jti] })).await?;
    cx.restart().await?;
    cx.read(&stream).await?;
    let named = cx.emit(&subject).await?;
    let is_another = |set: &RawSet| {
        let differs = set.claims.get("jti") != before.set.claims.get("jti");
        differs && set.claims.get("sub_id") == Some(&named)
    };
    let what = (
        "what comes after the restart",
        "the SET of an event after it",
    );
    cx.expect_arrival(&stream, what, is_another).await
}

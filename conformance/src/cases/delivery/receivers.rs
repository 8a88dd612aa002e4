//! Two Receivers that are pushed to one URL (SSF 1.0 §4.1.8).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::EVENTS;
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::Level,
    context::{Context, Credential, Operation, is_about},
    sink::Push,
    target_file::Token,
};

/// The cases of two Receivers.
pub const CASES: &[Case] = &[Case {
    id: "SET-012.separate-sets",
    section: "SSF 1.0 §4.1.8",
    level: Level::Should,
    title: "two receivers that are pushed to one URL get a SET each",
    why: "Whoever is not known to be one with another must not read what is made out to it.",
    needs: &[Need::Token, Need::OtherToken, Need::Push, Need::Emit],
    judge: Script(|cx| Box::pin(separate_sets(cx))),
    ..EVENTS
}];

async fn separate_sets(cx: &Context) -> Result<(), Stop> {
    let own = cx.push_stream().await?;
    let request = cx.push_request(own.inbox.url());
    let other = cx.stream_of_another(&request).await?;
    let audiences = [&own.stream, &other].map(|stream| stream.configuration.get("aud").cloned());
    if audiences[0] == audiences[1] {
        return Err(Stop::not_offered("both receivers have one aud"));
    }
    let subject = cx.subject(&own.stream).await?;
    // Where nobody has to be added, everybody is covered.
    if cx.endpoint(Operation::AddSubject).is_ok() {
        let body = json!({ "stream_id": other.id, "subject": subject });
        let call = cx.call(Operation::AddSubject).json(&body);
        let added = call.credential(Credential::Of(Token::Other)).send().await?;
        added.given_success()?;
    }
    let named = cx.emit(&subject).await?;
    own.arrival(|push| is_about(push, &named)).await?;
    for audience in audiences.into_iter().flatten() {
        let is_its = |push: &Push| is_about(push, &named) && aud(push) == Some(&audience);
        let found = own.found(is_its).await;
        let found = found.as_ref().and_then(Push::jti).unwrap_or("none");
        let what = format!("a SET for {audience} alone");
        cx.expect(found != "none", what, "to be pushed", found);
    }
    let pushes = own.inbox.pushes();
    let about = pushes.iter().filter(|push| is_about(push, &named));
    let jtis: BTreeSet<&str> = about.filter_map(Push::jti).collect();
    cx.expect(jtis.len() == 2, "different jti", 2, jtis.len());
    Ok(())
}

fn aud(push: &Push) -> Option<&Value> {
    push.set.as_ref()?.claims.get("aud")
}

//! What instances that share an inbox have to be able to rely on.

use std::time::Duration;

use tokio::time::timeout;

use super::{A, Kind, received, retain, revocation};
use crate::{
    inbox::{Changes, Inbox, Line, SharedInbox},
    revocation::ScopeId,
};

/// Long enough for whatever is told.
const SOON: Duration = Duration::from_mins(1);

/// For how long nobody says anything.
const SILENCE: Duration = Duration::from_millis(200);

async fn one_leads_until_it_steps_down(one: &impl SharedInbox, other: &impl SharedInbox) {
    assert!(one.lead().await.unwrap());
    assert!(!other.lead().await.unwrap());
    assert!(one.lead().await.unwrap(), "it keeps the lead");
    // Who does not lead has nothing to give back.
    other.step_down().await.unwrap();
    assert!(!other.lead().await.unwrap());
    one.step_down().await.unwrap();
    assert!(other.lead().await.unwrap());
    assert!(!one.lead().await.unwrap());
    other.step_down().await.unwrap();
}

async fn what_is_reported_is_told_with_its_age(one: &impl SharedInbox, other: &impl SharedInbox) {
    let scope = |number| ScopeId::new(number).unwrap();
    assert_eq!(other.reported(scope(1)).await.unwrap(), None);
    for says in ["late gap", "fresh"] {
        one.report(scope(1), says).await.unwrap();
        let (told, age) = other.reported(scope(1)).await.unwrap().unwrap();
        assert_eq!(told, says);
        assert!(age < SOON);
    }
    assert_eq!(other.reported(scope(2)).await.unwrap(), None);
}

async fn what_one_asked_for_the_others_know(one: &impl SharedInbox, other: &impl SharedInbox) {
    let [scope, foreign] = [1, 2].map(|number| ScopeId::new(number).unwrap());
    one.asked_with(scope, "s:1 ä").await.unwrap();
    assert!(other.was_asked(scope, "s:1 ä").await.unwrap());
    assert!(!other.was_asked(scope, "s:1").await.unwrap());
    assert!(!other.was_asked(foreign, "s:1 ä").await.unwrap());
}

async fn others_are_heard_and_nobody_hears_itself<I: Inbox + SharedInbox>(one: &I, other: &I) {
    let mut line = other.line().await.unwrap();
    retain(other, received(A, "own", "{}", 1001), &[]).await;
    let heard = timeout(SILENCE, line.hear()).await;
    assert!(heard.is_err(), "it heard itself, or worse: {heard:?}");
    retain(one, received(A, "heard", "{}", 1001), &[]).await;
    timeout(SOON, line.hear()).await.unwrap().unwrap();
    line.ask().await.unwrap();
    assert_eq!(
        one.last_row().await.unwrap(),
        other.last_row().await.unwrap()
    );
}

/// Each instance writes as it likes, and what both have is whole.
async fn who_write_at_once_lose_nothing<I: Inbox + Changes + SharedInbox>(one: &I, other: &I) {
    let place = one.last_change().await.unwrap();
    let row = one.last_row().await.unwrap();
    let all = async |inbox: &I| {
        let mut new = 0;
        for number in 0..50 {
            let set = received(A, &format!("at-once-{number}"), "{}", 1001);
            // One key for all, and one of its own for each.
            let more = [
                revocation(0x60, Kind::Ended, number),
                revocation(0x90, Kind::Ended, 7),
            ];
            let mut more = more.to_vec();
            more[1].key =
                crate::revocation::RevocationKey::from_bytes([u8::try_from(number).unwrap(); 16]);
            more[1].scope = ScopeId::new(5).unwrap();
            new += u32::from(retain(inbox, set, &more).await == super::Retained::New);
        }
        new
    };
    let (new, also_new) = tokio::join!(all(one), all(other));
    assert_eq!(new + also_new, 50, "each SET is new once");
    let changes = other.changes(place, 1000).await.unwrap();
    assert!(changes.is_sorted_by(|one, next| one.position < next.position));
    let own = changes
        .iter()
        .filter(|one| one.revocation.scope.number() == 5);
    assert_eq!(own.count(), 50);
    let common = changes
        .iter()
        .filter(|one| one.revocation.key == revocation(0x60, Kind::Ended, 0).key);
    let moments: Vec<u32> = common.map(|one| one.revocation.moment).collect();
    assert_eq!(moments, [49]);
    let last = one.last_row().await.unwrap();
    assert!(last >= row + 50);
    assert_eq!(other.last_row().await.unwrap(), last);
}

pub(super) async fn keeps_its_contract<I: Inbox + Changes + SharedInbox>(one: &I, other: &I) {
    one_leads_until_it_steps_down(one, other).await;
    what_is_reported_is_told_with_its_age(one, other).await;
    what_one_asked_for_the_others_know(one, other).await;
    others_are_heard_and_nobody_hears_itself(one, other).await;
    who_write_at_once_lose_nothing(one, other).await;
    assert_eq!(one.origin().await.unwrap(), other.origin().await.unwrap());
}

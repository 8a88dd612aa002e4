//! What is listed of changes.

use super::{A, Kind, ReceivedSet, ScopeId, Watermarks, received, retain, revocation};
use crate::{
    inbox::{Changes, Inbox},
    revocation::Revocation,
};

fn set(jti: &str) -> ReceivedSet {
    received(A, jti, "{}", 1001)
}

/// What is listed behind a position, and the last position of that.
async fn behind(inbox: &impl Changes, after: i64, most: usize) -> (Vec<Revocation>, i64) {
    let changes = inbox.changes(after, most).await.unwrap();
    let in_order = changes.is_sorted_by(|one, next| one.position < next.position);
    assert!(in_order && changes.iter().all(|one| one.position > after));
    let last = changes.last().map_or(after, |last| last.position);
    let revocations = changes.into_iter().map(|one| one.revocation);
    (revocations.collect(), last)
}

/// Whoever goes on behind the last position learns of each change, once, in the order in which they were made.
pub(super) async fn are_listed_in_their_order(inbox: &(impl Inbox + Changes)) {
    let (_, mut place) = behind(inbox, 0, 1000).await;
    assert_eq!(inbox.last_change().await.unwrap(), place);
    let one = |moment| revocation(0x71, Kind::Ended, moment);
    let other = |moment| revocation(0x70, Kind::Ended, moment);
    for (jti, revocations) in [("c1", [one(5), other(5)]), ("c2", [one(9), other(3)])] {
        retain(inbox, set(jti), &revocations).await;
    }
    // What is older than what is known changes nothing.
    let both = [other(5), one(9)];
    let (listed, last) = behind(inbox, place, 1000).await;
    assert_eq!(listed, both);
    assert_eq!(inbox.last_change().await.unwrap(), last);
    let (first, after_first) = behind(inbox, place, 1).await;
    assert_eq!(first, both[..1]);
    assert_eq!(behind(inbox, after_first, 1).await.0, both[1..]);
    place = last;
    retain(inbox, set("c2"), &[one(9)]).await;
    assert_eq!(behind(inbox, place, 1000).await, (Vec::new(), place));
}

/// A position is not given again, even if what it was given to is forgotten.
pub(super) async fn have_positions_that_are_given_once(inbox: &(impl Inbox + Changes)) {
    let scope = ScopeId::new(3).unwrap();
    retain(inbox, set("c3"), &[revocation(0x72, Kind::Ended, 2000)]).await;
    let place = inbox.last_change().await.unwrap();
    let all = Watermarks {
        ended: 9000,
        unproven: 0,
    };
    assert_ne!(inbox.forget(scope, all, 1000).await.unwrap(), 0);
    assert_eq!(inbox.last_change().await.unwrap(), place);
    let new = revocation(0x73, Kind::Ended, 9999);
    retain(inbox, set("c4"), std::slice::from_ref(&new)).await;
    let (listed, last) = behind(inbox, place, 1000).await;
    assert_eq!(listed, [new]);
    assert!(last > place);
}

//! What every inbox has to keep, and to let go, of SETs that came long ago.

use ssf_types::{id::Epoch, set::Sequence};

use super::*;
use crate::{
    inbox::{
        forgetting::{Forgetting, Forgotten, LOOKED_AT_MAX, Over},
        worklist::{Came, Settled},
    },
    work::HandlerName,
};

const FORGOTTEN: &str = "https://forgotten.example.com";

fn keeper() -> HandlerName {
    HandlerName::parse("keeper").unwrap()
}

fn over(handlers: impl IntoIterator<Item = HandlerName>) -> Over {
    Over {
        issuer: Issuer::parse(FORGOTTEN).unwrap(),
        before: Timestamp::from_millis(1000),
        handlers: handlers.into_iter().collect(),
    }
}

/// Forgets whatever is over, however many steps it takes.
async fn forget(inbox: &impl Forgetting, over: &Over) -> u64 {
    let (mut after, mut sets) = (0, 0);
    loop {
        let forgotten = inbox.forget_sets(over, after).await.unwrap();
        sets += forgotten.sets;
        match forgotten.go_on {
            Some(row) => after = row,
            None => return sets,
        }
    }
}

/// Whether a SET of this name is there: then other claims under its name are refused.
async fn is_there(inbox: &impl Inbox, issuer: &str, jti: &str) -> bool {
    let other = received(issuer, jti, r#"{"other":true}"#, 20_000);
    retain(inbox, other, &[]).await == Retained::Conflict
}

async fn sets_go_once_handlers_are_done_with_them_and_what_they_revoked_stays<I>(inbox: &I)
where
    I: Inbox + Forgetting + Worklist,
{
    let place = inbox.enlist(&keeper()).await.unwrap();
    let ended = revocation(77, Kind::Ended, 5);
    for (issuer, jti, at) in [
        (FORGOTTEN, "f-done", 100),
        (FORGOTTEN, "f-failed", 200),
        (FORGOTTEN, "f-dead", 300),
        (A, "f-of-another", 400),
        (FORGOTTEN, "f-late", 10_000),
        (FORGOTTEN, "f-last", 500),
    ] {
        let set = received(issuer, jti, r#"{"f":1}"#, at);
        retain(inbox, set, std::slice::from_ref(&ended)).await;
    }
    let revoked = all(inbox).await;
    let rows = inbox.fresh(place, 10).await.unwrap();
    let rows: Vec<i64> = rows.iter().map(|work| work.row).collect();
    let [done, failed, dead, .., last] = rows[..] else {
        panic!("six SETs came: {rows:?}")
    };
    assert_eq!(forget(inbox, &over([keeper()])).await, 0);
    let error = || "no route".to_owned();
    let due_at = Timestamp::from_millis(30_000);
    let came = [
        (done, Came::Done),
        (
            failed,
            Came::Failed {
                failed: 1,
                due_at,
                error: error(),
            },
        ),
        (
            dead,
            Came::Dead {
                failed: 10,
                error: error(),
            },
        ),
    ];
    let came = came.map(|(row, came)| Settled { row, came });
    inbox.settle(&keeper(), last, &came).await.unwrap();
    assert_eq!(forget(inbox, &over([keeper()])).await, 2);
    assert_eq!(inbox.dead(&keeper(), 10).await.unwrap(), []);
    for jti in ["f-failed", "f-late", "f-last"] {
        assert!(is_there(inbox, FORGOTTEN, jti).await, "{jti}");
    }
    assert!(is_there(inbox, A, "f-of-another").await);
    let settled = Settled {
        row: failed,
        came: Came::Done,
    };
    inbox.settle(&keeper(), last, &[settled]).await.unwrap();
    assert_eq!(forget(inbox, &over([keeper()])).await, 1);
    for jti in ["f-done", "f-failed", "f-dead"] {
        assert!(!is_there(inbox, FORGOTTEN, jti).await, "{jti}");
    }
    assert_eq!(all(inbox).await, revoked);
}

async fn whoever_handles_nothing_waits_for_nobody_and_the_last_stays<I>(inbox: &I)
where
    I: Inbox + Forgetting + Worklist,
{
    let last = received(FORGOTTEN, "f-very-last", "{}", 600);
    retain(inbox, last, &[]).await;
    // The keeper is not done with them.
    assert!(forget(inbox, &over([])).await > 0);
    assert!(is_there(inbox, FORGOTTEN, "f-very-last").await);
    let place = inbox.enlist(&HandlerName::parse("late").unwrap()).await;
    retain(inbox, received(FORGOTTEN, "f-next", "{}", 700), &[]).await;
    let next = inbox.fresh(place.unwrap(), 10).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].received_at, Timestamp::from_millis(700));
}

async fn numbers_outlive_their_sets<I>(inbox: &I)
where
    I: Inbox + Forgetting + Numbering,
{
    let sets = (0..).zip([1, 2, 3, 5]).map(|(place, number)| {
        let mut set = received(FORGOTTEN, &format!("f-number-{number}"), "{}", 800 + place);
        let sequence = Sequence::new(Epoch::parse("e").unwrap(), number);
        set.sequence = Some(sequence);
        Arriving {
            set,
            revocations: Vec::new(),
        }
    });
    let sets: Vec<Arriving> = sets.collect();
    inbox.retain(&sets).await.unwrap();
    let numbers = async || {
        let recorded = inbox.recorded(&over([]).issuer).await.unwrap();
        recorded.unwrap().have
    };
    let before = numbers().await;
    assert_eq!(before, [1..=3, 5..=5]);
    for _ in 0..2 {
        assert!(forget(inbox, &over([])).await > 0);
        assert_eq!(numbers().await, before);
        retain(inbox, received(FORGOTTEN, "f-behind", "{}", 900), &[]).await;
    }
    assert!(!is_there(inbox, FORGOTTEN, "f-number-5").await);
}

async fn many_go_step_by_step<I: Inbox + Forgetting>(inbox: &I) {
    let sets = (0..=LOOKED_AT_MAX).map(|number| Arriving {
        set: received(FORGOTTEN, &format!("f-many-{number}"), "{}", 900),
        revocations: Vec::new(),
    });
    let sets: Vec<Arriving> = sets.collect();
    inbox.retain(&sets).await.unwrap();
    let first = inbox.forget_sets(&over([]), 0).await.unwrap();
    assert!(first.sets < sets.len() as u64, "{first:?}");
    let go_on = first.go_on.unwrap();
    let second = inbox.forget_sets(&over([]), go_on).await.unwrap();
    assert!(second.sets > 0 && second.go_on.is_none(), "{second:?}");
    let nothing = Forgotten {
        sets: 0,
        go_on: None,
    };
    assert_eq!(inbox.forget_sets(&over([]), 0).await.unwrap(), nothing);
}

pub(super) async fn keeps_its_contract<I>(inbox: &I)
where
    I: Inbox + Forgetting + Numbering + Worklist,
{
    sets_go_once_handlers_are_done_with_them_and_what_they_revoked_stays(inbox).await;
    whoever_handles_nothing_waits_for_nobody_and_the_last_stays(inbox).await;
    numbers_outlive_their_sets(inbox).await;
    many_go_step_by_step(inbox).await;
}

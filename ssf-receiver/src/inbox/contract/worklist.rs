//! What the inbox has to know of handlers.

use std::collections::HashSet;

use ssf_types::time::Timestamp;

use super::{A, received, retain};
use crate::{
    inbox::{
        Inbox,
        worklist::{Came, Settled, Work, Worklist},
    },
    work::{Again, HandlerName},
};

fn handler(name: &str) -> HandlerName {
    HandlerName::parse(name).unwrap()
}

async fn arrive(inbox: &impl Inbox, jti: &str, at: u64) {
    retain(inbox, received(A, jti, r#"{"w":1}"#, at), &[]).await;
}

/// The rows behind a place.
async fn fresh(inbox: &impl Worklist, after: i64) -> Vec<Work> {
    inbox.fresh(after, 100).await.unwrap()
}

async fn due(inbox: &impl Worklist, handler: &HandlerName, at: u64) -> Vec<(i64, u32)> {
    let now = Timestamp::from_millis(at);
    let due = inbox.due(handler, now, 100, &HashSet::new()).await.unwrap();
    due.iter().map(|work| (work.row, work.failed)).collect()
}

async fn next_due(
    inbox: &impl Worklist,
    handler: &HandlerName,
    without: &[i64],
) -> Option<Timestamp> {
    let under_way = without.iter().copied().collect();
    inbox.next_due(handler, &under_way).await.unwrap()
}

fn failed(row: i64, failed: u32, due_at: u64) -> Settled {
    let due_at = Timestamp::from_millis(due_at);
    let error = "no route".to_owned();
    let came = Came::Failed {
        failed,
        due_at,
        error,
    };
    Settled { row, came }
}

fn dead(row: i64, error: &str) -> Settled {
    let came = Came::Dead {
        failed: 10,
        error: error.to_owned(),
    };
    Settled { row, came }
}

fn done(row: i64) -> Settled {
    let came = Came::Done;
    Settled { row, came }
}

async fn a_new_handler_gets_what_comes_from_then_on<I: Inbox + Worklist>(inbox: &I) {
    let name = handler("new");
    arrive(inbox, "w-before", 5000).await;
    let place = inbox.enlist(&name).await.unwrap();
    assert_eq!(fresh(inbox, place).await, []);
    arrive(inbox, "w-1", 5001).await;
    arrive(inbox, "w-2", 5002).await;
    let rows = fresh(inbox, place).await;
    let times: Vec<u64> = rows.iter().map(|row| row.received_at.as_millis()).collect();
    assert_eq!(times, [5001, 5002]);
    assert_eq!(rows[0].claims, r#"{"w":1}"#);
    assert_eq!(inbox.fresh(place, 1).await.unwrap(), [rows[0].clone()]);
    assert_eq!(inbox.fresh(place, 0).await.unwrap(), []);
    // Nothing was settled, so that a successor begins there, too.
    assert_eq!(inbox.enlist(&name).await.unwrap(), place);
    inbox
        .settle(&name, rows[0].row, &[done(rows[0].row)])
        .await
        .unwrap();
    assert_eq!(inbox.enlist(&name).await.unwrap(), rows[0].row);
}

async fn what_failed_is_due_when_it_was_said_to_be<I: Inbox + Worklist>(inbox: &I) {
    let name = handler("failing");
    let place = inbox.enlist(&name).await.unwrap();
    arrive(inbox, "w-3", 5003).await;
    arrive(inbox, "w-4", 5004).await;
    let rows = fresh(inbox, place).await;
    let [first, second] = [rows[0].row, rows[1].row];
    let came = [failed(first, 1, 7000), failed(second, 3, 6000)];
    inbox.settle(&name, second, &came).await.unwrap();
    assert_eq!(due(inbox, &name, 5999).await, []);
    assert_eq!(due(inbox, &name, 7000).await, [(second, 3), (first, 1)]);
    assert_eq!(due(inbox, &handler("other"), 9000).await, []);
    let at = |millis| Some(Timestamp::from_millis(millis));
    assert_eq!(next_due(inbox, &name, &[]).await, at(6000));
    assert_eq!(next_due(inbox, &name, &[second]).await, at(7000));
    assert_eq!(next_due(inbox, &name, &[first, second]).await, None);
    let under_way = HashSet::from([second]);
    let now = Timestamp::from_millis(9000);
    let left = inbox.due(&name, now, 100, &under_way).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].row, first);
    let came = [done(second), failed(first, 2, 8000)];
    inbox.settle(&name, second, &came).await.unwrap();
    assert_eq!(due(inbox, &name, 9000).await, [(first, 2)]);
    inbox.settle(&name, second, &[done(first)]).await.unwrap();
    assert_eq!(due(inbox, &name, 9000).await, []);
}

async fn a_dead_letter_is_shown_until_it_is_to_be_handed_over_again<I: Inbox + Worklist>(
    inbox: &I,
) {
    let name = handler("dead");
    let place = inbox.enlist(&name).await.unwrap();
    arrive(inbox, "w-5", 5005).await;
    let row = fresh(inbox, place).await[0].row;
    let long = "ä".repeat(600);
    inbox.settle(&name, row, &[dead(row, &long)]).await.unwrap();
    assert_eq!(due(inbox, &name, u64::MAX >> 1).await, []);
    let letters = inbox.dead(&name, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].jti.as_str(), letters[0].failed), ("w-5", 10));
    assert_eq!(letters[0].error, "ä".repeat(500));
    let now = Timestamp::from_millis(9000);
    assert_eq!(inbox.again(&name, &Again::Dead, now).await.unwrap(), 1);
    assert_eq!(inbox.dead(&name, 10).await.unwrap(), []);
    assert_eq!(due(inbox, &name, 9000).await, [(row, 0)]);
    assert_eq!(inbox.again(&name, &Again::Dead, now).await.unwrap(), 0);
}

async fn what_came_before_is_handed_over_by_name_and_by_time<I: Inbox + Worklist>(inbox: &I) {
    let name = handler("again");
    inbox.enlist(&name).await.unwrap();
    let now = Timestamp::from_millis(9000);
    let again = async |which: Again| inbox.again(&name, &which, now).await.unwrap();
    assert_eq!(again(Again::Jti("w-1".into())).await, 1);
    assert_eq!(again(Again::Jti("nobody".into())).await, 0);
    let (since, until) = (Timestamp::from_millis(5001), Timestamp::from_millis(5003));
    assert_eq!(again(Again::Received { since, until }).await, 2);
    assert_eq!(due(inbox, &name, 9000).await.len(), 2);
}

pub(super) async fn keeps_its_contract(inbox: &(impl Inbox + Worklist)) {
    a_new_handler_gets_what_comes_from_then_on(inbox).await;
    what_failed_is_due_when_it_was_said_to_be(inbox).await;
    a_dead_letter_is_shown_until_it_is_to_be_handed_over_again(inbox).await;
    what_came_before_is_handed_over_by_name_and_by_time(inbox).await;
}

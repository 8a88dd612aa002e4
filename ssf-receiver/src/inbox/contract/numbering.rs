//! What every inbox has to keep of the numbers on SETs.

use ssf_types::{
    id::Epoch,
    set::{Account, Sequence},
};

use super::*;
use crate::inbox::numbering::Recorded;

const NUMBERED: &str = "https://numbered.example.com";

fn sequence(epoch: &str, seq: u64, account: Option<Account>) -> Sequence {
    let mut sequence = Sequence::new(Epoch::parse(epoch).unwrap(), seq);
    sequence.account = account;
    sequence
}

async fn take(inbox: &impl Inbox, sequences: &[Sequence]) {
    let arriving = sequences.iter().map(|sequence| {
        let jti = format!("{} {}", sequence.epoch, sequence.seq);
        let mut set = received(NUMBERED, &jti, "{}", 1001);
        set.sequence = Some(sequence.clone());
        let revocations = Vec::new();
        Arriving { set, revocations }
    });
    let arriving: Vec<Arriving> = arriving.collect();
    inbox.retain(&arriving).await.unwrap();
}

async fn recorded(inbox: &impl Numbering) -> Option<Recorded> {
    let issuer = Issuer::parse(NUMBERED).unwrap();
    inbox.recorded(&issuer).await.unwrap()
}

pub(super) async fn numbers_are_kept_with_their_sets_and_the_accounts_that_they_give(
    inbox: &(impl Inbox + Numbering),
) {
    assert_eq!(recorded(inbox).await, None);
    // The verification with the greatest account comes before the one that was made earlier.
    let [first, middle, last] = [(3, 2), (8, 7), (9, 8)]
        .map(|(seq, through)| sequence("e", seq, Some(Account::new(through, 1, [2]))));
    take(inbox, &[sequence("e", 1, None), first.clone()]).await;
    take(inbox, &[sequence("e", 4, None), sequence("e", 6, None)]).await;
    take(inbox, &[last.clone(), middle]).await;
    // What comes again changes nothing.
    take(inbox, &[sequence("e", 4, None)]).await;
    let kept = Recorded {
        epoch: Epoch::parse("e").unwrap(),
        former: None,
        first_account: Some(first),
        latest_account: Some(last),
        have: vec![3..=4, 6..=6, 8..=9],
    };
    assert_eq!(recorded(inbox).await, Some(kept));
}

pub(super) async fn another_run_takes_the_place_of_the_one_before(
    inbox: &(impl Inbox + Numbering),
) {
    take(inbox, &[sequence("f", 10, None), sequence("e", 5, None)]).await;
    let kept = Recorded {
        epoch: Epoch::parse("f").unwrap(),
        former: Some(Epoch::parse("e").unwrap()),
        first_account: None,
        latest_account: None,
        have: vec![10..=10],
    };
    assert_eq!(recorded(inbox).await, Some(kept));
    let other = Issuer::parse(A).unwrap();
    assert_eq!(inbox.recorded(&other).await.unwrap(), None);
}

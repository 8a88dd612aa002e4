//! What is missing, and from when on.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ssf_types::set::Account;

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(epoch: &str, seq: u64) -> Sequence {
    Sequence::new(Epoch::parse(epoch).unwrap(), seq)
}

fn account(epoch: &str, seq: u64, through: u64, undelivered: &[u64]) -> Sequence {
    let mut sequence = set(epoch, seq);
    sequence.account = Some(Account::new(through, 0, undelivered.iter().rev().copied()));
    sequence
}

/// Numbers of a stream that begins here, with 1.
fn begun() -> Numbers {
    let mut numbers = Numbers::default();
    assert_eq!(
        numbers.take(&account("e", 1, 0, &[]), secs(0)),
        Taken::First
    );
    numbers
}

#[test]
fn what_an_account_says_was_delivered_and_is_not_here_is_missing_after_a_minute() {
    let mut numbers = begun();
    numbers.take(&set("e", 3), secs(1));
    numbers.take(&account("e", 5, 4, &[]), secs(10));
    assert_eq!(numbers.missing(secs(69)), []);
    assert_eq!(numbers.owed_since(), Some(secs(10)));
    assert_eq!(numbers.missing(secs(70)), [2..=2, 4..=4]);
    // One of them was on its way all the same.
    numbers.take(&set("e", 2), secs(71));
    assert_eq!(numbers.missing(secs(71)), [4..=4]);
    numbers.take(&set("e", 4), secs(72));
    assert_eq!(numbers.missing(secs(1000)), []);
    assert_eq!(numbers.owed_since(), None);
}

#[test]
fn what_was_given_up_or_is_not_told_is_not_missing() {
    let mut numbers = begun();
    let mut told = account("e", 9, 6, &[2, 4]);
    numbers.take(&told, secs(0));
    assert_eq!(numbers.missing(secs(60)), [3..=3, 5..=6]);
    // Nothing is told of 3 any more: nobody looks for it, and that is counted.
    told.seq = 12;
    told.account = Some(Account::new(6, 5, []));
    numbers.take(&told, secs(61));
    assert_eq!(numbers.missing(secs(200)), [6..=6]);
    assert_eq!(numbers.untold(), 4);
}

#[test]
fn what_stays_owed_is_owed_since_it_was_first() {
    let mut numbers = begun();
    numbers.take(&account("e", 4, 2, &[]), secs(0));
    numbers.take(&account("e", 7, 6, &[]), secs(50));
    assert_eq!(numbers.missing(secs(60)), [2..=2]);
    assert_eq!(numbers.missing(secs(110)), [2..=2, 3..=3, 5..=6]);
}

#[test]
fn an_account_that_comes_late_says_nothing_new() {
    let mut numbers = begun();
    numbers.take(&account("e", 5, 4, &[]), secs(0));
    assert_eq!(numbers.missing(secs(60)), [2..=4]);
    // It was made when 2 to 4 had been given up; they were sent once more since then.
    numbers.take(&account("e", 4, 3, &[2, 3]), secs(1));
    assert_eq!(numbers.missing(secs(61)), [2..=3]);
}

#[test]
fn a_stream_that_was_there_before_begins_with_its_first_account() {
    let mut numbers = Numbers::default();
    numbers.take(&set("e", 100), secs(0));
    assert_eq!(numbers.owed_since(), None);
    numbers.take(&account("e", 120, 110, &[]), secs(1));
    assert_eq!(numbers.owed_since(), None);
    numbers.take(&account("e", 125, 121, &[]), secs(2));
    assert_eq!(numbers.missing(secs(62)), [111..=119, 121..=121]);
    assert_eq!(numbers.untold(), 0);
}

#[test]
fn another_epoch_begins_anew_and_the_former_does_not_come_back() {
    let mut numbers = begun();
    numbers.take(&account("e", 5, 4, &[]), secs(0));
    assert_eq!(numbers.take(&set("f", 3), secs(1)), Taken::OtherEpoch);
    assert_eq!(numbers.owed_since(), None);
    assert_eq!(
        numbers.take(&account("e", 9, 8, &[]), secs(2)),
        Taken::Known
    );
    assert_eq!(numbers.owed_since(), None);
    // The one before was followed, so that the new one is compared from its first number on.
    numbers.take(&account("f", 5, 4, &[]), secs(3));
    numbers.take(&account("f", 8, 7, &[]), secs(4));
    assert_eq!(numbers.missing(secs(64)), [1..=2, 4..=4, 6..=7]);
}

#[test]
fn another_epoch_is_reconciled_once_all_is_here_that_its_account_tells() {
    let mut numbers = begun();
    assert_eq!(numbers.reconciling_since(), None);
    numbers.take(&set("f", 8), secs(1));
    assert_eq!(numbers.reconciling_since(), Some(secs(1)));
    // It goes on behind 6, of which and before it nothing is told.
    let mut told = account("f", 9, 8, &[]);
    told.account = Some(Account::new(8, 6, []));
    numbers.take(&told, secs(2));
    assert_eq!(numbers.missing(secs(62)), [7..=7]);
    assert_eq!(numbers.untold(), 0);
    assert_eq!(numbers.reconciling_since(), Some(secs(1)));
    numbers.take(&set("f", 7), secs(63));
    assert_eq!(numbers.reconciling_since(), None);
}

fn recorded(have: &[RangeInclusive<u64>], accounts: [&Sequence; 2]) -> Recorded {
    Recorded {
        epoch: accounts[0].epoch.clone(),
        former: None,
        first_account: Some(accounts[0].clone()),
        latest_account: Some(accounts[1].clone()),
        have: have.to_vec(),
    }
}

#[test]
fn a_restart_knows_what_is_missing() {
    let (first, latest) = (account("e", 2, 1, &[]), account("e", 9, 8, &[5]));
    let kept = recorded(&[2..=3, 7..=7, 9..=9], [&first, &latest]);
    let mut numbers = Numbers::resumed(&kept, 0, secs(0));
    assert_eq!(numbers.missing(secs(60)), [4..=4, 6..=6, 8..=8]);
    assert_eq!(numbers.take(&set("e", 4), secs(61)), Taken::Known);
    assert_eq!(numbers.missing(secs(61)), [6..=6, 8..=8]);
}

#[test]
fn what_was_accepted_as_lost_is_not_looked_for_after_a_restart() {
    let (first, latest) = (account("e", 2, 1, &[]), account("e", 9, 8, &[]));
    let kept = recorded(&[2..=3, 7..=7, 9..=9], [&first, &latest]);
    let numbers = Numbers::resumed(&kept, 7, secs(0));
    assert_eq!(numbers.missing(secs(60)), [8..=8]);
}

#[test]
fn a_restart_in_the_midst_of_another_epoch_goes_on_to_reconcile_it() {
    let mut kept = recorded(&[8..=8], [&account("f", 9, 8, &[]); 2]);
    kept.first_account = None;
    kept.latest_account = None;
    kept.former = Some(Epoch::parse("e").unwrap());
    let mut numbers = Numbers::resumed(&kept, 0, secs(0));
    assert_eq!(numbers.reconciling_since(), Some(secs(0)));
    assert_eq!(numbers.take(&set("e", 7), secs(1)), Taken::Known);
    let mut told = account("f", 9, 8, &[]);
    told.account = Some(Account::new(8, 7, []));
    numbers.take(&told, secs(2));
    assert_eq!(numbers.reconciling_since(), None);
}

#[test]
fn what_is_lost_is_so_until_it_comes_or_is_accepted() {
    let mut numbers = begun();
    numbers.take(&account("e", 6, 5, &[]), secs(0));
    numbers.are_lost(&[2..=3, 9..=9]);
    assert_eq!(numbers.lost(), 2);
    numbers.take(&set("e", 2), secs(1));
    assert_eq!(numbers.lost(), 1);
    numbers.accept(3);
    assert_eq!(numbers.lost(), 0);
    assert_eq!(numbers.missing(secs(60)), [4..=5]);
    numbers.are_needless(&[4..=5]);
    assert_eq!(numbers.owed_since(), None);
}

#[test]
fn what_was_asked_for_is_waited_for_until_it_is_here() {
    let mut numbers = begun();
    numbers.take(&set("e", 4), secs(0));
    let mut asked = RangeSet::default();
    asked.insert_range(&(1..=5));
    let lacking: Vec<_> = numbers.lacking(&asked).iter().collect();
    assert_eq!(lacking, [2..=3, 5..=5]);
}

#[test]
fn gaps_without_number_end_at_ten_thousand_ranges() {
    let mut numbers = begun();
    for number in 1..=10_002 {
        numbers.take(&set("e", 2 * number + 1), secs(0));
    }
    let run = numbers.run.as_ref().unwrap();
    assert_eq!((run.have.ranges(), run.low), (10_000, Some(5)));
    assert_eq!(numbers.untold(), 2);
}

/// A transmitter that delivers, gives up and accounts; and a network that loses, repeats and reorders.
#[derive(Clone, Debug)]
enum Step {
    /// The SET of a number arrives.
    Arrives(u64),
    /// An account up to a number, without some that were given up and without those at or below another.
    Account(u64, BTreeSet<u64>, u64),
    Waits(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let given_up = prop::collection::btree_set(1..40_u64, 0..6);
    prop_oneof![
        4 => (1..40_u64).prop_map(Step::Arrives),
        2 => (0..40_u64, given_up, 0..6_u64)
            .prop_map(|(through, given_up, after)| Step::Account(through, given_up, after)),
        2 => (0..50_u64).prop_map(Step::Waits),
    ]
}

proptest! {
    #[test]
    fn whatever_order_loss_and_repetition_a_number_is_missing_if_and_only_if_it_is_owed_for_a_minute_and_not_here(
        steps in prop::collection::vec(any_step(), 0..50),
    ) {
        let mut numbers = begun();
        // What is here, since when each other number has been owed, and up to where nothing is told any more.
        let mut here = BTreeSet::from([1]);
        let mut owed: BTreeMap<u64, u64> = BTreeMap::new();
        let mut untold = 0;
        let mut now = 0;
        // Verifications have numbers of their own, above those of the test.
        let mut verification = 100;
        for step in steps {
            match step {
                Step::Arrives(number) => {
                    numbers.take(&set("e", number), secs(now));
                    here.insert(number);
                    owed.remove(&number);
                }
                Step::Account(through, given_up, after) => {
                    verification += 1;
                    let account = Account::new(through, after, given_up.iter().rev().copied());
                    let mut sequence = set("e", verification);
                    sequence.account = Some(account.clone());
                    numbers.take(&sequence, secs(now));
                    untold = untold.max(after);
                    let is_owed = |number: &u64| account.is_owed(*number) && *number > untold && !here.contains(number);
                    let before = std::mem::take(&mut owed);
                    owed = (1..40).filter(is_owed).map(|number| (number, *before.get(&number).unwrap_or(&now))).collect();
                }
                Step::Waits(seconds) => now += seconds,
            }
            let missing: BTreeSet<u64> = numbers.missing(secs(now)).into_iter().flatten().collect();
            let expected: BTreeSet<u64> = owed.iter().filter(|(_, since)| *since + 60 <= now).map(|(number, _)| *number).collect();
            prop_assert_eq!(missing, expected);
            prop_assert_eq!(numbers.owed_since(), owed.values().min().map(|since| secs(*since)));
        }
    }
}

use std::time::Duration;

use super::*;
use crate::domain::key::KeyTimes;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: u64 = 86_400;

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn policy() -> KeyPolicy {
    KeyPolicy::new(Duration::from_secs(DAY), Duration::from_secs(7 * DAY))
}

fn kid(name: &str) -> Kid {
    Kid::parse(name).unwrap()
}

fn key_for(algorithm: Algorithm, name: &str, published: Timestamp, signs: Timestamp) -> StoredKey {
    let times = KeyTimes::new(published, signs);
    let names = (kid(name), kid(&format!("thumbprint of {name}")));
    StoredKey::new(names, algorithm, KeyOrigin::Made, times, Some("pem".into()))
}

fn key(name: &str, published: Timestamp, signs: Timestamp) -> StoredKey {
    key_for(Algorithm::Rs256, name, published, signs)
}

/// A key that signs since now.
fn one() -> KeyRing {
    KeyRing::new(vec![key("a", NOW, NOW)])
}

/// A key that signs, and one that follows after a day.
fn two() -> KeyRing {
    let next = key("b", NOW, later(DAY));
    one().succeeded_by(next, &policy(), NOW).unwrap()
}

fn states(ring: &KeyRing, now: Timestamp) -> Vec<(&str, &'static str)> {
    let state = |key: &StoredKey| key.state(now).as_str();
    let keys = ring.keys().iter();
    keys.map(|key| (key.kid.as_str(), state(key))).collect()
}

fn signer(ring: &KeyRing, now: Timestamp) -> Option<&str> {
    ring.signing(Algorithm::Rs256, now)
        .map(|key| key.kid.as_str())
}

#[test]
fn a_key_is_published_signs_retires_and_is_gone_each_from_its_moment_on() {
    let ring = two();
    assert_eq!(
        states(&ring, later(DAY - 1)),
        [("a", "signing"), ("b", "published")]
    );
    assert_eq!(
        states(&ring, later(DAY)),
        [("a", "retiring"), ("b", "signing")]
    );
    assert_eq!(
        states(&ring, later(8 * DAY - 1)),
        [("a", "retiring"), ("b", "signing")]
    );
    assert_eq!(
        states(&ring, later(8 * DAY)),
        [("a", "gone"), ("b", "signing")]
    );
}

#[test]
fn exactly_one_key_signs_at_every_moment_of_a_rotation() {
    let ring = two();
    for (seconds, expected) in [(0, "a"), (DAY - 1, "a"), (DAY, "b"), (9 * DAY, "b")] {
        assert_eq!(signer(&ring, later(seconds)), Some(expected));
    }
    let next = |seconds| ring.keys()[0].times.next_change(later(seconds));
    assert_eq!(next(0), Some(later(DAY)));
    assert_eq!(next(DAY), Some(later(8 * DAY)));
    assert_eq!(next(8 * DAY), None);
}

#[test]
fn a_second_successor_is_refused_while_one_waits() {
    let third = key("c", NOW, later(2 * DAY));
    let refused = two().succeeded_by(third, &policy(), NOW).unwrap_err();
    assert_eq!(refused, KeyChangeError::SuccessorWaits(kid("b")));
    let third = key("c", later(DAY), later(2 * DAY));
    let ring = two().succeeded_by(third, &policy(), later(DAY)).unwrap();
    assert_eq!(signer(&ring, later(2 * DAY)), Some("c"));
}

#[test]
fn a_key_that_signs_at_once_lets_the_waiting_one_follow() {
    let third = key("c", NOW, later(5));
    let ring = two().succeeded_by(third, &policy(), later(5)).unwrap();
    assert_eq!(signer(&ring, later(5)), Some("c"));
    assert_eq!(signer(&ring, later(DAY)), Some("b"));
}

#[test]
fn keys_of_other_algorithms_are_left_alone() {
    let other = key_for(Algorithm::Es256, "e", NOW, later(5));
    let ring = two().succeeded_by(other, &policy(), NOW).unwrap();
    assert_eq!(signer(&ring, later(10)), Some("a"));
    let signs = ring.signing(Algorithm::Es256, later(10)).unwrap();
    assert_eq!((&signs.kid, signs.times.signs_until), (&kid("e"), None));
}

#[test]
fn an_activated_key_signs_at_once_and_the_other_one_retires() {
    let ring = two().activated(&kid("b"), &policy(), later(60)).unwrap();
    assert_eq!(
        states(&ring, later(60)),
        [("a", "retiring"), ("b", "signing")]
    );
    assert_eq!(
        ring.keys()[0].times.published_until,
        Some(later(60 + 7 * DAY))
    );
    // A rotation that went wrong is taken back.
    let back = ring.activated(&kid("a"), &policy(), later(60)).unwrap();
    assert_eq!(
        states(&back, later(60)),
        [("a", "signing"), ("b", "retiring")]
    );
}

#[test]
fn activating_the_key_that_signs_changes_nothing() {
    let ring = two().activated(&kid("a"), &policy(), later(60)).unwrap();
    assert_eq!(ring.keys()[0].times, two().keys()[0].times);
}

#[test]
fn a_retired_key_is_followed_by_the_one_that_waits() {
    let ring = two().retired(&kid("a"), &policy(), later(60)).unwrap();
    assert_eq!(
        states(&ring, later(60)),
        [("a", "retiring"), ("b", "signing")]
    );
    let refused = one().retired(&kid("a"), &policy(), later(60)).unwrap_err();
    let expected = KeyChangeError::NothingElseSigns(Algorithm::Rs256);
    assert_eq!(refused, expected);
}

#[test]
fn a_key_that_is_retired_before_it_signs_leaves_the_other_one_signing() {
    let ring = two().retired(&kid("b"), &policy(), later(60)).unwrap();
    assert_eq!(states(&ring, later(60)), [("a", "signing"), ("b", "gone")]);
    assert_eq!(ring.keys()[0].times.signs_until, None);
}

#[test]
fn a_removed_key_is_gone_at_once_and_another_one_signs_at_once() {
    let ring = two()
        .without(&kid("a"), None, &policy(), later(60))
        .unwrap();
    assert_eq!(states(&ring, later(60)), [("a", "gone"), ("b", "signing")]);
    assert!(ring.keys()[0].pem.is_none());
    let spare = key("c", later(60), later(60));
    let removed = one().without(&kid("a"), Some(spare), &policy(), later(60));
    let ring = removed.unwrap();
    assert_eq!(states(&ring, later(60)), [("a", "gone"), ("c", "signing")]);
}

#[test]
fn a_removed_key_is_gone_on_a_node_whose_clock_is_behind() {
    let ring = one()
        .without(&kid("a"), None, &policy(), later(60))
        .unwrap();
    assert_eq!(states(&ring, NOW), [("a", "gone")]);
    assert_eq!(signer(&ring, NOW), None);
}

#[test]
fn a_spare_is_left_aside_where_another_key_signs() {
    let ring = two()
        .activated(&kid("b"), &policy(), later(60))
        .unwrap()
        .without(
            &kid("a"),
            Some(key("c", later(61), later(61))),
            &policy(),
            later(61),
        )
        .unwrap();
    assert_eq!(states(&ring, later(61)), [("a", "gone"), ("b", "signing")]);
}

#[test]
fn a_key_that_is_gone_never_comes_back() {
    let ring = one()
        .without(&kid("a"), None, &policy(), later(60))
        .unwrap();
    let again = || ring.clone();
    let gone = Err(KeyChangeError::Gone);
    let changed = |ring: Result<KeyRing, _>| ring.map(|_| ());
    let now = later(61);
    assert_eq!(changed(again().activated(&kid("a"), &policy(), now)), gone);
    assert_eq!(changed(again().retired(&kid("a"), &policy(), now)), gone);
    let removed = again().without(&kid("a"), None, &policy(), now);
    assert_eq!(changed(removed), gone);
    let renamed = again().succeeded_by(key("a", now, now), &policy(), now);
    assert_eq!(changed(renamed), Err(KeyChangeError::KidTaken));
    let mut same = key("z", now, now);
    same.thumbprint = kid("thumbprint of a");
    let same = again().succeeded_by(same, &policy(), now);
    assert_eq!(changed(same), Err(KeyChangeError::SameKey(kid("a"))));
}

#[test]
fn an_unknown_key_is_not_found() {
    let absent = kid("z");
    let found = one().activated(&absent, &policy(), NOW).map(|_| ());
    assert_eq!(found, Err(KeyChangeError::NotFound));
}

#[test]
fn something_signs_wherever_it_is_needed() {
    let spare = || key("c", later(5), later(5));
    let provided = |ring: KeyRing| ring.provided_with(spare(), &policy(), later(5)).unwrap();
    assert_eq!(signer(&provided(KeyRing::default()), later(5)), Some("c"));
    assert_eq!(signer(&provided(one()), later(5)), Some("a"));
    let waiting = KeyRing::new(vec![key("b", NOW, later(DAY))]);
    assert_eq!(signer(&provided(waiting), later(5)), Some("b"));
}

#[test]
fn an_algorithm_that_has_had_a_key_needs_one_as_the_default_does() {
    let lacking = |ring: &KeyRing, at| ring.lacking(Algorithm::Rs256, at);
    assert_eq!(lacking(&KeyRing::default(), NOW), [Algorithm::Rs256]);
    let es256 = key_for(Algorithm::Es256, "e", NOW, NOW);
    let ring = KeyRing::new(vec![key("a", NOW, NOW), es256]);
    assert_eq!(lacking(&ring, NOW), []);
    let ring = ring.without(&kid("e"), None, &policy(), NOW).unwrap();
    assert_eq!(lacking(&ring, NOW), [Algorithm::Es256]);
}

#[test]
fn the_private_part_is_destroyed_when_its_time_is_over() {
    let ring = two();
    assert!(!ring.has_remains(later(8 * DAY - 1)));
    assert!(ring.has_remains(later(8 * DAY)));
    let ring = ring.without_remains(later(9 * DAY));
    assert!(ring.keys()[0].pem.is_none());
    assert_eq!(ring.keys()[0].times.published_until, Some(later(8 * DAY)));
    assert!(ring.keys()[1].pem.is_some());
    assert!(!ring.has_remains(later(9 * DAY)));
}

#[test]
fn a_schedule_publishes_the_next_key_in_time_and_once() {
    let mut policy = policy();
    assert_eq!(one().due_for_rotation(&policy, later(900 * DAY)), []);
    policy.rotate_every = Some(Duration::from_secs(90 * DAY));
    assert_eq!(one().due_for_rotation(&policy, later(89 * DAY - 1)), []);
    let due = one().due_for_rotation(&policy, later(89 * DAY));
    assert_eq!(due, [Algorithm::Rs256]);
    let next = key("b", later(89 * DAY), later(90 * DAY));
    let ring = one().succeeded_by(next, &policy, later(89 * DAY)).unwrap();
    assert_eq!(ring.due_for_rotation(&policy, later(89 * DAY)), []);
    assert_eq!(ring.due_for_rotation(&policy, later(90 * DAY)), []);
}

#[test]
fn a_schedule_does_not_replace_a_key_of_the_operators_own() {
    let mut policy = policy();
    policy.rotate_every = Some(Duration::from_secs(90 * DAY));
    let mut imported = key("a", NOW, NOW);
    imported.origin = KeyOrigin::Imported;
    let ring = KeyRing::new(vec![imported]);
    assert_eq!(ring.due_for_rotation(&policy, later(900 * DAY)), []);
}

#[test]
fn an_issuer_has_a_limited_number_of_keys_and_those_that_are_gone_do_not_count() {
    let mut ring = KeyRing::default();
    for number in 0..KEYS_PER_ISSUER_MAX {
        let next = key(&number.to_string(), NOW, NOW);
        ring = ring.succeeded_by(next, &policy(), NOW).unwrap();
    }
    let full = ring
        .clone()
        .succeeded_by(key("z", NOW, NOW), &policy(), NOW);
    assert_eq!(full.map(|_| ()), Err(KeyChangeError::TooMany));
    let over = later(8 * DAY);
    let next = key("z", over, over);
    assert!(ring.succeeded_by(next, &policy(), over).is_ok());
}

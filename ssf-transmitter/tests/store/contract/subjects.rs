//! What every store promises about the subjects of streams.

use std::{collections::BTreeSet, time::Duration};

use ssf_transmitter::{
    domain::{
        coverage::{SubjectOperation, SubjectRefusal, SubjectTerms},
        credential::Credential,
        fan_out::StepMax,
        issuer::IssuerName,
        matching::UnfitSubject,
        pace::{Pace, TooFast},
        stream::Stream,
        verification::{Requested, verification},
    },
    ports::{Appended, DeletedStream, SentAlone, SubjectChange, SubjectChanged, Submission},
};
use ssf_types::{
    id::{Jti, StreamId},
    metadata::DefaultSubjects,
    subject::Subject,
    time::Timestamp,
};
use uuid::Uuid;

use super::super::fixture::*;

pub(super) const DAY: u64 = 86_400;

/// What holds unless a sentence says otherwise.
pub(super) fn terms() -> SubjectTerms {
    SubjectTerms {
        keys_max: 1000,
        pace: Pace::per_second(1000),
        grace: Duration::from_secs(DAY),
    }
}

fn without_grace() -> SubjectTerms {
    SubjectTerms {
        grace: Duration::ZERO,
        ..terms()
    }
}

pub(super) async fn stream_covering(
    store: &impl Store,
    number: u8,
    covers: DefaultSubjects,
) -> Stream {
    let receiver = known_receiver(store, number).await;
    let mut stream = stream_of(&receiver, &[LOGOUT]);
    stream.default_subjects = covers;
    store.create_stream(&stream, 100).await.unwrap();
    let stored = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(stored, Some(stream.clone()));
    stream
}

fn subject(json: &str) -> Subject {
    serde_json::from_str(json).unwrap()
}

fn of(stream: &Stream, operation: SubjectOperation, subject: impl Into<Subject>) -> SubjectChange {
    SubjectChange {
        receiver: stream.receiver,
        stream: stream.id.clone(),
        operation,
        subject: subject.into(),
        verified: true,
    }
}

pub(super) fn addition(stream: &Stream, subject: impl Into<Subject>) -> SubjectChange {
    of(stream, SubjectOperation::Add, subject)
}

pub(super) fn removal(stream: &Stream, subject: impl Into<Subject>) -> SubjectChange {
    of(stream, SubjectOperation::Remove, subject)
}

async fn changed(
    store: &impl Store,
    changes: &[SubjectChange],
    terms: SubjectTerms,
    now: Timestamp,
) -> Vec<SubjectChanged> {
    store.change_subjects(changes, &terms, now).await.unwrap()
}

/// Makes one change.
pub(super) async fn make(
    store: &impl Store,
    change: SubjectChange,
    terms: SubjectTerms,
    now: Timestamp,
) {
    let answers = changed(store, &[change], terms, now).await;
    assert_eq!(answers, [SubjectChanged::Stored]);
}

async fn happens_to(store: &impl Store, subject: impl Into<Subject>, at: Timestamp) {
    let submission = submission(vec![event(LOGOUT, subject)]);
    let answers = store.append(vec![submission], at).await.unwrap();
    assert!(matches!(answers[..], [Appended::Accepted(_)]));
}

/// How many streams get an event about a subject that is accepted at a moment.
pub(super) async fn reached(store: &impl Store, subject: impl Into<Subject>, at: Timestamp) -> u64 {
    happens_to(store, subject, at).await;
    dispatch(store).await.1
}

pub(crate) async fn a_stream_that_covers_nobody_gets_what_is_about_its_subjects(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    stream_covering(store, 2, DefaultSubjects::None).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 0);
    make(store, addition(&stream, email(ALICE)), terms(), NOW).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 1);
    assert_eq!(reached(store, email(BOB), NOW).await, 0);
    accept(store, vec![event(PASSWORD, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 0));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(leased.stream, stream);
    assert_eq!(
        due(store, &leased, NOW).await[0].sub_id,
        email(ALICE).into()
    );
}

pub(crate) async fn a_subject_counts_for_the_events_that_are_accepted_after_it(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    happens_to(store, email(ALICE), NOW).await;
    make(store, addition(&stream, email(ALICE)), without_grace(), NOW).await;
    happens_to(store, email(ALICE), NOW).await;
    make(store, removal(&stream, email(ALICE)), without_grace(), NOW).await;
    happens_to(store, email(ALICE), NOW).await;
    make(store, addition(&stream, email(ALICE)), without_grace(), NOW).await;
    happens_to(store, email(ALICE), NOW).await;
    assert_eq!(dispatch(store).await, (4, 2));
}

pub(crate) async fn a_removal_that_nobody_meant_silences_nobody_within_the_grace_period(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    make(store, addition(&stream, email(ALICE)), terms(), NOW).await;
    make(store, removal(&stream, email(ALICE)), terms(), NOW).await;
    // A second removal does not prolong the period.
    make(store, removal(&stream, email(ALICE)), terms(), later(60)).await;
    assert_eq!(reached(store, email(ALICE), later(DAY - 1)).await, 1);
    assert_eq!(reached(store, email(ALICE), later(DAY)).await, 0);
}

pub(crate) async fn adding_again_within_the_grace_period_takes_the_removal_back(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    make(store, addition(&stream, email(ALICE)), terms(), NOW).await;
    make(store, removal(&stream, email(ALICE)), terms(), NOW).await;
    make(store, addition(&stream, email(ALICE)), terms(), later(60)).await;
    assert_eq!(reached(store, email(ALICE), later(2 * DAY)).await, 1);
}

pub(crate) async fn what_is_added_twice_is_removed_by_one_removal(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let add = addition(&stream, email(ALICE));
    let twice = [add.clone(), add.clone()];
    let stored = [SubjectChanged::Stored; 2];
    assert_eq!(changed(store, &twice, without_grace(), NOW).await, stored);
    make(store, add, without_grace(), NOW).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 1);
    make(store, removal(&stream, email(ALICE)), without_grace(), NOW).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 0);
    make(store, removal(&stream, email(ALICE)), without_grace(), NOW).await;
    make(store, removal(&stream, email(BOB)), without_grace(), NOW).await;
}

pub(crate) async fn changes_that_are_made_together_are_made_in_their_order(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    make(store, addition(&stream, email(BOB)), without_grace(), NOW).await;
    happens_to(store, email(BOB), NOW).await;
    let changes = [
        addition(&stream, email(ALICE)),
        removal(&stream, email(ALICE)),
        addition(&stream, email(ALICE)),
        removal(&stream, email(BOB)),
        addition(&stream, email(BOB)),
        removal(&stream, email(BOB)),
    ];
    let answers = changed(store, &changes, without_grace(), NOW).await;
    assert_eq!(answers, [SubjectChanged::Stored; 6]);
    assert_eq!(dispatch(store).await, (1, 1));
    assert_eq!(reached(store, email(ALICE), NOW).await, 1);
    assert_eq!(reached(store, email(BOB), NOW).await, 0);
}

pub(crate) async fn a_stream_that_covers_everybody_gets_nothing_about_those_who_were_removed(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::All).await;
    let other = stream_covering(store, 2, DefaultSubjects::All).await;
    make(store, removal(&stream, email(ALICE)), terms(), NOW).await;
    assert_eq!(reached(store, email(ALICE), later(DAY - 1)).await, 2);
    assert_eq!(reached(store, email(BOB), later(DAY)).await, 2);
    happens_to(store, email(ALICE), later(DAY)).await;
    assert_eq!(dispatch(store).await, (1, 1));
    // Adding lifts the exclusion for what comes, and for nothing that was accepted before.
    happens_to(store, email(ALICE), later(DAY)).await;
    make(store, addition(&stream, email(ALICE)), terms(), later(DAY)).await;
    assert_eq!(dispatch(store).await, (1, 1));
    assert_eq!(reached(store, email(ALICE), later(DAY)).await, 2);
    make(store, addition(&other, email(ALICE)), terms(), later(DAY)).await;
    assert_eq!(reached(store, email(ALICE), later(DAY)).await, 2);
}

pub(crate) async fn a_removal_that_is_taken_back_in_time_never_excluded_anybody(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::All).await;
    make(store, removal(&stream, email(ALICE)), terms(), NOW).await;
    make(
        store,
        addition(&stream, email(ALICE)),
        terms(),
        later(DAY - 1),
    )
    .await;
    assert_eq!(reached(store, email(ALICE), later(DAY)).await, 1);
}

/// Simple subjects, aliases and complex ones that have some members in common.
fn many_subjects() -> Vec<Subject> {
    let (alice, bob) = (
        r#"{"format":"email","email":"alice@example.com"}"#,
        r#"{"format":"email","email":"bob@example.com"}"#,
    );
    let id = r#"{"format":"iss_sub","iss":"https://idp.example.com","sub":"7"}"#;
    let both = &format!(r#"{{"format":"aliases","identifiers":[{alice},{id}]}}"#);
    let one = r#"{"format":"opaque","id":"1"}"#;
    let two = r#"{"format":"opaque","id":"2"}"#;
    let mut texts = vec![
        alice.to_owned(),
        bob.to_owned(),
        id.to_owned(),
        both.clone(),
    ];
    let complex = |members: &[(&str, &str)]| {
        let members = members
            .iter()
            .map(|(name, member)| format!(r#","{name}":{member}"#));
        format!(r#"{{"format":"complex"{}}}"#, members.collect::<String>())
    };
    for user in [alice, bob, id, both] {
        texts.push(complex(&[("user", user)]));
        texts.push(complex(&[("user", user), ("tenant", one)]));
    }
    texts.push(complex(&[("tenant", one)]));
    texts.push(complex(&[("tenant", two)]));
    texts.push(complex(&[
        ("user", alice),
        ("tenant", two),
        ("device", one),
    ]));
    texts.push(complex(&[("device", one), ("session", two)]));
    texts.push(complex(&[
        ("device", two),
        ("session", two),
        ("user", both),
    ]));
    texts.iter().map(|text| subject(text)).collect()
}

pub(crate) async fn an_event_reaches_the_streams_whose_subjects_it_matches_and_no_others(
    store: &impl Store,
) {
    let receiver = known_receiver(store, 1).await;
    let subjects = many_subjects();
    let mut streams = Vec::new();
    let mut changes = Vec::new();
    for subject in &subjects {
        let mut stream = stream_of(&receiver, &[LOGOUT]);
        stream.default_subjects = DefaultSubjects::None;
        store.create_stream(&stream, 100).await.unwrap();
        changes.push(addition(&stream, subject.clone()));
        streams.push(stream.id);
    }
    let answers = changed(store, &changes, terms(), NOW).await;
    assert_eq!(answers, vec![SubjectChanged::Stored; subjects.len()]);
    for about in &subjects {
        let mut reached = BTreeSet::new();
        happens_to(store, about.clone(), NOW).await;
        let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
        let seen = |event: &_, streams: &[StreamId]| {
            reached.extend(streams.iter().cloned());
            decide(event, &[])
        };
        let held = held.unwrap().unwrap();
        store
            .fan_out(held, NOW, StepMax::events(10), seen)
            .await
            .unwrap();
        let pairs = subjects.iter().zip(&streams);
        let expected = pairs.filter(|(added, _)| added.matches(about));
        let expected: BTreeSet<StreamId> = expected.map(|(_, id)| id.clone()).collect();
        assert_eq!(reached, expected, "{about:?}");
    }
}

pub(crate) async fn one_alias_can_be_removed_alone(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let aliases = r#"{"format":"aliases","identifiers":[{"format":"email","email":"alice@example.com"},{"format":"email","email":"bob@example.com"}]}"#;
    make(
        store,
        addition(&stream, subject(aliases)),
        without_grace(),
        NOW,
    )
    .await;
    make(store, removal(&stream, email(ALICE)), without_grace(), NOW).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 0);
    assert_eq!(reached(store, email(BOB), NOW).await, 1);
    assert_eq!(reached(store, subject(aliases), NOW).await, 1);
    make(
        store,
        removal(&stream, subject(aliases)),
        without_grace(),
        NOW,
    )
    .await;
    assert_eq!(reached(store, subject(aliases), NOW).await, 0);
}

pub(crate) async fn removing_one_complex_subject_leaves_those_with_the_same_member(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let of_tenant = |user: &str| {
        subject(&format!(
            r#"{{"format":"complex","user":{{"format":"email","email":"{user}"}},"tenant":{{"format":"opaque","id":"1"}}}}"#
        ))
    };
    make(
        store,
        addition(&stream, of_tenant(ALICE)),
        without_grace(),
        NOW,
    )
    .await;
    make(
        store,
        addition(&stream, of_tenant(BOB)),
        without_grace(),
        NOW,
    )
    .await;
    make(
        store,
        removal(&stream, of_tenant(ALICE)),
        without_grace(),
        NOW,
    )
    .await;
    let tenant = subject(r#"{"format":"complex","tenant":{"format":"opaque","id":"1"}}"#);
    // A more specific removal makes no hole in what is less specific.
    make(
        store,
        addition(&stream, tenant.clone()),
        without_grace(),
        NOW,
    )
    .await;
    make(
        store,
        removal(&stream, of_tenant(BOB)),
        without_grace(),
        NOW,
    )
    .await;
    assert_eq!(reached(store, of_tenant(BOB), NOW).await, 1);
    make(
        store,
        removal(&stream, tenant.clone()),
        without_grace(),
        NOW,
    )
    .await;
    assert_eq!(reached(store, tenant, NOW).await, 0);
}

pub(crate) async fn a_change_that_is_refused_hinders_no_other(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let foreign = SubjectChange {
        receiver: known_receiver(store, 2).await.id,
        ..addition(&stream, email(ALICE))
    };
    let mut nowhere = addition(&stream, email(ALICE));
    nowhere.stream = StreamId::parse(Uuid::new_v4().simple().to_string()).unwrap();
    let mut never = addition(&stream, email(ALICE));
    never.stream = StreamId::parse("f67e39a0").unwrap();
    let robot = subject(r#"{"format":"complex","robot":{"format":"opaque","id":"1"}}"#);
    let changes = [
        foreign,
        nowhere,
        never,
        addition(&stream, robot.clone()),
        removal(&stream, robot),
        removal(&stream, Subject::stream(&stream.id)),
        addition(&stream, email(BOB)),
    ];
    let unfit = SubjectChanged::Refused(SubjectRefusal::Unfit(UnfitSubject::OtherMember));
    let expected = [
        SubjectChanged::NotFound,
        SubjectChanged::NotFound,
        SubjectChanged::NotFound,
        unfit,
        unfit,
        SubjectChanged::Refused(SubjectRefusal::StreamItself),
        SubjectChanged::Stored,
    ];
    assert_eq!(changed(store, &changes, terms(), NOW).await, expected);
    assert_eq!(reached(store, email(ALICE), NOW).await, 0);
    assert_eq!(reached(store, email(BOB), NOW).await, 1);
}

pub(crate) async fn a_stream_has_room_for_so_many_keys_and_for_more_when_some_are_over(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let terms = SubjectTerms {
        keys_max: 4,
        ..terms()
    };
    let full = [SubjectChanged::Refused(SubjectRefusal::TooMany)];
    let pair = r#"{"format":"complex","user":{"format":"opaque","id":"1"},"tenant":{"format":"opaque","id":"1"}}"#;
    make(store, addition(&stream, email(ALICE)), terms, NOW).await;
    make(store, addition(&stream, subject(pair)), terms, NOW).await;
    let bob = addition(&stream, email(BOB));
    assert_eq!(
        changed(store, std::slice::from_ref(&bob), terms, NOW).await,
        full
    );
    // What is there may be added again, and what is removed needs its room until it is over.
    make(store, addition(&stream, email(ALICE)), terms, NOW).await;
    make(store, removal(&stream, email(ALICE)), terms, NOW).await;
    assert_eq!(
        changed(store, std::slice::from_ref(&bob), terms, NOW).await,
        full
    );
    assert_eq!(store.forget_subjects(later(DAY + 59), 10).await.unwrap(), 0);
    assert_eq!(store.forget_subjects(later(DAY + 60), 10).await.unwrap(), 1);
    make(store, bob, terms, later(DAY + 60)).await;
    assert_eq!(reached(store, email(BOB), later(DAY + 60)).await, 1);
    assert_eq!(reached(store, subject(pair), later(DAY + 60)).await, 1);
}

pub(crate) async fn a_burst_of_ten_thousand_changes_is_held_to_the_pace_of_its_stream(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let other = stream_covering(store, 2, DefaultSubjects::None).await;
    let terms = SubjectTerms {
        keys_max: 10_000,
        pace: Pace::per_second(4),
        ..terms()
    };
    let user = |number: u32| email(&format!("{number}@example.com"));
    let burst: Vec<_> = (0..10_000)
        .map(|number| addition(&stream, user(number)))
        .collect();
    let mut stored = 0;
    for part in burst.chunks(2500) {
        for answer in changed(store, part, terms, NOW).await {
            if answer == SubjectChanged::Stored {
                stored += 1;
                continue;
            }
            let retry_after = Duration::from_millis(250);
            let too_fast = SubjectRefusal::TooFast(TooFast { retry_after });
            assert_eq!(answer, SubjectChanged::Refused(too_fast));
        }
    }
    assert_eq!(stored, 40);
    make(store, addition(&other, user(1)), terms, NOW).await;
    let more = [addition(&stream, user(1)), removal(&stream, user(1))];
    let answers = changed(store, &more, terms, later(1)).await;
    assert_eq!(answers, [SubjectChanged::Stored; 2]);
}

pub(crate) async fn what_is_over_is_forgotten_when_no_event_waits_that_it_counts_for(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    make(store, addition(&stream, email(ALICE)), without_grace(), NOW).await;
    make(store, addition(&stream, email(BOB)), without_grace(), NOW).await;
    happens_to(store, email(ALICE), NOW).await;
    make(store, removal(&stream, email(ALICE)), without_grace(), NOW).await;
    assert_eq!(store.forget_subjects(later(DAY), 10).await.unwrap(), 0);
    assert_eq!(dispatch(store).await, (1, 1));
    assert_eq!(store.forget_subjects(NOW, 10).await.unwrap(), 1);
    assert_eq!(store.forget_subjects(later(DAY), 10).await.unwrap(), 0);
    assert_eq!(reached(store, email(BOB), NOW).await, 1);
}

pub(crate) async fn the_subjects_of_a_stream_that_is_gone_are_forgotten_step_by_step(
    store: &impl Store,
) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let other = stream_covering(store, 2, DefaultSubjects::None).await;
    for user in [ALICE, BOB, "carol@example.com"] {
        make(store, addition(&stream, email(user)), terms(), NOW).await;
        make(store, addition(&other, email(user)), terms(), NOW).await;
    }
    let deleted = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    assert_eq!(
        deleted.unwrap(),
        DeletedStream::Deleted {
            dropped: 0,
            owners: Vec::new()
        }
    );
    assert_eq!(reached(store, email(ALICE), NOW).await, 1);
    let answers = changed(store, &[addition(&stream, email(ALICE))], terms(), NOW).await;
    assert_eq!(answers, [SubjectChanged::NotFound]);
    let mut forgotten = Vec::new();
    for _ in 0..4 {
        forgotten.push(store.forget_subjects(NOW, 2).await.unwrap());
    }
    assert_eq!(forgotten, [2, 1, 0, 0]);
    assert_eq!(reached(store, email(ALICE), NOW).await, 1);
}

pub(crate) async fn a_stream_without_a_subject_is_verified_all_the_same(store: &impl Store) {
    let stream = stream_covering(store, 1, DefaultSubjects::None).await;
    let decide = |stream: &Stream, last: Requested| {
        let ids = (event_id(), Jti::parse("756E69717565").unwrap());
        verification(stream, None, last, Duration::from_mins(1), NOW, ids)
    };
    let sent = store.send_verification(stream.receiver, &stream.id, NOW, decide);
    assert_eq!(sent.await.unwrap(), SentAlone::Numbered);
}

pub(crate) async fn the_same_subject_of_another_issuer_is_another_subject(store: &impl Store) {
    let mut receiver = receiver("acme-rp");
    receiver.issuer = IssuerName::parse("acme").unwrap();
    let bearer = [Credential::Bearer(token(2))];
    store.add_receiver(&receiver, &bearer, NOW).await.unwrap();
    let mut stream = stream_of(&receiver, &[LOGOUT]);
    stream.default_subjects = DefaultSubjects::None;
    store.create_stream(&stream, 100).await.unwrap();
    make(store, addition(&stream, email(ALICE)), terms(), NOW).await;
    assert_eq!(reached(store, email(ALICE), NOW).await, 0);
    let of_acme = Submission {
        issuer: receiver.issuer,
        ..submission(vec![event(LOGOUT, email(ALICE))])
    };
    store.append(vec![of_acme], NOW).await.unwrap();
    assert_eq!(dispatch(store).await, (1, 1));
}

//! What every store promises about operators and sources.

use ssf_transmitter::{
    domain::{
        id::{OperatorId, SourceId},
        issuer::IssuerName,
        name::Name,
        operator::{Operator, OperatorScope, OperatorScopes},
        quota::OwnQuota,
        source::{EventTypes, Source, SubjectIssuers},
    },
    ports::{Answered, Appended, Existing, FirstWrite, Named},
};
use uuid::Uuid;

use super::super::fixture::*;

fn operator(name: &str) -> Operator {
    Operator {
        id: OperatorId::new(Uuid::new_v4()),
        name: Name::parse(name).unwrap(),
        scopes: OperatorScopes::new([OperatorScope::Read]).unwrap(),
    }
}

pub(super) fn source(name: &str) -> Source {
    Source {
        id: SourceId::new(Uuid::new_v4()),
        name: Name::parse(name).unwrap(),
        issuer: IssuerName::parse("acme").unwrap(),
        event_types: EventTypes::named(["caep", LOGOUT]).unwrap(),
        subject_issuers: SubjectIssuers::listed(vec!["https://hr.example.com".into()]).unwrap(),
        quota: OwnQuota::new(Some(7), None).unwrap(),
    }
}

pub(crate) async fn the_first_operator_is_added_once_and_never_again(store: &impl Store) {
    let first = operator("operator");
    let added = store.add_first_operator(&first, token(1), NOW).await;
    assert_eq!(added.unwrap(), FirstWrite::Written);
    let second = operator("second");
    let added = store.add_first_operator(&second, token(2), NOW).await;
    assert_eq!(added.unwrap(), FirstWrite::AlreadyThere);
    let operators = store.operators().await.unwrap();
    assert_eq!(operators.as_slice(), std::slice::from_ref(&first));
    let removed = store.remove_operator(first.id).await.unwrap();
    assert_eq!(removed, Existing::Changed);
    let added = store.add_first_operator(&second, token(2), NOW).await;
    assert_eq!(added.unwrap(), FirstWrite::AlreadyThere);
    assert_eq!(store.operators().await.unwrap(), []);
}

pub(crate) async fn an_operator_is_found_by_its_token_alone(store: &impl Store) {
    let (b, a) = (operator("b"), operator("a"));
    for (operator, number) in [(&b, 1), (&a, 2)] {
        let added = store.add_operator(operator, token(number), NOW).await;
        assert_eq!(added.unwrap(), Named::Added);
    }
    let again = store.add_operator(&operator("a"), token(3), NOW).await;
    assert_eq!(again.unwrap(), Named::NameTaken);
    let found = async |number| store.operator_by_token(token(number), NOW).await.unwrap();
    assert_eq!(found(1).await, Some(b.clone()));
    assert_eq!(found(2).await, Some(a.clone()));
    assert_eq!(found(3).await, None);
    assert_eq!(store.source_by_token(token(1), NOW).await.unwrap(), None);
    assert_eq!(store.operators().await.unwrap(), [a, b]);
}

pub(crate) async fn a_rotated_token_counts_until_its_end_and_a_removed_one_no_more(
    store: &impl Store,
) {
    let one = operator("a");
    store.add_operator(&one, token(1), NOW).await.unwrap();
    let rotate = async |number, until| {
        let rotated = store.rotate_operator(one.id, token(number), NOW, until);
        assert_eq!(rotated.await.unwrap(), Existing::Changed);
    };
    let counts = async |number, now| {
        let found = store.operator_by_token(token(number), now).await.unwrap();
        found.is_some()
    };
    rotate(2, later(10)).await;
    assert!(counts(1, later(9)).await);
    assert!(!counts(1, later(10)).await);
    assert!(counts(2, later(1000)).await);
    // A second rotation gives the first token no longer life.
    rotate(3, later(60)).await;
    assert!(!counts(1, later(10)).await);
    assert!(counts(2, later(59)).await && !counts(2, later(60)).await);
    let removed = store.remove_operator(one.id).await.unwrap();
    assert_eq!(removed, Existing::Changed);
    assert!(!counts(2, NOW).await && !counts(3, NOW).await);
    let gone = store.remove_operator(one.id).await.unwrap();
    assert_eq!(gone, Existing::NotFound);
    let gone = store.rotate_operator(one.id, token(4), NOW, NOW).await;
    assert_eq!(gone.unwrap(), Existing::NotFound);
    assert!(!counts(4, NOW).await);
}

pub(crate) async fn a_source_is_kept_with_its_limits_and_found_by_its_token_alone(
    store: &impl Store,
) {
    let mut all = source("b");
    all.event_types = EventTypes::All;
    all.subject_issuers = SubjectIssuers::Any;
    let mut own = source("c");
    own.subject_issuers = SubjectIssuers::Own;
    let sources = [source("a"), all, own];
    for (source, number) in sources.iter().zip(1..) {
        let added = store.add_source(source, token(number), NOW).await;
        assert_eq!(added.unwrap(), Named::Added);
        let found = store.source_by_token(token(number), NOW).await.unwrap();
        assert_eq!(found.as_ref(), Some(source));
    }
    let again = store.add_source(&source("a"), token(9), NOW).await;
    assert_eq!(again.unwrap(), Named::NameTaken);
    assert_eq!(store.source_by_token(token(9), NOW).await.unwrap(), None);
    assert_eq!(store.operator_by_token(token(1), NOW).await.unwrap(), None);
    assert_eq!(store.sources().await.unwrap(), sources);
}

pub(crate) async fn a_source_is_rotated_and_removed_as_an_operator_is(store: &impl Store) {
    let one = source("a");
    store.add_source(&one, token(1), NOW).await.unwrap();
    let rotated = store.rotate_source(one.id, token(2), NOW, later(10)).await;
    assert_eq!(rotated.unwrap(), Existing::Changed);
    let counts = async |number, now| {
        let found = store.source_by_token(token(number), now).await.unwrap();
        found.is_some()
    };
    assert!(counts(1, later(9)).await && !counts(1, later(10)).await);
    assert!(counts(2, later(10)).await);
    assert_eq!(
        store.remove_source(one.id).await.unwrap(),
        Existing::Changed
    );
    assert!(!counts(2, NOW).await);
    assert_eq!(
        store.remove_source(one.id).await.unwrap(),
        Existing::NotFound
    );
    let gone = store.rotate_source(one.id, token(3), NOW, NOW).await;
    assert_eq!(gone.unwrap(), Existing::NotFound);
}

pub(crate) async fn an_answer_is_kept_under_its_key_until_it_is_forgotten(store: &impl Store) {
    let submit = async |key, now| {
        let submission = keyed(key, 7, event(LOGOUT, email(ALICE)));
        let mut answers = store.append(vec![submission], now).await.unwrap();
        let Appended::Accepted(ids) = answers.remove(0) else {
            panic!("it is new")
        };
        ids
    };
    let ids = submit(1, NOW).await;
    submit(2, later(5)).await;
    submit(3, later(10)).await;
    let kept = Answered {
        body: token(7),
        ids,
        answer: "answer 7".to_owned(),
    };
    let answered = async |key| store.answered(token(key)).await.unwrap();
    assert_eq!(answered(1).await, Some(kept));
    assert_eq!(answered(9).await, None);
    let forget = async |before, limit| store.forget_answers(before, limit).await.unwrap();
    assert_eq!(forget(NOW, 10).await, 0);
    assert_eq!(forget(later(10), 1).await, 1);
    assert_eq!(forget(later(10), 10).await, 1);
    assert_eq!(answered(1).await, None);
    assert_eq!(answered(2).await, None);
    assert!(answered(3).await.is_some());
    // A forgotten key can be used anew.
    submit(1, later(20)).await;
}

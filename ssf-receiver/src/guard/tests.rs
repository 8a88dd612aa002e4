//! The decision against examples, and against a slow oracle that knows neither hashes nor masks.

mod forgetting;
mod share;

use std::{collections::BTreeSet, sync::Arc};

use proptest::{prelude::*, sample::subsequence};
use ssf_types::{
    subject::{ComplexSubject, SimpleSubject, Subject},
    time::Timestamp,
    uri::Issuer,
};

use super::*;
use crate::revocation::{IndexKey, Policy, Revocation, Scope, ScopeId, State, select};

const T: u64 = 1_615_305_159;

fn issuer() -> Issuer {
    Issuer::parse("https://idp.example.com").unwrap()
}

fn opaque(id: &str) -> SimpleSubject {
    SimpleSubject::Opaque { id: id.into() }
}

fn email(email: &str) -> SimpleSubject {
    SimpleSubject::Email {
        email: email.into(),
    }
}

fn complex(members: &[(&str, SimpleSubject)]) -> Subject {
    ComplexSubject::new(members.iter().cloned()).unwrap().into()
}

/// What is revoked for whomever a subject selects.
#[derive(Clone, Debug)]
struct What {
    kind: Kind,
    effect: Option<Effect>,
    before: u64,
    reason: Option<Texts>,
}

fn end(before: u64) -> What {
    What {
        kind: Kind::Ended,
        effect: None,
        before,
        reason: None,
    }
}

fn reauthenticate(before: u64) -> What {
    What {
        kind: Kind::Unproven,
        ..end(before)
    }
}

/// A state since that second.
fn state(kind: Kind, effect: Effect, since: u64) -> What {
    What {
        kind,
        effect: Some(effect),
        ..end(since)
    }
}

fn other_issuer() -> Issuer {
    Issuer::parse("https://other.example.com").unwrap()
}

fn new_index() -> Index {
    let scope = |(number, issuer)| Scope {
        id: ScopeId::new(number).unwrap(),
        issuer,
    };
    let scopes = [(0, issuer()), (1, other_issuer())].map(scope);
    Index::new(IndexKey::new([7; 16]), scopes)
}

fn revoke(index: &Index, scope: &Issuer, subject: &Subject, policy: &Policy, what: &What) {
    let moment = u32::try_from(what.before).unwrap();
    for selection in select(subject, policy).unwrap_or_default() {
        let detail = Detail {
            event: "urn:example:event".into(),
            reason: what.reason.clone().map(Arc::new),
        };
        index.apply(&Revocation {
            scope: index.scope(scope).unwrap(),
            key: index.key().selection(scope, &selection),
            mask: selection.mask,
            kind: what.kind,
            state: what.effect.map(|effect| State {
                occurred: what.before * 1000,
                toe: 0,
                arrived: 0,
                effect,
            }),
            moment,
            until: moment,
            detail: Arc::new(detail),
        });
    }
}

fn index_of(subject: &Subject, what: &What) -> Index {
    let index = new_index();
    revoke(&index, &issuer(), subject, &Policy::default(), what);
    index
}

fn alice() -> Session {
    Session::new(issuer(), Timestamp::from_secs(T))
        .iss_sub("https://idp.example.com", "alice")
        .email("alice@example.com")
        .sid("s1")
}

fn reason(decision: Decision) -> Option<Reason> {
    match decision {
        Decision::Allow => None,
        Decision::Deny(denial) => Some(denial.reason()),
    }
}

fn decide(session: &Session, index: &Index) -> Decision {
    super::decide(&index.key().keys(session), index)
}

fn decided(session: &Session, subject: &Subject, what: &What) -> Option<Reason> {
    reason(decide(session, &index_of(subject, what)))
}

#[test]
fn a_member_in_a_format_that_the_session_does_not_register_counts_as_unknown() {
    let phone = SimpleSubject::PhoneNumber {
        phone_number: "+12065550100".into(),
    };
    let token = SimpleSubject::JwtId {
        iss: "https://idp.example.com".into(),
        jti: "7".into(),
    };
    let alice_by_mail = email("alice@example.com");
    for (subject, expected) in [
        (
            complex(&[("user", phone.clone()), ("session", opaque("s1"))]),
            Some(Reason::Revoked),
        ),
        (
            complex(&[("user", phone.clone()), ("session", opaque("s2"))]),
            None,
        ),
        (
            complex(&[("user", alice_by_mail), ("session", token.clone())]),
            Some(Reason::Revoked),
        ),
        (
            complex(&[("user", email("bob@example.com")), ("session", token)]),
            None,
        ),
        (
            complex(&[
                ("user", email("bob@example.com")),
                ("session", opaque("s1")),
            ]),
            None,
        ),
    ] {
        assert_eq!(
            decided(&alice(), &subject, &end(T)),
            expected,
            "{subject:?}"
        );
    }
}

#[test]
fn a_user_who_is_somebody_else_in_one_of_the_formats_is_not_unknown_in_another() {
    let user = SimpleSubject::Aliases {
        identifiers: vec![
            SimpleSubject::PhoneNumber {
                phone_number: "+12065550100".into(),
            },
            email("bob@example.com"),
        ],
    };
    let subject = complex(&[("user", user), ("session", opaque("s1"))]);
    assert_eq!(decided(&alice(), &subject, &end(T)), None);
}

#[test]
fn a_simple_subject_that_is_a_tenant_ends_nobodys_session() {
    let session = alice().identifier("tenant", opaque("acme"));
    assert_eq!(decided(&session, &opaque("acme").into(), &end(T)), None);
    assert_eq!(
        decided(&session, &opaque("s1").into(), &end(T)),
        Some(Reason::Revoked)
    );
}

#[test]
fn each_identifier_of_the_user_ends_the_session() {
    for subject in [
        email("ALICE@example.com"),
        SimpleSubject::IssSub {
            iss: "https://idp.example.com/".into(),
            sub: "alice".into(),
        },
    ] {
        assert_eq!(
            decided(&alice(), &subject.into(), &end(T)),
            Some(Reason::Revoked)
        );
    }
    assert_eq!(
        decided(&alice(), &email("bob@example.com").into(), &end(T)),
        None
    );
}

#[test]
fn a_session_of_the_same_second_is_over_and_one_of_the_next_is_not() {
    let subject = Subject::from(email("alice@example.com"));
    assert_eq!(decided(&alice(), &subject, &end(T)), Some(Reason::Revoked));
    assert_eq!(decided(&alice(), &subject, &end(T - 1)), None);
}

#[test]
fn fractions_of_a_second_do_not_save_a_session() {
    let session =
        Session::new(issuer(), Timestamp::from_millis(T * 1000 + 999)).email("alice@example.com");
    let subject = Subject::from(email("alice@example.com"));
    assert_eq!(decided(&session, &subject, &end(T)), Some(Reason::Revoked));
}

#[test]
fn a_named_session_is_over_whenever_it_began() {
    for subject in [
        opaque("s1").into(),
        complex(&[("session", opaque("s1"))]),
        complex(&[
            ("user", email("alice@example.com")),
            ("session", opaque("s1")),
        ]),
    ] {
        assert_eq!(
            decided(&alice(), &subject, &end(T - 1000)),
            Some(Reason::Revoked)
        );
    }
}

#[test]
fn another_session_of_the_same_user_goes_on() {
    for subject in [
        complex(&[("session", opaque("s2"))]),
        complex(&[
            ("user", email("alice@example.com")),
            ("session", opaque("s2")),
        ]),
    ] {
        assert_eq!(decided(&alice(), &subject, &end(T)), None);
    }
}

#[test]
fn a_session_without_an_identifier_of_its_own_goes_by_its_user() {
    let session = Session::new(issuer(), Timestamp::from_secs(T)).email("alice@example.com");
    let subject = complex(&[
        ("user", email("alice@example.com")),
        ("session", opaque("s2")),
    ]);
    assert_eq!(decided(&session, &subject, &end(T)), Some(Reason::Revoked));
    assert_eq!(decided(&session, &subject, &end(T - 1)), None);
}

#[test]
fn a_token_that_was_named_is_over_whenever_it_was_issued() {
    let token = SimpleSubject::JwtId {
        iss: "https://idp.example.com".into(),
        jti: "1".into(),
    };
    let session = alice().identifier("user", token.clone());
    assert_eq!(
        decided(&session, &token.into(), &end(T - 1000)),
        Some(Reason::Revoked)
    );
}

#[test]
fn a_lost_credential_asks_for_a_fresh_sign_in_and_is_satisfied_by_one() {
    let subject = Subject::from(email("alice@example.com"));
    let at = |auth_time| alice().auth_time(Timestamp::from_secs(auth_time));
    assert_eq!(
        decided(&at(T), &subject, &reauthenticate(T)),
        Some(Reason::Reauthenticate)
    );
    assert_eq!(decided(&at(T + 1), &subject, &reauthenticate(T)), None);
}

#[test]
fn a_session_that_tells_no_auth_time_cannot_pass_for_fresh() {
    let subject = Subject::from(email("alice@example.com"));
    assert_eq!(
        decided(&alice(), &subject, &reauthenticate(T - 1000)),
        Some(Reason::Reauthenticate)
    );
}

#[test]
fn a_session_that_is_over_is_not_asked_for_a_fresh_sign_in() {
    let subject = Subject::from(email("alice@example.com"));
    let index = index_of(&subject, &reauthenticate(T + 9));
    revoke(&index, &issuer(), &subject, &Policy::default(), &end(T));
    assert_eq!(reason(decide(&alice(), &index)), Some(Reason::Revoked));
}

#[test]
fn a_blocked_account_is_refused_whenever_it_signs_in_until_that_is_lifted() {
    let subject = Subject::from(email("alice@example.com"));
    let index = index_of(&subject, &state(Kind::Disabled, Effect::Block, T));
    let later = alice().auth_time(Timestamp::from_secs(T + 99));
    assert_eq!(reason(decide(&later, &index)), Some(Reason::Blocked));
    let lifted = state(Kind::Disabled, Effect::Lifted, T + 1);
    revoke(&index, &issuer(), &subject, &Policy::default(), &lifted);
    assert_eq!(reason(decide(&later, &index)), None);
    let late = state(Kind::Disabled, Effect::Block, T);
    revoke(&index, &issuer(), &subject, &Policy::default(), &late);
    assert_eq!(reason(decide(&later, &index)), None);
}

#[test]
fn of_a_block_and_its_end_at_one_moment_the_block_stays() {
    let subject = Subject::from(email("alice@example.com"));
    let both = [Effect::Block, Effect::Lifted].map(|effect| state(Kind::Disabled, effect, T));
    for order in [[&both[0], &both[1]], [&both[1], &both[0]]] {
        let index = index_of(&subject, order[0]);
        revoke(&index, &issuer(), &subject, &Policy::default(), order[1]);
        assert_eq!(reason(decide(&alice(), &index)), Some(Reason::Blocked));
    }
}

#[test]
fn what_ended_a_session_is_not_revived_when_the_block_is_lifted() {
    let subject = Subject::from(email("alice@example.com"));
    let index = index_of(&subject, &end(T));
    let lifted = state(Kind::Disabled, Effect::Lifted, T + 1);
    revoke(&index, &issuer(), &subject, &Policy::default(), &lifted);
    assert_eq!(reason(decide(&alice(), &index)), Some(Reason::Revoked));
}

#[test]
fn a_risk_asks_once_and_is_satisfied_by_a_sign_in_since() {
    let subject = Subject::from(email("alice@example.com"));
    let at = |auth_time| alice().auth_time(Timestamp::from_secs(auth_time));
    for (effect, expected) in [
        (Effect::Reauthenticate, Reason::Reauthenticate),
        (Effect::StepUp, Reason::StepUp),
    ] {
        let index = index_of(&subject, &state(Kind::Risk, effect, T));
        assert_eq!(reason(decide(&at(T), &index)), Some(expected));
        assert_eq!(reason(decide(&at(T + 1), &index)), None);
        let lower = state(Kind::Risk, Effect::Lifted, T + 5);
        revoke(&index, &issuer(), &subject, &Policy::default(), &lower);
        assert_eq!(reason(decide(&at(T), &index)), None);
    }
}

#[test]
fn the_gravest_of_several_reasons_is_told() {
    let subject = Subject::from(email("alice@example.com"));
    let index = index_of(&subject, &state(Kind::Risk, Effect::StepUp, T));
    for (what, expected) in [
        (reauthenticate(T), Reason::Reauthenticate),
        (
            state(Kind::NotCompliant, Effect::Block, T - 9),
            Reason::Blocked,
        ),
        (end(T), Reason::Revoked),
    ] {
        revoke(&index, &issuer(), &subject, &Policy::default(), &what);
        assert_eq!(reason(decide(&alice(), &index)), Some(expected));
    }
}

#[test]
fn an_address_never_crosses_transmitters() {
    let index = new_index();
    let subject = Subject::from(email("alice@example.com"));
    revoke(
        &index,
        &other_issuer(),
        &subject,
        &Policy::default(),
        &end(T),
    );
    assert_eq!(decide(&alice(), &index), Decision::Allow);
}

#[test]
fn a_session_whose_keys_were_made_with_another_secret_is_over_since_nobody_can_tell() {
    let index = new_index();
    let keys = IndexKey::new([8; 16]).keys(&alice());
    let Decision::Deny(denial) = super::decide(&keys, &index) else {
        panic!()
    };
    assert_eq!((denial.reason(), denial.event()), (Reason::Revoked, None));
    let stranger = Issuer::parse("https://stranger.example.com").unwrap();
    let session = Session::new(stranger, Timestamp::from_secs(T));
    assert_eq!(reason(decide(&session, &index)), Some(Reason::Revoked));
}

#[test]
fn keys_that_were_kept_since_the_sign_in_find_a_mask_that_came_later() {
    let index = new_index();
    let kept = serde_json::to_string(&index.key().keys(&alice())).unwrap();
    let subject = complex(&[
        ("user", email("alice@example.com")),
        ("session", opaque("s1")),
    ]);
    revoke(&index, &issuer(), &subject, &Policy::default(), &end(T));
    let kept = serde_json::from_str(&kept).unwrap();
    assert_eq!(reason(super::decide(&kept, &index)), Some(Reason::Revoked));
}

#[test]
fn the_user_reads_the_reason_in_their_language() {
    let mut what = end(T);
    what.reason = Some(Texts::new([("en", "Bye"), ("de", "Tschüss")]).unwrap());
    let index = index_of(&email("alice@example.com").into(), &what);
    let Decision::Deny(denial) = decide(&alice(), &index) else {
        panic!()
    };
    assert_eq!(denial.message(Some("de-AT")), ("de", "Tschüss"));
    assert_eq!(denial.message(None), ("en", "Bye"));
}

/// Whether a revocation selects a session, read straight from the description of a complex subject.
fn oracle_selects(subject: &Subject, session: &Session, policy: &Policy) -> Option<bool> {
    let same = |a: &SimpleSubject, b: &SimpleSubject| a.revocation_key() == b.revocation_key();
    let any = |wanted: &SimpleSubject, known: &[SimpleSubject]| {
        let alternatives = wanted.alternatives();
        known
            .iter()
            .any(|k| alternatives.iter().any(|w| same(w, k)))
    };
    match subject {
        Subject::Simple(simple) => {
            let hits: Vec<&str> = session
                .identifiers()
                .filter(|(member, _)| *member != "tenant")
                .filter(|(_, known)| any(simple, std::slice::from_ref(known)))
                .map(|(member, _)| member)
                .collect();
            (!hits.is_empty()).then(|| hits.contains(&"session"))
        }
        Subject::Complex(complex) => {
            let names: BTreeSet<&str> = complex.members().map(|(name, _)| name).collect();
            let judged: BTreeSet<&str> = names
                .iter()
                .copied()
                .filter(|name| policy.members.contains(*name))
                .filter(|name| {
                    let wanted = complex.member(name).unwrap().alternatives();
                    let comparable =
                        |known: &SimpleSubject| wanted.iter().any(|w| w.format() == known.format());
                    session.identifiers_of(name).iter().any(comparable)
                })
                .collect();
            let narrowed = judged.contains("user") || judged.contains("session");
            let whole = judged == names && judged.contains("device");
            let matches = judged.iter().all(|name| {
                complex
                    .member(name)
                    .is_some_and(|wanted| any(wanted, session.identifiers_of(name)))
            });
            ((narrowed || whole) && matches).then(|| judged.contains("session"))
        }
        _ => None,
    }
}

fn oracle(session: &Session, revoked: &[(Subject, What)], policy: &Policy) -> Option<Reason> {
    let is_unproven = |before| {
        let authenticated = session.authenticated();
        authenticated.is_none_or(|moment| moment.as_secs() <= before)
    };
    // A state is told under each subject by itself: the latest of one subject and kind holds, and of two at once the worse.
    let holds = |subject: &Subject, what: &What| {
        let same = revoked
            .iter()
            .filter(|(other, of)| same_subject(other, subject) && of.kind == what.kind);
        let latest = same.map(|(_, of)| (of.before, of.effect)).max();
        what.effect.is_none() || latest == Some((what.before, what.effect))
    };
    let reasons = revoked.iter().filter_map(|(subject, what)| {
        let named = oracle_selects(subject, session, policy)?;
        if !holds(subject, what) {
            return None;
        }
        match (what.kind, what.effect) {
            (Kind::Ended, _) => {
                (named || session.began().as_secs() <= what.before).then_some(Reason::Revoked)
            }
            (_, Some(Effect::Block)) => Some(Reason::Blocked),
            (Kind::Unproven, _) | (_, Some(Effect::Reauthenticate)) => {
                is_unproven(what.before).then_some(Reason::Reauthenticate)
            }
            (_, Some(Effect::StepUp)) => is_unproven(what.before).then_some(Reason::StepUp),
            (_, _) => None,
        }
    });
    reasons.min()
}

/// States are told of single identifiers here, so that what is told of one says nothing of another.
fn same_subject(one: &Subject, other: &Subject) -> bool {
    match (one, other) {
        (Subject::Simple(one), Subject::Simple(other)) => {
            one.revocation_key() == other.revocation_key()
        }
        _ => false,
    }
}

const MEMBERS: [&str; 4] = ["device", "session", "tenant", "user"];

fn any_identifier() -> impl Strategy<Value = SimpleSubject> {
    prop_oneof![
        3 => "[ab]".prop_map(|id| opaque(&id)),
        1 => "[ab]".prop_map(|name| SimpleSubject::Uri { uri: format!("urn:{name}") }),
    ]
}

fn any_wanted() -> impl Strategy<Value = SimpleSubject> {
    let aliases = prop::collection::vec(any_identifier(), 1..3)
        .prop_map(|identifiers| SimpleSubject::Aliases { identifiers });
    prop_oneof![3 => any_identifier(), 1 => aliases]
}

fn any_subject() -> impl Strategy<Value = Subject> {
    let complex = (
        subsequence(&MEMBERS[..], 1..=4),
        prop::collection::vec(any_wanted(), 4),
    )
        .prop_map(|(names, wanted)| {
            ComplexSubject::new(names.into_iter().zip(wanted))
                .unwrap()
                .into()
        });
    prop_oneof![any_wanted().prop_map(Subject::from), complex]
}

fn any_session() -> impl Strategy<Value = Session> {
    (
        0..4_u64,
        prop::option::of(0..4_u64),
        prop::collection::vec((prop::sample::select(&MEMBERS[..]), any_identifier()), 0..5),
    )
        .prop_map(|(began, auth_time, identifiers)| {
            let session = Session::new(issuer(), Timestamp::from_secs(began));
            let session = match auth_time {
                Some(auth_time) => session.auth_time(Timestamp::from_secs(auth_time)),
                None => session,
            };
            identifiers
                .into_iter()
                .fold(session, |session, (member, identifier)| {
                    session.identifier(member, identifier)
                })
        })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    subsequence(&MEMBERS[..], 0..=4).prop_map(|members| Policy {
        members: members.into_iter().map(str::to_owned).collect(),
        ..Policy::default()
    })
}

fn any_revoked() -> impl Strategy<Value = Vec<(Subject, What)>> {
    let threshold = prop_oneof![
        (0..4_u64).prop_map(end),
        (0..4_u64).prop_map(reauthenticate)
    ];
    let kind = prop::sample::select(vec![Kind::Disabled, Kind::Risk]);
    let effect = prop::sample::select(&Effect::ALL[..]);
    let any_state =
        (kind, effect, 0..4_u64).prop_map(|(kind, effect, since)| state(kind, effect, since));
    let one = prop_oneof![
        (any_subject(), threshold),
        (any_identifier().prop_map(Subject::from), any_state),
    ];
    prop::collection::vec(one, 1..7)
}

fn index_with<'r>(
    revoked: impl IntoIterator<Item = &'r (Subject, What)>,
    policy: &Policy,
) -> Index {
    let index = new_index();
    for (subject, what) in revoked {
        revoke(&index, &issuer(), subject, policy, what);
    }
    index
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_index_decides_as_the_oracle_does(
        session in any_session(), revoked in any_revoked(), policy in any_policy()
    ) {
        let index = index_with(&revoked, &policy);
        prop_assert_eq!(reason(decide(&session, &index)), oracle(&session, &revoked, &policy));
    }

    #[test]
    fn order_and_repetition_change_no_decision(
        session in any_session(),
        (revoked, shuffled) in any_revoked().prop_flat_map(|revoked| {
            let twice: Vec<_> = revoked.iter().chain(&revoked).cloned().collect();
            (Just(revoked), Just(twice).prop_shuffle())
        }),
    ) {
        let policy = Policy::default();
        let (once, again) = (index_with(&revoked, &policy), index_with(&shuffled, &policy));
        prop_assert_eq!(once.len(), again.len());
        prop_assert_eq!(decide(&session, &once), decide(&session, &again));
    }
}

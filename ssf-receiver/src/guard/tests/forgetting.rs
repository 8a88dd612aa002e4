//! Decisions of an index that forgets, against an oracle that does not.

use proptest::{collection::vec, prelude::*, sample};

use super::*;
use crate::revocation::{Limits, RevocationKey, Watermarks};

/// Clocks of a transmitter and of ours differ by that at most.
const SKEW: u32 = 60;

const BEGIN: u32 = 1_000_000;

/// What was told, and when it was received.
struct Told {
    subject: Subject,
    kind: Kind,
    moment: u32,
    received: u32,
}

struct World {
    now: u32,
    most: u32,
    told: Vec<Told>,
    /// What a database would have.
    rows: Vec<Revocation>,
    sessions: Vec<Session>,
    index: Index,
    /// What the database says is missing in it.
    stored: Watermarks,
    /// The watermarks at the last look.
    forgotten: Watermarks,
}

#[derive(Clone, Debug)]
enum Step {
    /// Something that happened so long ago, or will have happened by a clock that is ahead.
    Revoke(Subject, Kind, i32),
    /// The same SET again.
    Repeat(sample::Index),
    SignIn(Vec<(&'static str, SimpleSubject)>, i32, Option<u32>),
    /// What was received longer ago is over.
    Expire(u32),
    /// The database drops so many rows at most that the index has forgotten.
    Store(usize),
    Restart,
    Pass(u32),
}

fn any_id() -> impl Strategy<Value = SimpleSubject> {
    "[a-t]".prop_map(|id| opaque(&id))
}

fn any_step() -> impl Strategy<Value = Step> {
    let complex = (any_id(), any_id())
        .prop_map(|(user, session)| complex(&[("user", user), ("session", session)]));
    let subject = prop_oneof![3 => any_id().prop_map(Subject::from), 1 => complex];
    let kind = sample::select(vec![Kind::Ended, Kind::Unproven]);
    let identifier = (sample::select(&MEMBERS[..]), any_id());
    prop_oneof![
        6 => (subject, kind, -5_000..=60).prop_map(|(s, kind, moved)| Step::Revoke(s, kind, moved)),
        1 => any::<sample::Index>().prop_map(Step::Repeat),
        2 => (vec(identifier, 1..4), -60..=60, prop::option::of(0..500_u32))
            .prop_map(|(identifiers, moved, age)| Step::SignIn(identifiers, moved, age)),
        1 => (0..10_000_u32).prop_map(Step::Expire),
        1 => (0..50_usize).prop_map(Step::Store),
        1 => Just(Step::Restart),
        3 => (1..2_000_u32).prop_map(Step::Pass),
    ]
}

impl World {
    fn new(most: u32) -> Self {
        Self {
            now: BEGIN,
            most,
            told: Vec::new(),
            rows: Vec::new(),
            sessions: Vec::new(),
            index: empty(most),
            stored: Watermarks::default(),
            forgotten: Watermarks::default(),
        }
    }

    fn go(&mut self, step: Step) {
        match step {
            Step::Revoke(subject, kind, moved) => {
                let moment = self.now.saturating_add_signed(moved);
                self.tell(subject, kind, moment, self.now);
            }
            Step::Repeat(which) => {
                if !self.told.is_empty() {
                    // As of when it came first.
                    let told = which.get(&self.told);
                    let (subject, kind) = (told.subject.clone(), told.kind);
                    self.tell(subject, kind, told.moment, told.received);
                }
            }
            Step::SignIn(identifiers, moved, age) => {
                let began = self.now.saturating_add_signed(moved);
                let session = Session::new(issuer(), Timestamp::from_secs(began.into()));
                let session = match age {
                    Some(age) => session.auth_time(Timestamp::from_secs((began - age).into())),
                    None => session,
                };
                let session = identifiers
                    .into_iter()
                    .fold(session, |session, (member, one)| {
                        session.identifier(member, one)
                    });
                self.sessions.push(session);
            }
            Step::Expire(age) => {
                let over = Watermarks {
                    ended: self.now - age,
                    unproven: self.now - age,
                };
                let scope = self.index.scope(&issuer()).unwrap();
                self.index.forget(scope, over);
            }
            Step::Store(most) => self.store(most),
            Step::Restart => {
                self.index = empty(self.most);
                // What a former process knew beyond that is in the rows.
                self.forgotten = self.stored;
                let scope = self.index.scope(&issuer()).unwrap();
                self.index.raise(scope, self.stored);
                for row in &self.rows {
                    self.index.apply(row);
                }
            }
            Step::Pass(seconds) => self.now += seconds,
        }
    }

    fn store(&mut self, most: usize) {
        let scope = self.index.scope(&issuer()).unwrap();
        self.stored = self.stored.max(self.index.watermarks(scope));
        let mut left = most;
        self.rows.retain(|row| {
            let goes = left > 0 && self.stored.cover(row.kind, row.until);
            left -= usize::from(goes);
            !goes
        });
    }

    fn tell(&mut self, subject: Subject, kind: Kind, moment: u32, received: u32) {
        let scope = self.index.scope(&issuer()).unwrap();
        for selection in select(&subject, &Policy::default()).unwrap_or_default() {
            let revocation = Revocation {
                scope,
                key: self.index.key().selection(&issuer(), &selection),
                mask: selection.mask,
                kind,
                state: None,
                moment,
                until: moment.max(received),
                detail: Arc::new(Detail {
                    event: "urn:example:event".into(),
                    reason: None,
                }),
            };
            self.index.apply(&revocation);
            self.rows.push(revocation);
        }
        self.told.push(Told {
            subject,
            kind,
            moment,
            received,
        });
    }

    /// What the oracle says, leaving out sessions that were named long before they began if such may be forgotten.
    fn refused(&self, session: &Session, forgets: bool) -> Option<Reason> {
        let began = u32::try_from(session.began().as_secs()).unwrap();
        let reasons = self.told.iter().filter_map(|told| {
            let named = oracle_selects(&told.subject, session, &Policy::default())?;
            let named = named && !(forgets && began > told.received + SKEW);
            let is_unproven = session
                .authenticated()
                .is_none_or(|at| at.as_secs() <= told.moment.into());
            match told.kind {
                Kind::Ended => (named || began <= told.moment).then_some(Reason::Revoked),
                Kind::Unproven => is_unproven.then_some(Reason::Reauthenticate),
                Kind::Disabled | Kind::NotCompliant | Kind::Risk | Kind::Assurance => None,
            }
        });
        reasons.min()
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        self.check_each(true)?;
        // Beside what is being forgotten, and after it.
        self.index.settled();
        let scope = self.index.scope(&issuer()).unwrap();
        let watermarks = self.index.watermarks(scope);
        prop_assert!(self.index.len() <= self.most as usize);
        prop_assert!(watermarks.ended >= self.forgotten.ended);
        prop_assert!(watermarks.unproven >= self.forgotten.unproven);
        self.forgotten = watermarks;
        let forgets = watermarks != Watermarks::default();
        let other = self.index.scope(&other_issuer()).unwrap();
        prop_assert_eq!(self.index.watermarks(other), Watermarks::default());
        self.check_each(forgets)
    }

    fn check_each(&self, forgets: bool) -> Result<(), TestCaseError> {
        for session in &self.sessions {
            let decided = reason(decide(session, &self.index));
            let expected = self.refused(session, forgets);
            if forgets {
                prop_assert!(
                    expected.is_none() || decided.is_some(),
                    "{expected:?} is let in"
                );
            } else {
                prop_assert_eq!(decided, expected);
            }
        }
        Ok(())
    }
}

fn empty(most: u32) -> Index {
    let scope = |(number, issuer)| Scope {
        id: ScopeId::new(number).unwrap(),
        issuer,
    };
    let scopes = [(0, issuer()), (1, other_issuer())].map(scope);
    let limits = Limits { room_for: 0, most };
    Index::with_limits(limits, IndexKey::new([7; 16]), scopes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_that_was_revoked_is_let_in_whatever_is_forgotten_and_nothing_else_is_refused_before(
        most in sample::select(vec![1_u32, 8, 32, 10_000]), steps in vec(any_step(), 1..80)
    ) {
        let mut world = World::new(most);
        for step in steps {
            world.go(step);
            world.check()?;
        }
    }
}

fn ended(scope: u8, number: u32, moment: u32) -> Revocation {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key[8..12].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    key[12] = scope;
    Revocation {
        scope: ScopeId::new(scope).unwrap(),
        key: RevocationKey::from_bytes(key),
        mask: crate::revocation::Mask::default(),
        kind: Kind::Ended,
        state: None,
        moment,
        until: moment,
        detail: Arc::new(Detail {
            event: "urn:example:event".into(),
            reason: None,
        }),
    }
}

#[test]
fn t52_a_flood_from_one_transmitter_leaves_the_sessions_of_another_alone() {
    let index = empty(10_000);
    for number in 0..5_000 {
        index.apply(&ended(1, number, BEGIN));
    }
    for number in 0..100_000 {
        index.apply(&ended(0, number, BEGIN + number));
    }
    let [flooded, other] = [issuer(), other_issuer()].map(|one| index.scope(&one).unwrap());
    assert!(index.watermarks(flooded).ended >= BEGIN + 89_000);
    assert_eq!(index.watermarks(flooded).unproven, 0);
    assert_eq!(index.watermarks(other), Watermarks::default());
    assert!(index.len() <= 15_000);
    let session = |issuer| Session::new(issuer, Timestamp::from_secs(BEGIN.into())).sid("s1");
    assert_eq!(
        reason(decide(&session(issuer()), &index)),
        Some(Reason::Renew)
    );
    assert_eq!(reason(decide(&session(other_issuer()), &index)), None);
}

#[test]
fn a_session_that_began_after_what_was_forgotten_is_let_in() {
    let index = empty(8);
    for number in 0..9 {
        index.apply(&ended(0, number, BEGIN));
    }
    let session = |began: u32| Session::new(issuer(), Timestamp::from_secs(began.into())).sid("s1");
    let decided = |began| reason(decide(&session(began), &index));
    assert_eq!(decided(BEGIN + SKEW), Some(Reason::Renew));
    assert_eq!(decided(BEGIN + SKEW + 1), None);
}

#[test]
fn a_state_is_never_forgotten() {
    let index = empty(8);
    let alice = Subject::from(email("alice@example.com"));
    let blocked = state(Kind::Disabled, Effect::Block, u64::from(BEGIN));
    revoke(&index, &issuer(), &alice, &Policy::default(), &blocked);
    for number in 0..1_000 {
        index.apply(&ended(0, number, BEGIN + number));
    }
    assert_eq!(
        reason(decide(&super::alice(), &index)),
        Some(Reason::Blocked)
    );
}

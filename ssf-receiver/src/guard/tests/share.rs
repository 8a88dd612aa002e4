//! How many have to sign in again without need where there is room for fewer revocations than are needed.

use super::*;
use crate::revocation::{Limits, Watermarks};

const DAYS: u32 = 90;
const USERS: u32 = 1_000;
const SESSION_DAYS: u32 = 30;
const REVOCATIONS_A_DAY: u32 = 48;

/// So many are needed at a time.
const NEED: u32 = REVOCATIONS_A_DAY * SESSION_DAYS;

const DAY: u32 = 24 * 60 * 60;
const BEGIN: u32 = 20_000 * DAY;

/// Numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        u32::try_from((self.0 >> 32) % u64::from(limit)).unwrap()
    }
}

/// The session of a user, with its name.
struct SignedIn {
    began: u32,
    sid: String,
    keys: SessionKeys,
    is_over: bool,
}

impl SignedIn {
    fn at(user: u32, began: u32, index: &Index) -> Self {
        let sid = format!("{user}/{began}");
        let session = Session::new(issuer(), Timestamp::from_secs(began.into()));
        Self {
            began,
            keys: index.key().keys(&session.sid(&sid)),
            sid,
            is_over: false,
        }
    }
}

/// Of a thousand live sessions that came, how many were asked to sign in again although nobody had ended them.
///
/// One revocation of ten comes up to two days late. Users come every third day, and sign in when their session is over.
fn share_refused(revocations_max: u32) -> u32 {
    let index = index_of_at_most(revocations_max);
    let scope = index.scope(&issuer()).unwrap();
    let mut chance = Chance(1);
    let mut sessions: Vec<SignedIn> = (0..USERS)
        .map(|user| SignedIn::at(user, BEGIN - chance.below(SESSION_DAYS * DAY), &index))
        .collect();
    let (mut came, mut refused) = (0, 0);
    for day in 0..DAYS {
        let now = BEGIN + day * DAY;
        for _ in 0..REVOCATIONS_A_DAY {
            let late = match chance.below(10) {
                0 => chance.below(2 * DAY),
                _ => 0,
            };
            let ended = &mut sessions[chance.below(USERS) as usize];
            revoke_named(&index, &ended.sid, (now - late, now));
            ended.is_over = true;
        }
        let over = Watermarks {
            ended: now - SESSION_DAYS * DAY,
            unproven: 0,
        };
        index.forget(scope, over);
        index.settled();
        for (user, session) in (0..).zip(&mut sessions) {
            if chance.below(3) > 0 {
                continue;
            }
            let is_old = now - session.began >= SESSION_DAYS * DAY;
            let is_let_in = super::super::decide(&session.keys, &index) == Decision::Allow;
            assert!(!session.is_over || !is_let_in, "{} is let in", session.sid);
            // Before that, there is room for all.
            if !session.is_over && !is_old && day >= SESSION_DAYS {
                came += 1;
                refused += u32::from(!is_let_in);
            }
            if is_old || !is_let_in {
                *session = SignedIn::at(user, now + 1 + chance.below(DAY), &index);
            }
        }
    }
    refused * 1000 / came
}

fn index_of_at_most(most: u32) -> Index {
    let scope = Scope {
        id: ScopeId::default(),
        issuer: issuer(),
    };
    let limits = Limits { room_for: 0, most };
    Index::with_limits(limits, IndexKey::new([7; 16]), [scope])
}

fn revoke_named(index: &Index, sid: &str, (moment, received): (u32, u32)) {
    for selection in select(&opaque(sid).into(), &Policy::default()).unwrap() {
        index.apply(&Revocation {
            scope: ScopeId::default(),
            key: index.key().selection(&issuer(), &selection),
            mask: selection.mask,
            kind: Kind::Ended,
            state: None,
            moment,
            until: received,
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        });
    }
}

#[test]
fn where_there_is_room_for_all_nobody_signs_in_without_need_and_with_less_no_more_than_is_missing()
{
    let mut former = 0;
    for (percent, most) in [(130, 0), (100, 25), (75, 100), (50, 150), (25, 300)] {
        let share = share_refused(NEED * percent / 100);
        println!(
            "room for {percent} % of what is needed: {share} of 1000 live sessions are refused"
        );
        assert!((former..=most).contains(&share), "{share} at {percent} %");
        former = share;
    }
}

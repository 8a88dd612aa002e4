//! What a decision takes while much is revoked, and what each revocation takes in memory.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use ssf_receiver::{
    Session, SessionKeys,
    guard::{self, Decision},
    revocation::{
        Detail, Index, IndexKey, Kind, Limits, Mask, Revocation, RevocationKey, Scope, ScopeId,
    },
};
use ssf_types::{
    subject::SimpleSubject,
    time::Timestamp,
    uri::{Issuer, UriError},
};

use crate::{
    Fallible,
    measure::{Measured, Pair, rounded},
};

const ISSUER: &str = "https://idp.example.com";

const NOW: u32 = 1_700_000_000;

/// Identifiers of each session, and look-ups of the yardstick.
const KEYS: usize = 6;

/// Most nanoseconds of a decision that begins with hashing what the claims of a token say.
const FACTS_MAX: f64 = 400.0;

/// Identifiers of what a bearer token tells.
const FACTS: usize = 3;

/// So many tokens are decided about in turn: claims that were just read are still in the cache.
const TOKENS: u32 = 64;

/// Most bytes of an entry, while nothing grows.
const BYTES_MAX: f64 = 48.0;

/// How much is revoked, and for how long decisions are measured.
pub(crate) struct Scale {
    sizes: &'static [Size],
    /// Sessions that are decided about in turn: more than caches hold.
    sessions: u32,
    duration: Duration,
}

struct Size {
    entries: u32,
    /// The most nanoseconds that are good enough.
    goal: f64,
}

impl Scale {
    pub(crate) const WHOLE: Self = Self {
        sizes: &[
            Size {
                entries: 1_000_000,
                goal: 100.0,
            },
            Size {
                entries: 10_000_000,
                goal: 250.0,
            },
        ],
        sessions: 1 << 16,
        duration: Duration::from_secs(4),
    };
    pub(crate) const SMALL: Self = Self {
        sizes: &[Size {
            entries: 1000,
            goal: 100.0,
        }],
        sessions: 16,
        duration: Duration::from_millis(1),
    };
}

pub(crate) fn measure(scale: &Scale) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for size in scale.sizes {
        entries.extend(measure_size(size, scale)?);
    }
    Ok(entries)
}

fn measure_size(size: &Size, scale: &Scale) -> Fallible<Vec<Value>> {
    let secret = IndexKey::new([7; 16]);
    let (index, peak) = grown(&secret, size.entries)?;
    let bytes = bytes_for_each(&index, size.entries)?;
    let map: HashMap<RevocationKey, u64> =
        (0..size.entries).map(|number| (key(number), 1)).collect();
    let measured = decided(&index, &map, scale)?;
    let of_facts = decided_from_facts(&index, &map, scale)?;
    let named = |what: &str| format!("{what}, {} entries", size.entries);
    let decision = named("guard decision, nothing found for 6 identifiers");
    Ok(vec![
        most(&decision, measured.ours, "ns", Some(size.goal)),
        measured.entry(&format!("{decision}, beside 6 look-ups in a HashMap"), None),
        most(
            &named("guard decision from claims, nothing found for 3 identifiers"),
            of_facts.ours,
            "ns",
            Some(FACTS_MAX),
        ),
        most(
            &named("revocation index"),
            bytes,
            "bytes for each entry",
            Some(BYTES_MAX),
        ),
        most(
            &named("revocation index while growing"),
            peak,
            "bytes for each entry at most",
            None,
        ),
    ])
}

/// Times of decisions about sessions that nothing is known of, whose keys were made before.
fn decided(index: &Index, map: &HashMap<RevocationKey, u64>, scale: &Scale) -> Fallible<Measured> {
    let sessions = (0..scale.sessions)
        .map(|number| session(index.key(), number))
        .collect::<Result<Vec<SessionKeys>, UriError>>()?;
    beside::<KEYS, _>(map, scale, &sessions, |keys| guard::decide(keys, index))
}

/// The same where nothing was hashed before, as for the claims of a bearer token: who it is, their session, and the token.
fn decided_from_facts(
    index: &Index,
    map: &HashMap<RevocationKey, u64>,
    scale: &Scale,
) -> Fallible<Measured> {
    let tokens = (0..TOKENS.min(scale.sessions)).map(of_token);
    let sessions = tokens.collect::<Result<Vec<Session>, UriError>>()?;
    beside::<FACTS, _>(map, scale, &sessions, |session| {
        guard::decide(&index.key().keys(session), index)
    })
}

/// Decides about one session after the other, and looks as many keys as each has up in a map.
fn beside<const KEYS: usize, S>(
    map: &HashMap<RevocationKey, u64>,
    scale: &Scale,
    sessions: &[S],
    decide: impl Fn(&S) -> Decision,
) -> Fallible<Measured> {
    let absent: Vec<[RevocationKey; KEYS]> = (0..scale.sessions)
        .map(|number| std::array::from_fn(|of_session| other_key(number, of_session)))
        .collect();
    let (mut sessions, mut absent) = (sessions.iter().cycle(), absent.iter().cycle());
    let mut pair = Pair {
        ours: Box::new(|| sessions.next().map(&decide) == Some(Decision::Allow)),
        yardstick: Box::new(|| {
            let keys = absent.next();
            keys.is_some_and(|keys| keys.iter().all(|key| !map.contains_key(key)))
        }),
    };
    pair.measure(scale.duration)
}

/// An index that has grown to so many entries from none, and the most bytes that it took for each on its way.
fn grown(secret: &IndexKey, entries: u32) -> Fallible<(Index, f64)> {
    let scope = Scope {
        id: ScopeId::default(),
        issuer: Issuer::parse(ISSUER)?,
    };
    let id = scope.id;
    let limits = Limits {
        most: u32::MAX,
        ..Limits::default()
    };
    let index = Index::with_limits(limits, secret.clone(), [scope]);
    let detail = Arc::new(Detail {
        event: "https://schemas.openid.net/secevent/caep/event-type/session-revoked".into(),
        reason: None,
    });
    let mut peak = 0.0_f64;
    for number in 0..entries {
        index.apply(&Revocation {
            scope: id,
            key: key(number),
            mask: Mask::default(),
            kind: Kind::Ended,
            state: None,
            moment: NOW,
            until: NOW,
            detail: Arc::clone(&detail),
        });
        // Small tables are mostly what they are before they hold anything.
        if number > entries / 4 && number % 1000 == 0 {
            peak = peak.max(bytes_for_each(&index, number)?);
        }
    }
    Ok((index, peak))
}

fn bytes_for_each(index: &Index, entries: u32) -> Fallible<f64> {
    Ok(f64::from(u32::try_from(index.bytes())?) / f64::from(entries))
}

fn session(secret: &IndexKey, number: u32) -> Result<SessionKeys, UriError> {
    let opaque = |what: &str| SimpleSubject::Opaque {
        id: format!("{what}-{number}"),
    };
    let phone_number = format!("+1206555{number:05}");
    let session = Session::new(Issuer::parse(ISSUER)?, Timestamp::from_secs(NOW.into()))
        .auth_time(Timestamp::from_secs(NOW.into()))
        .iss_sub(ISSUER, number.to_string())
        .email(format!("user{number}@example.com"))
        .sid(format!("session-{number}"))
        .identifier("user", opaque("user"))
        .identifier("user", SimpleSubject::PhoneNumber { phone_number })
        .identifier("device", opaque("device"));
    Ok(secret.keys(&session))
}

/// What the program reads from a token unless it is told otherwise.
fn of_token(number: u32) -> Result<Session, UriError> {
    let token = SimpleSubject::JwtId {
        iss: ISSUER.into(),
        jti: format!("08a5019c-17e1-4977-8f42-{number:012}"),
    };
    Ok(
        Session::new(Issuer::parse(ISSUER)?, Timestamp::from_secs(NOW.into()))
            .iss_sub(ISSUER, number.to_string())
            .sid(format!("session-{number}"))
            .identifier("session", token),
    )
}

/// The key with that number among those that are revoked.
fn key(number: u32) -> RevocationKey {
    scattered(u64::from(number))
}

/// A key of a session, which nobody revoked.
fn other_key(session: u32, of_session: usize) -> RevocationKey {
    scattered(1 << 40 | u64::from(session) << 8 | of_session as u64)
}

/// Sixteen bytes that look random: each half is what a generator of random numbers makes of the number.
fn scattered(number: u64) -> RevocationKey {
    let half = |number: u64| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).to_be_bytes()
    };
    let mut bytes = [0; 16];
    let (high, low) = bytes.split_at_mut(8);
    high.copy_from_slice(&half(number * 2 + 1));
    low.copy_from_slice(&half(number * 2 + 2));
    RevocationKey::from_bytes(bytes)
}

/// A figure that stands for itself; `goal` is the largest that is good enough.
fn most(name: &str, value: f64, unit: &str, goal: Option<f64>) -> Value {
    json!({
        "name": name,
        "value": rounded(value, 1),
        "unit": unit,
        "goal": goal,
        "met": goal.map(|goal| value <= goal),
    })
}

//! What stands in Redis: the names of fields, and what they say. `docs/redis.md` tells it those who read.

use std::fmt::Write;

use crate::revocation::{Effect, Kind, Revocation};

/// The version of all of it.
pub(super) const FORMAT: &str = "1";

/// What a field says in which nothing holds any more; such a field is not there.
pub(super) const NOTHING: &str = "";

/// A revocation that was published, as far as somebody who forgets has to know it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// The number of its transmitter.
    pub(super) scope: u8,
    pub(super) kind: Kind,
    pub(super) until: u32,
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Ended => "ended",
        Kind::Unproven => "unproven",
        Kind::Disabled => "disabled",
        Kind::NotCompliant => "not_compliant",
        Kind::Risk => "risk",
        Kind::Assurance => "assurance",
    }
}

/// `None` for what holds nobody back.
fn effect_name(effect: Effect) -> Option<&'static str> {
    match effect {
        Effect::Lifted => None,
        Effect::StepUp => Some("step_up"),
        Effect::Reauthenticate => Some("reauthenticate"),
        Effect::Block => Some("block"),
    }
}

/// `NUMBER.KEY.KIND`.
pub(super) fn field(revocation: &Revocation) -> String {
    let (number, key) = (revocation.scope.number(), revocation.key.to_hexadecimal());
    format!("{number}.{key}.{}", kind_name(revocation.kind))
}

/// `MOMENT UNTIL`, of a state with its effect behind it.
pub(super) fn value(revocation: &Revocation) -> String {
    let mut value = format!("{} {}", revocation.moment, revocation.until);
    let Some(state) = revocation.state else {
        return value;
    };
    match effect_name(state.effect) {
        None => NOTHING.to_owned(),
        Some(effect) => {
            // A text takes whatever is written to it.
            let _ = write!(value, " {effect}");
            value
        }
    }
}

/// Reads a field; `None` for one that is about no revocation, or a state.
pub(super) fn entry(field: &str, value: &str) -> Option<Entry> {
    let (number, rest) = field.split_once('.')?;
    let (_, name) = rest.split_once('.')?;
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind_name(*kind) == name)?;
    let (_, until) = value.split_once(' ')?;
    Some(Entry {
        scope: number.parse().ok()?,
        kind,
        until: until.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::revocation::{Detail, Mask, RevocationKey, ScopeId, State};

    fn revocation(kind: Kind, effect: Option<Effect>) -> Revocation {
        let state = |effect| State {
            occurred: 7000,
            toe: 0,
            arrived: 9000,
            effect,
        };
        Revocation {
            scope: ScopeId::new(12).unwrap(),
            key: RevocationKey::from_bytes([0x0a; 16]),
            mask: Mask::default(),
            kind,
            state: effect.map(state),
            moment: 7,
            until: 9,
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        }
    }

    #[test]
    fn a_field_names_transmitter_key_and_kind() {
        let key = "0a".repeat(16);
        for (kind, name) in [
            (Kind::Ended, "ended"),
            (Kind::Unproven, "unproven"),
            (Kind::Disabled, "disabled"),
            (Kind::NotCompliant, "not_compliant"),
            (Kind::Risk, "risk"),
            (Kind::Assurance, "assurance"),
        ] {
            assert_eq!(field(&revocation(kind, None)), format!("12.{key}.{name}"));
        }
    }

    #[test]
    fn a_value_has_two_moments_and_of_a_state_the_effect() {
        assert_eq!(value(&revocation(Kind::Ended, None)), "7 9");
        for (effect, expected) in [
            (Effect::Block, "7 9 block"),
            (Effect::Reauthenticate, "7 9 reauthenticate"),
            (Effect::StepUp, "7 9 step_up"),
            (Effect::Lifted, ""),
        ] {
            assert_eq!(value(&revocation(Kind::Risk, Some(effect))), expected);
        }
    }

    #[test]
    fn what_may_be_forgotten_is_read_back_and_nothing_else_is() {
        let ended = revocation(Kind::Ended, None);
        let expected = Entry {
            scope: 12,
            kind: Kind::Ended,
            until: 9,
        };
        assert_eq!(entry(&field(&ended), &value(&ended)), Some(expected));
        let blocked = revocation(Kind::Disabled, Some(Effect::Block));
        assert_eq!(entry(&field(&blocked), &value(&blocked)), None);
        for (field, value) in [
            ("epoch", "7 9"),
            ("issuer:https://a.b.c", "{}"),
            ("0.00.other", "7 9"),
        ] {
            assert_eq!(entry(field, value), None, "{field}");
        }
    }
}

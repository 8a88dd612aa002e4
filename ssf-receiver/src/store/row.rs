//! Rows and what they stand for.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{NotSet, Set};
use serde::{Deserialize, Serialize};
use ssf_types::{event::language::Texts, time::Timestamp};

use super::entity::{revocation, set};
use crate::{
    inbox::{InboxError, ReceivedSet, Retained},
    revocation::{Cut, Mask, Revocation, RevocationKey, Thresholds},
};

pub(super) fn of_set(received: &ReceivedSet) -> set::ActiveModel {
    set::ActiveModel {
        id: NotSet,
        issuer: Set(received.issuer.to_string()),
        jti: Set(received.jti.to_string()),
        fingerprint: Set(received.fingerprint.to_bytes().to_vec()),
        claims: Set(received.claims.clone()),
        received_at_millis: Set(received.received_at.as_millis().cast_signed()),
        outcome: Set(received.outcome.to_owned()),
    }
}

/// Whether a SET that came before is the same one.
pub(super) fn repeated(known: &set::Model, received: &ReceivedSet) -> Retained {
    if known.fingerprint != received.fingerprint.to_bytes() {
        return Retained::Conflict;
    }
    Retained::Duplicate {
        received_at: Timestamp::from_millis(known.received_at_millis.cast_unsigned()),
    }
}

#[derive(Serialize, Deserialize)]
struct MaskRow {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    has: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lacks: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ThresholdsRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_before: Option<CutRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticated_before: Option<CutRow>,
}

#[derive(Serialize, Deserialize)]
struct CutRow {
    before: u64,
    event: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    reason: BTreeMap<String, String>,
}

impl From<&Cut> for CutRow {
    fn from(cut: &Cut) -> Self {
        let texts = cut.reason.iter().flat_map(|texts| texts.iter());
        Self {
            before: cut.before,
            event: cut.event.to_string(),
            reason: texts
                .map(|(t, text)| (t.to_owned(), text.to_owned()))
                .collect(),
        }
    }
}

impl From<CutRow> for Cut {
    fn from(row: CutRow) -> Self {
        Self {
            before: row.before,
            event: row.event.into(),
            reason: Texts::new(row.reason).ok().map(Arc::new),
        }
    }
}

pub(super) fn of_revocation(
    revocation: &Revocation,
) -> Result<revocation::ActiveModel, InboxError> {
    let failed = |error| InboxError::new("write a revocation", error);
    let mask = MaskRow {
        has: revocation.mask.has.iter().cloned().collect(),
        lacks: revocation.mask.lacks.iter().cloned().collect(),
    };
    let Thresholds {
        began_before,
        authenticated_before,
    } = &revocation.thresholds;
    let thresholds = ThresholdsRow {
        began_before: began_before.as_ref().map(CutRow::from),
        authenticated_before: authenticated_before.as_ref().map(CutRow::from),
    };
    Ok(revocation::ActiveModel {
        key: Set(revocation.key.to_bytes().to_vec()),
        mask: Set(serde_json::to_string(&mask).map_err(failed)?),
        thresholds: Set(serde_json::to_string(&thresholds).map_err(failed)?),
    })
}

pub(super) fn to_revocation(row: revocation::Model) -> Result<Revocation, InboxError> {
    let failed = |error| InboxError::new("read a revocation", error);
    let key: [u8; 16] = row
        .key
        .try_into()
        .map_err(|_| InboxError::new("read a revocation", "its key has not 16 bytes"))?;
    let mask: MaskRow = serde_json::from_str(&row.mask).map_err(failed)?;
    let thresholds: ThresholdsRow = serde_json::from_str(&row.thresholds).map_err(failed)?;
    Ok(Revocation {
        key: RevocationKey::from_bytes(key),
        mask: Mask {
            has: mask.has.into_iter().collect(),
            lacks: mask.lacks.into_iter().collect(),
        },
        thresholds: Thresholds {
            began_before: thresholds.began_before.map(Cut::from),
            authenticated_before: thresholds.authenticated_before.map(Cut::from),
        },
    })
}

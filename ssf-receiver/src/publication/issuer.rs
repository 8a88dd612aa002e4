//! What is published of one transmitter besides its revocations: a field with a JSON object.
//!
//! ```text
//! issuer:https://idp.example.com
//! {"number":0,"freshness":"fresh","ended":0,"unproven":0,"masks":[{"has":[],"lacks":[],"kinds":["ended"]}]}
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use ssf_types::uri::Issuer;

use super::contract::kind_name;
use crate::{
    freshness::Freshness,
    revocation::{Mask, Revocation, ScopeId, Watermarks, issuer_form},
};

/// What whoever decides has to know of a transmitter.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct OfIssuer {
    /// What the fields of its revocations begin with.
    pub(super) number: u8,
    freshness: Age,
    ended: u32,
    unproven: u32,
    masks: Vec<OfMask>,
}

/// How far what is known here can be relied on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Age {
    Fresh,
    Late,
    Stale,
}

/// A mask, and what kinds of revocations there have been under it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
struct OfMask {
    has: BTreeSet<String>,
    lacks: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    kinds: BTreeSet<String>,
}

impl OfIssuer {
    /// One that has revoked nothing, and of which nothing was heard.
    pub(super) fn new(scope: ScopeId) -> Self {
        Self {
            number: scope.number(),
            freshness: Age::Late,
            ended: 0,
            unproven: 0,
            masks: Vec::new(),
        }
    }

    /// The name of the field.
    pub(super) fn field(issuer: &Issuer) -> String {
        format!("issuer:{}", issuer_form(issuer))
    }

    /// Reads what [`OfIssuer::to_json`] wrote.
    pub(super) fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Up to when its revocations may have been forgotten.
    pub(super) fn watermarks(&self) -> Watermarks {
        Watermarks {
            ended: self.ended,
            unproven: self.unproven,
        }
    }

    /// A revocation of it is published as well.
    pub(super) fn add(&mut self, Revocation { mask, kind, .. }: &Revocation) {
        let name = kind_name(*kind);
        if let Some(known) = self.masks.iter_mut().find(|known| known.is(mask)) {
            if !known.kinds.contains(name) {
                known.kinds.insert(name.to_owned());
            }
            return;
        }
        self.masks.push(OfMask {
            has: mask.has.clone(),
            lacks: mask.lacks.clone(),
            about: mask.about.clone(),
            kinds: [name.to_owned()].into(),
        });
    }

    /// How it goes with it now. Watermarks never fall.
    pub(super) fn refresh(&mut self, watermarks: Watermarks, freshness: Freshness) {
        let Watermarks { ended, unproven } = self.watermarks().max(watermarks);
        self.ended = ended;
        self.unproven = unproven;
        self.freshness = match freshness {
            Freshness::Fresh => Age::Fresh,
            Freshness::Late(_) => Age::Late,
            Freshness::Stale(_) => Age::Stale,
        };
    }
}

impl OfMask {
    fn is(&self, mask: &Mask) -> bool {
        self.has == mask.has && self.lacks == mask.lacks && self.about == mask.about
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        freshness::Why,
        revocation::{Detail, Kind, RevocationKey},
    };

    fn revocation(kind: Kind, about: Option<&str>) -> Revocation {
        Revocation {
            scope: ScopeId::new(3).unwrap(),
            key: RevocationKey::from_bytes([1; 16]),
            mask: Mask {
                about: about.map(str::to_owned),
                ..Mask::default()
            },
            kind,
            state: None,
            moment: 7,
            until: 9,
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        }
    }

    #[test]
    fn kinds_are_told_by_mask_and_all_of_it_is_read_back() {
        let mut issuer = OfIssuer::new(ScopeId::new(3).unwrap());
        for (kind, about) in [
            (Kind::Unproven, None),
            (Kind::Assurance, Some("NIST-AAL")),
            (Kind::Ended, None),
            (Kind::Ended, None),
        ] {
            issuer.add(&revocation(kind, about));
        }
        let watermarks = Watermarks {
            ended: 5,
            unproven: 0,
        };
        issuer.refresh(watermarks, Freshness::Stale(Why::Silent));
        let expected = concat!(
            r#"{"ended":5,"freshness":"stale","masks":[{"has":[],"kinds":["ended","unproven"],"lacks":[]},"#,
            r#"{"about":"NIST-AAL","has":[],"kinds":["assurance"],"lacks":[]}],"number":3,"unproven":0}"#
        );
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&issuer.to_json()), value(expected));
        assert_eq!(OfIssuer::parse(expected), Some(issuer.clone()));
        issuer.refresh(Watermarks::default(), Freshness::Fresh);
        assert_eq!(issuer.watermarks(), watermarks);
    }

    #[test]
    fn an_issuer_has_one_field_with_and_without_its_slash() {
        for text in ["https://a.example", "https://a.example/"] {
            let field = OfIssuer::field(&Issuer::parse(text).unwrap());
            assert_eq!(field, "issuer:https://a.example");
        }
    }
}

//! The vectors of what is published: each key, and each decision, is what a receiver finds itself.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use serde::Deserialize;
use serde_json::Value;
use ssf_receiver::{
    Session,
    guard::{self, Decision, Reason},
    revocation::{
        Detail, Effect, Index, IndexKey, Kind, Mask, Revocation, RevocationKey, Scope, ScopeId,
        Selection, State, Watermarks,
    },
};
use ssf_types::{subject::SimpleSubject, time::Timestamp, uri::Issuer};

#[derive(Deserialize)]
struct Vectors {
    secret: String,
    number: String,
    keys: Vec<KeyVector>,
    decisions: Vec<DecisionVector>,
}

#[derive(Deserialize)]
struct KeyVector {
    name: String,
    issuer: Issuer,
    mask: MaskVector,
    identifiers: Vec<Value>,
    key: String,
}

#[derive(Deserialize)]
struct MaskVector {
    has: BTreeSet<String>,
    lacks: BTreeSet<String>,
    about: Option<String>,
}

#[derive(Deserialize)]
struct DecisionVector {
    name: String,
    session: SessionVector,
    issuer: IssuerVector,
    fields: std::collections::BTreeMap<String, String>,
    verdict: String,
}

#[derive(Deserialize)]
struct SessionVector {
    issuer: Issuer,
    began: u64,
    authenticated: Option<u64>,
    identifiers: Vec<IdentifierVector>,
}

#[derive(Deserialize)]
struct IdentifierVector {
    member: String,
    subject: Value,
}

#[derive(Deserialize)]
struct IssuerVector {
    ended: u32,
    unproven: u32,
    masks: Vec<MaskVector>,
}

pub(crate) fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/vectors/publication.json")
}

fn vectors() -> Vectors {
    serde_json::from_slice(&fs::read(path()).unwrap()).unwrap()
}

fn bytes(hexadecimal: &str) -> [u8; 16] {
    u128::from_str_radix(hexadecimal, 16).unwrap().to_be_bytes()
}

impl MaskVector {
    fn mask(&self) -> Mask {
        Mask {
            has: self.has.clone(),
            lacks: self.lacks.clone(),
            about: self.about.clone(),
        }
    }
}

fn subject(json: &Value) -> SimpleSubject {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn each_key_is_what_a_receiver_makes_of_the_identifiers() {
    let vectors = vectors();
    assert!(vectors.keys.len() >= 25);
    let secret = IndexKey::new(bytes(&vectors.secret));
    assert_eq!(secret.to_hexadecimal(), vectors.secret);
    for KeyVector {
        name,
        issuer,
        mask,
        identifiers,
        key,
    } in &vectors.keys
    {
        let selection = Selection {
            mask: mask.mask(),
            identifiers: identifiers.iter().map(subject).collect(),
        };
        let found = secret.selection(issuer, &selection);
        assert_eq!(found.to_hexadecimal(), *key, "{name}");
    }
    assert_eq!(vectors.number.len(), 16);
}

fn kind(name: &str) -> Kind {
    match name {
        "ended" => Kind::Ended,
        "unproven" => Kind::Unproven,
        "disabled" => Kind::Disabled,
        "not_compliant" => Kind::NotCompliant,
        "risk" => Kind::Risk,
        "assurance" => Kind::Assurance,
        _ => panic!("{name} is no kind"),
    }
}

fn effect(name: &str) -> Effect {
    match name {
        "step_up" => Effect::StepUp,
        "reauthenticate" => Effect::Reauthenticate,
        "block" => Effect::Block,
        _ => panic!("{name} is no effect"),
    }
}

/// A field, as the receiver had it that published it; the mask is of no account, as long as there are all.
fn revocation(field: &str, value: &str, mask: &Mask) -> Revocation {
    let mut names = field.split('.').skip(1);
    let (key, name) = (names.next().unwrap(), names.next().unwrap());
    let mut says = value.split(' ');
    let mut moment = || says.next().unwrap().parse().unwrap();
    let (moment, until) = (moment(), moment());
    let state = says.next().map(|name| State {
        occurred: u64::from(moment) * 1000,
        toe: 0,
        arrived: u64::from(until) * 1000,
        effect: effect(name),
    });
    Revocation {
        scope: ScopeId::default(),
        key: RevocationKey::from_bytes(bytes(key)),
        mask: mask.clone(),
        kind: kind(name),
        state,
        moment,
        until,
        detail: Arc::new(Detail {
            event: "urn:example:event".into(),
            reason: None,
        }),
    }
}

fn verdict(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny(denial) => match denial.reason() {
            Reason::Revoked => "revoked",
            Reason::Blocked => "blocked",
            Reason::Reauthenticate => "reauthenticate",
            Reason::StepUp => "step_up",
            Reason::Renew => "renew",
            Reason::Unconfirmed => "unconfirmed",
        },
    }
}

#[test]
fn each_decision_is_that_of_a_receivers_own_guard() {
    let vectors = vectors();
    assert!(vectors.decisions.len() >= 25);
    for vector in &vectors.decisions {
        let scope = Scope {
            id: ScopeId::default(),
            issuer: vector.session.issuer.clone(),
        };
        let index = Index::new(IndexKey::new(bytes(&vectors.secret)), [scope]);
        for mask in vector.issuer.masks.iter().map(MaskVector::mask) {
            // Under each of them something was revoked, be it of nobody.
            index.apply(&revocation(
                &format!("0.{}.ended", "f".repeat(32)),
                "1 1",
                &mask,
            ));
            for (field, value) in &vector.fields {
                index.apply(&revocation(field, value, &mask));
            }
        }
        let watermarks = Watermarks {
            ended: vector.issuer.ended,
            unproven: vector.issuer.unproven,
        };
        index.raise(ScopeId::default(), watermarks);
        let began = Timestamp::from_secs(vector.session.began);
        let mut session = Session::new(vector.session.issuer.clone(), began);
        if let Some(authenticated) = vector.session.authenticated {
            session = session.auth_time(Timestamp::from_secs(authenticated));
        }
        for one in &vector.session.identifiers {
            session = session.identifier(one.member.as_str(), subject(&one.subject));
        }
        let decision = guard::decide(&index.key().keys(&session), &index);
        assert_eq!(verdict(&decision), vector.verdict, "{}", vector.name);
    }
}

//! The header of a SET, and its signature (RFC 8417 §2.3, §5.1, RFC 7515 §4.1).

use serde_json::{Map, Value};

use super::{BASE, each};
use crate::{
    case::{Case, Judge::Script, Profile, Stop},
    checks::{Level, shown},
    context::{Context, Sample},
    jws,
};

const SIGNATURE: Case = Case {
    section: "RFC 8417 §5.1",
    level: Level::Must,
    tags: &["set", "signature"],
    ..BASE
};

/// Parameters that hold a key or say where one is (RFC 7515 §4.1).
const KEYS_WITHIN: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SET-001.typ",
        section: "SSF 1.0 §4.1.1",
        level: Level::Must,
        title: "typ is secevent+jwt",
        why: "By it readers tell a SET from other tokens of the same issuer, and refuse those.",
        judge: Script(|cx| Box::pin(each(cx, typ))),
        ..BASE
    },
    Case {
        id: "SET-028.short",
        section: "RFC 8417 §2.3",
        level: Level::Should,
        title: "typ is written without application/, in small letters",
        why: "Readers that compare it byte for byte refuse the long form.",
        judge: Script(|cx| Box::pin(each(cx, short_typ))),
        ..BASE
    },
    Case {
        id: "SET-029.algorithm",
        title: "alg is one of a public key: neither none nor an HMAC",
        why: "Whoever can check an HMAC can forge it, and none is forged by anybody.",
        judge: Script(|cx| Box::pin(each(cx, algorithm))),
        ..SIGNATURE
    },
    Case {
        id: "SET-029.signature",
        title: "the signature is that of the published key that kid names",
        why: "It is all that tells a revocation from a forgery.",
        judge: Script(|cx| Box::pin(signature(cx))),
        ..SIGNATURE
    },
    Case {
        id: "SET-029.key-elsewhere",
        level: Level::Should,
        title: "the header brings no key, and does not say where there is one",
        why: "A receiver that follows jwk, jku, x5u or x5c takes the keys of whoever wrote the header.",
        profiles: &[Profile::Hardening],
        judge: Script(|cx| Box::pin(each(cx, no_key_within))),
        ..SIGNATURE
    },
    Case {
        id: "SET-029.crit",
        section: "RFC 7515 §4.1.11",
        level: Level::Should,
        title: "no parameter of the header is critical",
        why: "SSF defines none, so every receiver has to refuse the SET.",
        profiles: &[Profile::Hardening],
        judge: Script(|cx| Box::pin(each(cx, no_critical))),
        ..SIGNATURE
    },
    Case {
        id: "INTEROP-009.kid",
        section: "CAEP Interoperability Profile 1.0 §2.3.3",
        title: "jwks_uri has a key under the kid of each SET",
        why: "A receiver that does not find the key refuses the SET, and asks for the keys again each time.",
        judge: Script(|cx| Box::pin(kid(cx))),
        ..SIGNATURE
    },
    Case {
        id: "INTEROP-028.rs256",
        section: "CAEP Interoperability Profile 1.0 §2.6",
        title: "alg is RS256",
        why: "It is the one algorithm that all receivers of the profile have.",
        profiles: &[Profile::CaepInterop],
        judge: Script(|cx| Box::pin(each(cx, rs256))),
        ..SIGNATURE
    },
];

fn parameter<'s>(sample: &'s Sample, name: &str) -> &'s Value {
    sample.set.header.get(name).unwrap_or(&Value::Null)
}

fn expect(cx: &Context, sample: &Sample, name: &str, holds: bool, expected: &str) {
    let found = parameter(sample, name);
    let what = format!("{} of {}", name, sample.what);
    cx.expect(holds, what, expected, shown(found));
}

fn typ(cx: &Context, sample: &Sample) {
    let found = parameter(sample, "typ").as_str().unwrap_or_default();
    let found = found.to_ascii_lowercase();
    let short = found.strip_prefix("application/").unwrap_or(&found);
    expect(cx, sample, "typ", short == "secevent+jwt", "secevent+jwt");
}

fn short_typ(cx: &Context, sample: &Sample) {
    let found = parameter(sample, "typ").as_str().unwrap_or_default();
    // What it should say at all, another case judges.
    let is_long = found.contains('/') || found.contains(char::is_uppercase);
    expect(cx, sample, "typ", !is_long, "secevent+jwt");
}

fn algorithm(cx: &Context, sample: &Sample) {
    let found = parameter(sample, "alg").as_str().unwrap_or_default();
    let holds = jws::ASYMMETRIC.contains(&found);
    let expected = format!("one of {}", jws::ASYMMETRIC.join(", "));
    expect(cx, sample, "alg", holds, &expected);
}

fn rs256(cx: &Context, sample: &Sample) {
    let holds = parameter(sample, "alg") == "RS256";
    expect(cx, sample, "alg", holds, "RS256");
}

fn no_key_within(cx: &Context, sample: &Sample) {
    for name in KEYS_WITHIN {
        let holds = !sample.set.header.contains_key(name);
        expect(cx, sample, name, holds, "nothing");
    }
}

fn no_critical(cx: &Context, sample: &Sample) {
    let holds = !sample.set.header.contains_key("crit");
    expect(cx, sample, "crit", holds, "nothing");
}

async fn kid(cx: &Context) -> Result<(), Stop> {
    // Without keys there is nothing to compare with.
    keys(cx)?;
    each(cx, |cx, sample| {
        let holds = keys(cx).is_ok_and(|keys| named(&keys, sample).is_some());
        expect(cx, sample, "kid", holds, "the name of a published key");
    })
    .await
}

async fn signature(cx: &Context) -> Result<(), Stop> {
    keys(cx)?;
    each(cx, |cx, sample| {
        let keys = keys(cx).unwrap_or_default();
        let Some(key) = named(&keys, sample) else {
            // That it is there, another case judges.
            return;
        };
        let alg = parameter(sample, "alg").as_str().unwrap_or_default();
        if !jws::ASYMMETRIC.contains(&alg) {
            // So does another what it may be.
            return;
        }
        let verified = jws::verify(&sample.set.token, alg, key);
        let found = verified.map_or_else(|error| error.to_string(), |()| "it".to_owned());
        let what = format!("the signature of {}", sample.what);
        cx.expect(verified.is_ok(), what, "that of the key", found);
    })
    .await?;
    if cx.record().assertions.is_empty() {
        return Err(Stop::blocked("there is no key to check the signature with"));
    }
    Ok(())
}

/// The key that the header names.
fn named<'k>(keys: &'k [Map<String, Value>], sample: &Sample) -> Option<&'k Map<String, Value>> {
    let kid = sample.set.header.get("kid")?;
    keys.iter().find(|key| key.get("kid") == Some(kid))
}

/// The published keys, as discovery fetched them.
fn keys(cx: &Context) -> Result<Vec<Map<String, Value>>, Stop> {
    let none = || Stop::blocked("there is no JWK set");
    let exchange = cx.run().discovery().probes().jwks.as_ref();
    let answer = exchange.and_then(|exchange| exchange.result.as_ref().ok());
    let mut set = answer
        .filter(|answer| answer.is_success())
        .and_then(|answer| answer.object().ok())
        .ok_or_else(none)?;
    let Some(Value::Array(keys)) = set.remove("keys") else {
        return Err(none());
    };
    let objects = keys
        .into_iter()
        .filter_map(|key| serde_json::from_value(key).ok());
    Ok(objects.collect())
}

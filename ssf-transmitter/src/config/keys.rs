//! Settings about signing keys.

use std::{collections::BTreeMap, time::Duration};

use ssf_types::{set::Algorithm, uri::EndpointUrl};

use super::layers::{Reader, Value};
use crate::{
    app::keys::KeyPlan,
    domain::{issuer::IssuerName, key::KeyPolicy},
};

const DAY_SECONDS: u64 = 86_400;

/// Longest time for which a key may be published ahead, in seconds: 90 days.
const AHEAD_SECONDS_MAX: u64 = 90 * DAY_SECONDS;

/// Longest time for which a key may stay published after it signed, in seconds: 400 days, for those who keep SETs.
const RETIRE_SECONDS_MAX: u64 = 400 * DAY_SECONDS;

/// Longest time between two scheduled rotations, in days.
const ROTATION_DAYS_MAX: u64 = 3650;

/// Reads the plan; `others` are the issuers besides the main one.
pub(super) fn read(reader: &mut Reader, others: &[(IssuerName, String)]) -> Option<KeyPlan> {
    let algorithm = reader.value("signing_algorithm", read_algorithm);
    let ahead = reader.number(
        "key_publish_ahead_seconds",
        DAY_SECONDS,
        0..=AHEAD_SECONDS_MAX,
    );
    let retire = reader.number(
        "key_retire_after_seconds",
        7 * DAY_SECONDS,
        0..=RETIRE_SECONDS_MAX,
    );
    let rotation = reader.value("key_rotation_days", |value| read_rotation(value, ahead));
    let jwks_uris = reader.value("jwks_uris", |value| read_jwks_uris(value, others));
    let mut policy = KeyPolicy::new(Duration::from_secs(ahead?), Duration::from_secs(retire?));
    policy.rotate_every = rotation?;
    Some(KeyPlan::new(algorithm?, policy, jwks_uris?))
}

fn read_algorithm(value: Option<&Value>) -> Result<Algorithm, String> {
    let Some(value) = value else {
        // Every Receiver of the CAEP interoperability profile accepts it.
        return Ok(Algorithm::Rs256);
    };
    value
        .text()
        .and_then(Algorithm::parse)
        .ok_or_else(|| "must be RS256, PS256, ES256 or EdDSA".to_owned())
}

/// A number of days; none if it is 0.
fn read_rotation(value: Option<&Value>, ahead: Option<u64>) -> Result<Option<Duration>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let days = value
        .number()
        .filter(|days| *days <= ROTATION_DAYS_MAX)
        .ok_or_else(|| format!("must be a whole number from 0 to {ROTATION_DAYS_MAX}"))?;
    let seconds = days * DAY_SECONDS;
    // Whether the other setting is wrong is told elsewhere.
    if days > 0 && ahead.is_some_and(|ahead| seconds <= ahead) {
        return Err("must be longer than key_publish_ahead_seconds".to_owned());
    }
    Ok((days > 0).then(|| Duration::from_secs(seconds)))
}

/// Entries `NAME=URL`.
fn read_jwks_uris(
    value: Option<&Value>,
    others: &[(IssuerName, String)],
) -> Result<BTreeMap<IssuerName, EndpointUrl>, String> {
    let expected = "must be a list of NAME=URL, such as main=https://idp.example.com/oauth2/jwks";
    let Some(value) = value else {
        return Ok(BTreeMap::new());
    };
    let mut uris = BTreeMap::new();
    for entry in value.list().ok_or(expected)? {
        let (name, url) = entry.split_once('=').ok_or(expected)?;
        let name = IssuerName::parse(name.trim()).map_err(|error| error.to_string())?;
        if name.as_str() != IssuerName::MAIN && !others.iter().any(|(other, _)| *other == name) {
            return Err(format!(
                "must name issuers that there are, and {name} is none"
            ));
        }
        let url = EndpointUrl::parse(url.trim()).map_err(|error| format!("{name}: {error}"))?;
        if uris.insert(name.clone(), url).is_some() {
            return Err(format!("must have one URL for {name}"));
        }
    }
    Ok(uris)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn plan(file: &str) -> Result<KeyPlan, String> {
        Config::of_file(file).map(|config| config.key_plan)
    }

    #[test]
    fn keys_are_published_a_day_ahead_and_a_week_after_and_replaced_by_command_alone() {
        let plan = plan("").unwrap();
        assert_eq!(plan.algorithm, Algorithm::Rs256);
        let (day, week) = (Duration::from_hours(24), Duration::from_hours(7 * 24));
        assert_eq!(plan.policy, KeyPolicy::new(day, week));
        assert!(plan.jwks_uris.is_empty());
    }

    #[test]
    fn a_schedule_leaves_time_to_publish() {
        let every = plan("key_rotation_days = 90").unwrap().policy.rotate_every;
        assert_eq!(every, Some(Duration::from_hours(90 * 24)));
        let refused = plan("key_rotation_days = 1").unwrap_err();
        assert_eq!(refused, "must be longer than key_publish_ahead_seconds");
        assert!(plan("key_rotation_days = 1\nkey_publish_ahead_seconds = 60").is_ok());
        let refused = plan("key_rotation_days = 3651").unwrap_err();
        assert_eq!(refused, "must be a whole number from 0 to 3650");
    }

    #[test]
    fn keys_of_issuers_that_there_are_may_be_published_elsewhere() {
        let uris = |entries: &str| {
            plan(&format!(
                "issuers = ['acme=/acme']\njwks_uris = [{entries}]"
            ))
        };
        let plan = uris("'acme=https://idp.example.com/jwks?tenant=acme'").unwrap();
        let acme = IssuerName::parse("acme").unwrap();
        assert_eq!(
            plan.jwks_uris[&acme].as_str(),
            "https://idp.example.com/jwks?tenant=acme"
        );
        for (entries, expected) in [
            (
                "'b=https://idp.example.com/jwks'",
                "must name issuers that there are, and b is none",
            ),
            (
                "'main=https://a.example/j', 'main=https://b.example/j'",
                "must have one URL for main",
            ),
            (
                "'https://idp.example.com/jwks'",
                "must be a list of NAME=URL, such as main=https://idp.example.com/oauth2/jwks",
            ),
        ] {
            assert_eq!(uris(entries).unwrap_err(), expected);
        }
        let unsafe_url = uris("'main=http://idp.example.com/jwks'").unwrap_err();
        assert!(
            unsafe_url.starts_with("main: the scheme must be https"),
            "{unsafe_url}"
        );
    }
}

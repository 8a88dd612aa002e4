//! The target file of a Receiver: where it finds its transmitter, and what its owner tells, in TOML, without a secret in it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{
    case::Profile,
    cases,
    deviations::Deviations,
    push::{Dialect, Security},
    target_file::{
        self, AdapterAddress, FromEnvironment, SECONDS_MAX, TargetFileError, check_limits,
    },
};

/// What a case takes besides the two SETs at most that it waits for in vain, in seconds.
const CASE_BESIDES_SECONDS: u64 = 10;

/// A Receiver, as the file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverFile {
    /// What SETs are made out to.
    pub audience: String,
    /// Where the transmitter is served.
    #[serde(default = "serve_default")]
    pub serve: SocketAddr,
    /// The origin under which it is reached, if that is another one.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where the authority is left that the Receiver has to trust; without it, the transmitter is served over plain http.
    #[serde(default)]
    pub ca_out: Option<PathBuf>,
    /// PEM file with certificate authorities to trust besides those of this machine, for pushes and hooks.
    #[serde(default)]
    pub ca_certificates: Option<PathBuf>,
    /// Which profiles the target claims to meet.
    #[serde(default = "profiles_default")]
    pub profiles: Vec<Profile>,
    /// In which dialect it expects SETs, for the profile `legacy`.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// What the Receiver shows who it is.
    pub credentials: Credentials,
    /// What tells of its sessions.
    #[serde(default)]
    pub adapters: Adapters,
    /// How long.
    #[serde(default)]
    pub limits: Limits,
    /// Cases that are known to fail, with the reason.
    #[serde(default)]
    pub deviations: Deviations,
}

/// What the Receiver shows who it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The token with which it manages its stream and polls.
    pub token: FromEnvironment,
}

/// What tells of the Receiver's sessions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapters {
    /// Has a session begin.
    pub register: Option<AdapterAddress>,
    /// Tells whether one goes on.
    pub alive: Option<AdapterAddress>,
}

/// How long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest wait for an answer, in seconds.
    pub request_seconds: u64,
    /// How long a case may take besides what it waits for by design, in seconds.
    pub case_seconds: u64,
    /// For how long a Receiver is waited for that has no stream yet, in seconds.
    pub wait_seconds: u64,
    /// For how long a SET may be without an answer, in seconds: then it counts as put off.
    pub settle_seconds: u64,
    /// The `inactivity_timeout` of its stream, in seconds.
    pub inactivity_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_seconds: 15,
            case_seconds: 60,
            wait_seconds: 60,
            settle_seconds: 15,
            inactivity_seconds: 86400,
        }
    }
}

impl Limits {
    /// Longest wait for an answer.
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// For how long a Receiver is waited for.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }

    /// For how long a SET may be without an answer.
    pub fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_seconds)
    }

    /// The same as cases are told: a SET that is on its way is one without an answer.
    pub fn of_cases(&self) -> target_file::Limits {
        target_file::Limits {
            request_seconds: self.request_seconds,
            case_seconds: self.case_seconds,
            event_seconds: self.settle_seconds,
            ..target_file::Limits::default()
        }
    }

    /// The `inactivity_timeout` of its stream.
    pub fn inactivity(&self) -> Duration {
        Duration::from_secs(self.inactivity_seconds)
    }
}

impl ReceiverFile {
    /// Whether a target file is of a Receiver: it alone has an audience.
    pub fn is_one(toml: &str) -> bool {
        let table: Result<toml::Table, _> = toml::from_str(toml);
        table.is_ok_and(|table| table.contains_key("audience"))
    }

    /// How the transmitter is served.
    pub fn security(&self) -> Security {
        match self.ca_out {
            Some(_) => Security::OwnAuthority,
            None => Security::Plain,
        }
    }

    /// Reads a target file.
    ///
    /// # Errors
    /// Names the key that is faulty.
    pub fn parse(toml: &str) -> Result<Self, TargetFileError> {
        let file: Self = toml::from_str(toml).map_err(TargetFileError::Toml)?;
        let limits = &file.limits;
        let settle_max = limits.case_seconds.saturating_sub(CASE_BESIDES_SECONDS) / 2;
        check_limits([
            ("request_seconds", limits.request_seconds, SECONDS_MAX),
            ("case_seconds", limits.case_seconds, SECONDS_MAX),
            ("wait_seconds", limits.wait_seconds, SECONDS_MAX),
            ("settle_seconds", limits.settle_seconds, settle_max),
            (
                "inactivity_seconds",
                limits.inactivity_seconds,
                86_400 * 365,
            ),
        ])?;
        let cases = cases::receiver().chain(cases::in_dialect());
        let checked = file.deviations.check("receiver", cases);
        checked.map_err(TargetFileError::Deviations)?;
        Ok(file)
    }
}

fn serve_default() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8414))
}

fn profiles_default() -> Vec<Profile> {
    vec![Profile::Ssf]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_an_audience_and_a_token_has_the_defaults() {
        let file = "audience = 'https://rp.example.com'\ncredentials.token.env = 'TOKEN'";
        let file = ReceiverFile::parse(file).unwrap();
        assert_eq!(file.serve, "127.0.0.1:8414".parse().unwrap());
        assert_eq!(file.profiles, [Profile::Ssf]);
        assert_eq!(file.limits.settle(), Duration::from_secs(15));
        assert!(file.adapters.alive.is_none() && file.ca_out.is_none());
    }

    #[test]
    fn everything_can_be_said() {
        let file = ReceiverFile::parse(
            r#"
            audience = "https://rp.example.com"
            serve = "127.0.0.1:9000"
            public_url = "https://tester.example.com"
            ca_out = "ca.pem"
            profiles = ["ssf-1.0", "hardening"]
            dialect = "risc-2018"
            credentials.token.env = "TOKEN"
            [adapters]
            register = { command = ["begin"] }
            alive = { url = "http://127.0.0.1:1/alive", token_env = "HOOK" }
            [limits]
            settle_seconds = 5
            [[deviations]]
            case = "POLL-R-016.other-name"
            reason = "until version 2"
            "#,
        )
        .unwrap();
        assert!(matches!(
            file.adapters.alive,
            Some(AdapterAddress::Hook { token_env: Some(variable), .. }) if variable == "HOOK"
        ));
        assert_eq!(file.limits.settle_seconds, 5);
        assert_eq!(file.dialect, Some(Dialect::Risc2018));
    }

    #[test]
    fn what_is_misspelt_is_refused_and_so_is_a_limit_without_sense() {
        let parse = |more: &str| {
            let text = format!("audience = 'x'\n{more}\n[credentials]\ntoken.env = 'TOKEN'");
            ReceiverFile::parse(&text).unwrap_err()
        };
        assert!(matches!(parse("audiense = 'x'"), TargetFileError::Toml(_)));
        assert!(matches!(
            parse("limits.settle_seconds = 26"),
            TargetFileError::Limit {
                name: "settle_seconds",
                max: 25
            }
        ));
        // It is of a transmitter.
        assert!(matches!(
            parse("deviations = [{ case = 'SSF-T-122.empty-list', reason = 'x' }]"),
            TargetFileError::Deviations(_)
        ));
    }

    #[test]
    fn a_case_that_may_take_longer_may_wait_longer_for_a_set() {
        let limits = "limits = { case_seconds = 120, settle_seconds = 55 }";
        let file = "audience = 'x'\ncredentials.token.env = 'TOKEN'";
        let file = ReceiverFile::parse(&format!("{limits}\n{file}")).unwrap();
        let limits = file.limits.of_cases();
        assert_eq!(limits.case(), Duration::from_mins(2));
        assert_eq!(limits.event(), Duration::from_secs(55));
    }
}

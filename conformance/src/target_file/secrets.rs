//! Tokens: where they are, and they themselves.

use std::{collections::BTreeMap, env};

use serde::Deserialize;

use super::{Adapter, AdapterAddress, TargetFile, TargetFileError};

/// Tokens, by the names of environment variables that hold them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// A Receiver's, with which streams can be managed.
    pub token: Option<FromEnvironment>,
    /// The same Receiver's, with which streams can be read and not changed.
    pub read_only: Option<FromEnvironment>,
    /// Another Receiver's.
    pub other: Option<FromEnvironment>,
    /// The first Receiver's, with `ssf.manage` as its only scope.
    pub manage_only: Option<FromEnvironment>,
    /// One that has expired.
    pub expired: Option<FromEnvironment>,
    /// One that was revoked.
    pub revoked: Option<FromEnvironment>,
    /// One that was issued for another resource.
    pub other_audience: Option<FromEnvironment>,
}

impl Credentials {
    /// All of them, each in the environment variable that is its name in capital letters.
    pub fn all() -> Self {
        let from = |env: &str| {
            let env = env.to_owned();
            Some(FromEnvironment { env })
        };
        Self {
            token: from("TOKEN"),
            read_only: from("READ_ONLY"),
            other: from("OTHER"),
            manage_only: from("MANAGE_ONLY"),
            expired: from("EXPIRED"),
            revoked: from("REVOKED"),
            other_audience: from("OTHER_AUDIENCE"),
        }
    }
}

/// Where a secret is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEnvironment {
    /// The environment variable that holds it.
    pub env: String,
}

/// The tokens themselves.
#[derive(Clone, Default)]
pub struct Secrets {
    /// A Receiver's, with which streams can be managed.
    pub token: Option<String>,
    /// The same Receiver's, with which streams can be read and not changed.
    pub read_only: Option<String>,
    /// Another Receiver's.
    pub other: Option<String>,
    /// The first Receiver's, with `ssf.manage` as its only scope.
    pub manage_only: Option<String>,
    /// One that has expired.
    pub expired: Option<String>,
    /// One that was revoked.
    pub revoked: Option<String>,
    /// One that was issued for another resource.
    pub other_audience: Option<String>,
    /// What the hooks of adapters are shown.
    pub hooks: BTreeMap<Adapter, String>,
}

impl Secrets {
    /// Reads the environment variables that a target file names.
    ///
    /// # Errors
    /// Names the one that is not set.
    pub fn from_environment(file: &TargetFile) -> Result<Self, TargetFileError> {
        let Credentials {
            token,
            read_only,
            other,
            manage_only,
            expired,
            revoked,
            other_audience,
        } = &file.credentials;
        let mut hooks = BTreeMap::new();
        for adapter in Adapter::ALL {
            let address = file.adapters.address(adapter);
            let variable = address.and_then(AdapterAddress::token_env);
            if let Some(token) = secret(adapter.key(), variable)? {
                hooks.insert(adapter, token);
            }
        }
        let named = |from: &Option<FromEnvironment>| from.as_ref().map(|from| from.env.clone());
        Ok(Self {
            token: secret("credentials.token", named(token).as_deref())?,
            read_only: secret("credentials.read_only", named(read_only).as_deref())?,
            other: secret("credentials.other", named(other).as_deref())?,
            manage_only: secret("credentials.manage_only", named(manage_only).as_deref())?,
            expired: secret("credentials.expired", named(expired).as_deref())?,
            revoked: secret("credentials.revoked", named(revoked).as_deref())?,
            other_audience: secret(
                "credentials.other_audience",
                named(other_audience).as_deref(),
            )?,
            hooks,
        })
    }

    /// Those that streams can be asked about with, each with its key in the target file.
    pub(crate) fn to_manage(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("credentials.token", self.token.as_deref()),
            ("credentials.read_only", self.read_only.as_deref()),
            ("credentials.other", self.other.as_deref()),
            ("credentials.manage_only", self.manage_only.as_deref()),
        ]
    }

    /// All of them, to be masked.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let tokens = [
            &self.token,
            &self.read_only,
            &self.other,
            &self.manage_only,
            &self.expired,
            &self.revoked,
            &self.other_audience,
        ];
        let tokens = tokens.into_iter().flatten();
        tokens.chain(self.hooks.values()).map(String::as_str)
    }
}

/// Reads an environment variable that a file names.
pub(crate) fn secret(
    key: &'static str,
    variable: Option<&str>,
) -> Result<Option<String>, TargetFileError> {
    let Some(variable) = variable else {
        return Ok(None);
    };
    match env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(_) => Err(TargetFileError::Secret {
            key,
            variable: variable.to_owned(),
        }),
    }
}

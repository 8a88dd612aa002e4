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

    /// Where a token is, if it is anywhere.
    pub fn of(&self, token: Token) -> Option<&FromEnvironment> {
        match token {
            Token::Receiver => self.token.as_ref(),
            Token::ReadOnly => self.read_only.as_ref(),
            Token::Other => self.other.as_ref(),
            Token::ManageOnly => self.manage_only.as_ref(),
            Token::Expired => self.expired.as_ref(),
            Token::Revoked => self.revoked.as_ref(),
            Token::OtherAudience => self.other_audience.as_ref(),
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

/// A token that a target file may name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Token {
    /// `token`: the Receiver under whose name streams are made.
    Receiver,
    /// `read_only`: the same Receiver's, which may read alone.
    ReadOnly,
    /// `other`: another Receiver's.
    Other,
    /// `manage_only`: the first one's, with `ssf.manage` as the only scope.
    ManageOnly,
    /// `expired`: it has expired.
    Expired,
    /// `revoked`: it was revoked.
    Revoked,
    /// `other_audience`: it was issued for another resource.
    OtherAudience,
}

impl Token {
    /// All tokens.
    pub const ALL: [Self; 7] = [
        Self::Receiver,
        Self::ReadOnly,
        Self::Other,
        Self::ManageOnly,
        Self::Expired,
        Self::Revoked,
        Self::OtherAudience,
    ];

    /// Its key in the target file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Receiver => "credentials.token",
            Self::ReadOnly => "credentials.read_only",
            Self::Other => "credentials.other",
            Self::ManageOnly => "credentials.manage_only",
            Self::Expired => "credentials.expired",
            Self::Revoked => "credentials.revoked",
            Self::OtherAudience => "credentials.other_audience",
        }
    }
}

/// The tokens themselves.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Those of the target file that are there.
    pub tokens: BTreeMap<Token, String>,
    /// What the hooks of adapters are shown.
    pub hooks: BTreeMap<Adapter, String>,
}

impl Secrets {
    /// Reads the environment variables that a target file names.
    ///
    /// # Errors
    /// Names the one that is not set.
    pub fn from_environment(file: &TargetFile) -> Result<Self, TargetFileError> {
        let mut secrets = Self::default();
        for token in Token::ALL {
            let variable = file.credentials.of(token).map(|from| from.env.as_str());
            if let Some(value) = secret(token.key(), variable)? {
                secrets.tokens.insert(token, value);
            }
        }
        for adapter in Adapter::ALL {
            let address = file.adapters.address(adapter);
            let variable = address.and_then(AdapterAddress::token_env);
            if let Some(value) = secret(adapter.key(), variable)? {
                secrets.hooks.insert(adapter, value);
            }
        }
        Ok(secrets)
    }

    /// A token, if it is there.
    pub fn token(&self, token: Token) -> Option<&str> {
        self.tokens.get(&token).map(String::as_str)
    }

    /// Those that streams can be asked about with, each with its key in the target file.
    pub(crate) fn to_manage(&self) -> [(&'static str, Option<&str>); 4] {
        [
            Token::Receiver,
            Token::ReadOnly,
            Token::Other,
            Token::ManageOnly,
        ]
        .map(|token| (token.key(), self.token(token)))
    }

    /// All of them, to be masked.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let all = self.tokens.values().chain(self.hooks.values());
        all.map(String::as_str)
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

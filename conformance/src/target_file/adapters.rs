//! What the target's owner does for the tester, and how that is reached.

use serde::Deserialize;

/// What the target's owner lets the tester do. Each is a hook or a command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapters {
    /// Has an event happen to somebody.
    pub emit: Option<AdapterAddress>,
    /// Has the Transmitter decide on the status of a stream by itself.
    pub set_status: Option<AdapterAddress>,
    /// Has the Transmitter sign with another key.
    pub rotate_key: Option<AdapterAddress>,
    /// Has the Transmitter end and begin again.
    pub restart: Option<AdapterAddress>,
}

/// What an adapter does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Adapter {
    /// Has an event happen to somebody.
    Emit,
    /// Has the Transmitter decide on the status of a stream by itself.
    SetStatus,
    /// Has the Transmitter sign with another key.
    RotateKey,
    /// Has the Transmitter end and begin again.
    Restart,
}

impl Adapter {
    /// All adapters.
    pub const ALL: [Self; 4] = [Self::Emit, Self::SetStatus, Self::RotateKey, Self::Restart];

    /// Its key in the target file, below `adapters`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::SetStatus => "set_status",
            Self::RotateKey => "rotate_key",
            Self::Restart => "restart",
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Emit => "adapters.emit",
            Self::SetStatus => "adapters.set_status",
            Self::RotateKey => "adapters.rotate_key",
            Self::Restart => "adapters.restart",
        }
    }
}

impl Adapters {
    /// How an adapter is reached, if it is there.
    pub fn address(&self, adapter: Adapter) -> Option<&AdapterAddress> {
        match adapter {
            Adapter::Emit => self.emit.as_ref(),
            Adapter::SetStatus => self.set_status.as_ref(),
            Adapter::RotateKey => self.rotate_key.as_ref(),
            Adapter::Restart => self.restart.as_ref(),
        }
    }
}

/// How an adapter is reached. Both kinds are given the same JSON object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum AdapterAddress {
    /// The object is posted.
    Hook {
        /// Where to. `{name}` stands for a member of the object, which then is no part of it.
        url: String,
        /// Environment variable with a bearer token to show there.
        token_env: Option<String>,
    },
    /// The object is the standard input of a program, which says by its exit code whether it is done.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

impl AdapterAddress {
    /// The environment variable with what it is shown, if it is a hook that is shown something.
    pub fn token_env(&self) -> Option<&str> {
        match self {
            Self::Hook { token_env, .. } => token_env.as_deref(),
            Self::Command { .. } => None,
        }
    }
}

//! What a SET does to a session, which the wire does not show: the Receiver's owner has it told.

use serde_json::{Value, json};

use crate::{
    adapter::{self, AdapterError},
    target_file::AdapterAddress,
    wire::Wire,
};

/// For how long a session has been when it is asked about, in seconds.
pub const SESSION_SECONDS: u64 = 3600;

/// An adapter, and what its hook is shown.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// How it is reached.
    pub address: AdapterAddress,
    /// What it is shown, if it is a hook.
    pub token: Option<String>,
}

/// The adapters about sessions.
#[derive(Clone, Debug)]
pub struct Effects {
    /// Has a session begin, where that has to be told.
    pub register: Option<Adapter>,
    /// Tells whether one goes on.
    pub alive: Adapter,
    /// How hooks are reached, and how long an adapter may take.
    pub wire: Wire,
}

impl Effects {
    /// What is not to be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let adapters = self.register.iter().chain([&self.alive]);
        adapters.filter_map(|adapter| adapter.token.as_deref())
    }

    /// Has a session of somebody begin.
    pub(super) async fn register(&self, subject: &Value, now: u64) -> Result<(), AdapterError> {
        let Some(Adapter { address, token }) = &self.register else {
            return Ok(());
        };
        let session = session(subject, now);
        let asked = adapter::ask(address, token.as_deref(), &session, &self.wire);
        asked.await.map(drop)
    }

    /// Whether the session of somebody goes on.
    pub(super) async fn is_alive(&self, subject: &Value, now: u64) -> Result<bool, AdapterError> {
        let Adapter { address, token } = &self.alive;
        let session = session(subject, now);
        let told = adapter::ask(address, token.as_deref(), &session, &self.wire).await?;
        let alive = told.get("alive").and_then(Value::as_bool);
        alive.ok_or(AdapterError::Answer("whether the session is alive"))
    }
}

fn session(subject: &Value, now: u64) -> Value {
    json!({ "sub_id": subject, "began": now.saturating_sub(SESSION_SECONDS) })
}

//! What the Transmitter's owner does while it is judged: a new key, and a restart.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::{Context, Credential};
use crate::{case::Stop, exchange::jwks_url, set::RawSet, target_file::Adapter};

impl Context {
    /// The keys that are published now.
    ///
    /// # Errors
    /// There are none, which other cases judge.
    pub async fn keys(&self) -> Result<Vec<Map<String, Value>>, Stop> {
        let url = jwks_url(self.run().issuer(), self.run().discovery().metadata());
        let url = url.ok_or_else(|| Stop::blocked("the metadata has no jwks_uri"))?;
        let call = self.request("GET", url).credential(Credential::Missing);
        let mut set = call.send().await?.given_object()?;
        let keys = set.remove("keys").unwrap_or_default();
        let keys = keys.as_array().into_iter().flatten();
        Ok(keys.filter_map(|key| key.as_object().cloned()).collect())
    }

    /// Has the transmitter sign with another key than `kid` from now on.
    ///
    /// # Errors
    /// The adapter does not do it.
    pub async fn rotate_key(&self, kid: &str) -> Result<(), Stop> {
        let what = json!({ "kid": kid });
        self.adapt(Adapter::RotateKey, &what).await.map(drop)
    }

    /// Has the transmitter end and begin again, and waits until it answers.
    ///
    /// # Errors
    /// The adapter does not do it, or nobody answers within `limits.event_seconds`.
    pub async fn restart(&self) -> Result<(), Stop> {
        self.adapt(Adapter::Restart, &json!({})).await?;
        let (url, began) = (self.run().issuer().metadata_url(), Instant::now());
        loop {
            let call = self.request("GET", url.clone());
            let answered = call.credential(Credential::Missing).attempt().await?;
            if answered.is_some_and(|answered| answered.given_success().is_ok()) {
                return Ok(());
            }
            self.pause_since(began).await?;
        }
    }
}

/// The name of the key that signed a SET.
///
/// # Errors
/// It names none, which other cases judge.
pub fn kid(set: &RawSet) -> Result<&str, Stop> {
    let kid = set.header.get("kid").and_then(Value::as_str);
    kid.ok_or_else(|| Stop::blocked("the SET does not name its key"))
}

//! What is said of one SET.

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_types::time::{Rfc3339, Timestamp};

use super::WebhookSecret;
use crate::HandedSet;

/// A message, before it is signed.
#[derive(Debug)]
pub(super) struct Message {
    id: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn of(set: &HandedSet) -> Self {
        let uri = set.claims.event.uri();
        let body = format!(
            r#"{{"type":{},"timestamp":"{}","data":{}}}"#,
            serde_json::json!(uri.as_str()),
            Rfc3339(set.received_at),
            set.json
        );
        Self {
            id: id(set.claims.iss.as_str(), set.claims.jti.as_str()),
            body: body.into_bytes(),
        }
    }

    /// The headers that sign it, as of an attempt at `now`.
    pub(super) fn headers(
        &self,
        now: Timestamp,
        secrets: &[WebhookSecret],
    ) -> [(&'static str, String); 3] {
        let timestamp = now.as_secs().to_string();
        let signature = |secret: &WebhookSecret| secret.signature(&self.id, &timestamp, &self.body);
        let signatures: Vec<String> = secrets.iter().map(signature).collect();
        [
            ("webhook-id", self.id.clone()),
            ("webhook-signature", signatures.join(" ")),
            ("webhook-timestamp", timestamp),
        ]
    }
}

/// Hashed, since a `jti` may have any characters, and a full stop would leave open what was signed.
fn id(issuer: &str, jti: &str) -> String {
    let mut hashed = digest::Context::new(&SHA256);
    for part in [issuer, "\0", jti] {
        hashed.update(part.as_bytes());
    }
    format!("msg_{}", BASE64URL.encode(hashed.finish()))
}

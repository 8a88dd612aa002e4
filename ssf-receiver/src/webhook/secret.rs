//! What messages are signed with.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// Fewest and most bytes of a secret, as Standard Webhooks have it.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a webhook's messages are signed with (HMAC-SHA-256): `whsec_` and the base64 of 24 to 64 random bytes.
///
/// Printing it for debugging does not show it.
#[derive(Clone)]
pub struct WebhookSecret(hmac::Key);

/// A text is no secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "must be whsec_ and the base64 of 24 to 64 random bytes: openssl rand -base64 32 makes them"
)]
pub struct WebhookSecretError;

impl WebhookSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// It has another form, or not as many bytes.
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(WebhookSecretError)?;
        let bytes = BASE64.decode(encoded).map_err(|_| WebhookSecretError)?;
        if !BYTES.contains(&bytes.len()) {
            return Err(WebhookSecretError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The signature as it stands in the header.
    pub(super) fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            signing.update(part);
        }
        format!("v1,{}", BASE64.encode(signing.sign()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: usize) -> String {
        format!("{PREFIX}{}", BASE64.encode(vec![7; bytes]))
    }

    #[test]
    fn a_secret_has_twenty_four_to_sixty_four_bytes() {
        for bytes in [24, 64] {
            assert!(WebhookSecret::parse(&encoded(bytes)).is_ok(), "{bytes}");
        }
        let without_prefix = BASE64.encode([7; 32]);
        for text in [&encoded(23), &encoded(65), "whsec_?", "", &without_prefix] {
            assert!(WebhookSecret::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_signature_is_the_one_that_the_specification_shows() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn printing_a_secret_does_not_show_it() {
        let secret = WebhookSecret::parse(&encoded(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
    }
}

//! A signed SET on its way.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

/// A signed SET in compact form: the body of a push.
///
/// Printing it for debugging shows nothing: whoever has it can replay it.
#[derive(Clone, Eq, PartialEq)]
pub struct CompactSet(String);

impl CompactSet {
    /// Composes a SET from its parts; `sign` gets what has to be signed.
    ///
    /// # Errors
    /// Those of `sign`.
    pub fn compose<E>(
        header: &str,
        claims: &[u8],
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 400);
        token.push_str(header);
        token.push('.');
        BASE64URL.encode_string(claims, &mut token);
        let signature = sign(token.as_bytes())?;
        token.push('.');
        BASE64URL.encode_string(signature, &mut token);
        Ok(Self(token))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The token, to be sent.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for CompactSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompactSet({} bytes)", self.0.len())
    }
}

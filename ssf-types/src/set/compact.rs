//! A signed SET on its way.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

/// A signed SET in compact form: the body of a push.
///
/// Printing it for debugging shows its length alone: whoever has it can replay it.
///
/// A key that is not in this process, or no OpenSSL, signs in two steps:
///
/// ```
/// use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
/// use ssf_types::set::CompactSet;
/// # fn ask_the_hardware(signing_input: &[u8]) -> Result<Vec<u8>, std::io::Error> { Ok(vec![0; 64]) }
///
/// let header = BASE64URL.encode(r#"{"alg":"ES256","kid":"2026-a","typ":"secevent+jwt"}"#);
/// let claims = br#"{"iss":"https://tr.example.com"}"#; // In truth those of a `SetClaims`, by serde_json::to_vec.
/// let set = CompactSet::compose(&header, claims, ask_the_hardware)?;
/// assert!(set.as_str().starts_with("eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMjYtYSIsInR5cCI6InNlY2V2ZW50K2p3dCJ9.eyJpc3MiOi"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct CompactSet(String);

impl CompactSet {
    /// Composes a SET from its parts (RFC 7515 §7.1): `header` is encoded already, `claims` is JSON text that gets encoded.
    ///
    /// `sign` gets what has to be signed, the two encoded parts with a dot between them, and returns the bytes of the
    /// signature in the form of JWS: for ES256 the 64 bytes of `R` and `S`, not DER (RFC 7518 §3.4). Neither part is
    /// checked, and nor is the length, which no Receiver of ours takes beyond
    /// [`SET_BYTES_MAX`](super::SET_BYTES_MAX).
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

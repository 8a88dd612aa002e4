//! Bearer tokens of operators, sources and Receivers: shown once, known afterwards by their fingerprints.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    domain::id::Fingerprint,
    sealing::{self, Sealer},
};

/// Random bytes in a token: beyond guessing, so the fingerprint needs no slow hash.
const TOKEN_BYTES: usize = 32;

/// Whose token it is. One of the one kind is worth nothing where the other is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// Lets an operator look after the transmitter.
    Operator,
    /// Lets a source hand in events.
    Source,
    /// Lets a Receiver manage its streams.
    Receiver,
    /// Lets a Receiver get access tokens, as a client of the token endpoint.
    ClientSecret,
}

/// What all secrets that are made here begin with: nothing that does is ever shown to anybody else.
pub const OWN_PREFIX: &str = "ssf_";

impl TokenKind {
    /// What tokens of this kind begin with, so that a scanner for leaked secrets can find them.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "ssf_op_",
            Self::Source => "ssf_src_",
            Self::Receiver => "ssf_rx_",
            Self::ClientSecret => "ssf_cs_",
        }
    }

    fn context(self) -> &'static str {
        match self {
            Self::Operator => "operator token",
            Self::Source => "source token",
            Self::Receiver => "receiver token",
            Self::ClientSecret => "client secret",
        }
    }

    /// The fingerprint under which a token of this kind is stored.
    pub fn fingerprint(self, sealer: &Sealer, token: &str) -> Fingerprint {
        sealer.fingerprint(self.context(), token.as_bytes())
    }
}

/// A new token, before it is shown. Printing it for debugging shows nothing.
pub struct BearerToken {
    kind: TokenKind,
    text: SecretString,
}

impl BearerToken {
    /// Makes a token.
    pub fn generate(kind: TokenKind) -> Self {
        let mut random = [0; TOKEN_BYTES];
        sealing::fill(&mut random);
        let text = format!("{}{}", kind.prefix(), BASE64URL.encode(random));
        Self {
            kind,
            text: text.into(),
        }
    }

    /// The token, to be shown to the person who asked for it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The fingerprint under which the token is stored.
    pub fn fingerprint(&self, sealer: &Sealer) -> Fingerprint {
        self.kind.fingerprint(sealer, self.expose())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken({}…)", self.kind.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::DataKey;

    #[test]
    fn a_token_of_one_kind_is_unknown_as_the_other() {
        let sealer = Sealer::new(&DataKey::generate());
        let token = BearerToken::generate(TokenKind::Receiver);
        let as_receiver = TokenKind::Receiver.fingerprint(&sealer, token.expose());
        let as_operator = TokenKind::Operator.fingerprint(&sealer, token.expose());
        assert_eq!(token.fingerprint(&sealer), as_receiver);
        assert_ne!(as_receiver, as_operator);
    }

    #[test]
    fn all_secrets_begin_alike() {
        for kind in [
            TokenKind::Operator,
            TokenKind::Source,
            TokenKind::Receiver,
            TokenKind::ClientSecret,
        ] {
            assert!(kind.prefix().starts_with(OWN_PREFIX));
        }
    }

    #[test]
    fn two_tokens_differ_and_printing_one_shows_nothing() {
        let token = BearerToken::generate(TokenKind::Operator);
        assert_ne!(
            token.expose(),
            BearerToken::generate(TokenKind::Operator).expose()
        );
        assert_eq!(token.expose().len(), 50);
        assert_eq!(format!("{token:?}"), "BearerToken(ssf_op_…)");
    }
}

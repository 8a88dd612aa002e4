//! Signatures that cost nothing: what is simulated is everything but cryptography.

use std::{io, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_transmitter::{
    domain::{issuer::IssuerName, mint::Minted},
    ports::{SignError, Signer},
};
use ssf_types::set::{Algorithm, CompactSet, Header, SetError, Verifier};

use super::{chance, process::Process, world::World};

const HEADER: &str = r#"{"typ":"secevent+jwt","alg":"ES256","kid":"seal"}"#;

/// Seals SETs in a process.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    pub(crate) world: Arc<World>,
    pub(crate) process: Arc<Process>,
}

impl Signer for Sealer {
    async fn sign(
        &self,
        _: &IssuerName,
        _: Option<Algorithm>,
        minted: Minted,
    ) -> Result<CompactSet, SignError> {
        self.process.step().await;
        chance::pause(0..=self.world.plan.signing_max).await;
        if self.world.strikes(self.world.plan.unavailable) {
            return Err(SignError(Box::new(io::Error::other("no seal"))));
        }
        let claims = serde_json::to_vec(&minted.in_dialect()).unwrap();
        let sealed = |input: &[u8]| Ok::<_, io::Error>(seal(input).to_vec());
        let set = CompactSet::compose(&BASE64URL.encode(HEADER), &claims, sealed).unwrap();
        self.process.step().await;
        Ok(set)
    }
}

/// Knows the seal.
pub(crate) struct Seal;

impl Verifier for Seal {
    fn check(&self, _: &Header, input: &[u8], signature: &[u8]) -> Result<(), SetError> {
        if signature == seal(input) {
            return Ok(());
        }
        Err(SetError::BadSignature)
    }
}

/// A sum over what is sealed (FNV-1a).
fn seal(input: &[u8]) -> [u8; 8] {
    let sum = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    input.iter().fold(0xcbf2_9ce4_8422_2325, sum).to_be_bytes()
}

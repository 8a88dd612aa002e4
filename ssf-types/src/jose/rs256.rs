//! RS256 signatures are checked with contexts of OpenSSL that are kept.
//!
//! josekit makes one for each signature, which costs an eighth of a verification; a Receiver does little else.

use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::{
    error::ErrorStack,
    md::Md,
    pkey::{PKey, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sha::sha256,
};

/// Checks RS256 signatures of one key (RFC 7518 §3.3).
pub(super) struct Rs256 {
    key: PKey<Public>,
    /// Those that nobody uses now: as many as were ever used at once.
    contexts: Mutex<Vec<PkeyCtx<Public>>>,
}

impl Rs256 {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, ErrorStack> {
        let key = PKey::public_key_from_der(der)?;
        let contexts = Mutex::new(vec![context(&key)?]);
        Ok(Self { key, contexts })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let kept = self.kept().pop();
        let mut context = match kept {
            Some(context) => context,
            None => context(&self.key)?,
        };
        // One that did not come to an answer is not used again.
        let is_valid = context.verify(&sha256(message), signature)?;
        self.kept().push(context);
        Ok(is_valid)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<PkeyCtx<Public>>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn context(key: &PKey<Public>) -> Result<PkeyCtx<Public>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_init()?;
    context.set_rsa_padding(Padding::PKCS1)?;
    context.set_signature_md(Md::sha256())?;
    Ok(context)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use josekit::jws::{JwsSigner, RS256};
    use openssl::rsa::Rsa;

    use super::*;

    #[test]
    fn a_context_that_has_seen_a_wrong_signature_is_as_good_as_a_new_one() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let signer = RS256.signer_from_der(key.private_key_to_pkcs8().unwrap());
        let signature = signer.unwrap().sign(b"claims").unwrap();
        let rs256 = Rs256::from_der(&key.public_key_to_der().unwrap()).unwrap();
        let is_valid =
            |message: &[u8], signature: &[u8]| rs256.verify(message, signature).unwrap_or(false);
        let mut changed = signature.clone();
        changed[7] ^= 1;
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for wrong in [&changed, &signature[1..], b""] {
                        assert!(!is_valid(b"claims", wrong));
                        assert!(!is_valid(b"other claims", &signature));
                        assert!(is_valid(b"claims", &signature));
                    }
                });
            }
        });
        let kept = rs256.kept().len();
        assert!((1..=4).contains(&kept), "{kept}");
    }
}

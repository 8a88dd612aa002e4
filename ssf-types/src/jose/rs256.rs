//! RS256 signatures are made and checked with contexts of OpenSSL that are kept.
//!
//! josekit makes one for each signature, which costs an eighth of a verification: a Receiver does little else, and a Transmitter
//! signs each SET.

use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::{
    error::ErrorStack,
    md::Md,
    pkey::{HasPublic, PKey, Private, Public},
    pkey_ctx::{PkeyCtx, PkeyCtxRef},
    rsa::Padding,
    sha::Sha256,
};

/// Checks RS256 signatures of one key (RFC 7518 §3.3).
pub(super) struct Rs256(Contexts<Public>);

impl Rs256 {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, ErrorStack> {
        let key = PKey::public_key_from_der(der)?;
        Contexts::of(key, PkeyCtxRef::verify_init).map(Self)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let digest = digest(message);
        self.0.with(|context| context.verify(&digest, signature))
    }
}

/// Makes RS256 signatures with one key (RFC 7518 §3.3).
pub(super) struct Rs256Signer(Contexts<Private>);

impl Rs256Signer {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, ErrorStack> {
        let key = PKey::private_key_from_der(der)?;
        Contexts::of(key, PkeyCtxRef::sign_init).map(Self)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let digest = digest(message);
        let mut signature = Vec::new();
        self.0
            .with(|context| context.sign_to_vec(&digest, &mut signature))?;
        Ok(signature)
    }
}

/// Without `sha::sha256`, which looks for the algorithm among all that OpenSSL has, for each message: that takes longer than to
/// hash it.
fn digest(message: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(message);
    hash.finish()
}

type Begin<T> = fn(&mut PkeyCtxRef<T>) -> Result<(), ErrorStack>;

/// Contexts of one key, begun for one of the two.
struct Contexts<T> {
    key: PKey<T>,
    begin: Begin<T>,
    /// Those that nobody uses now: as many as were ever used at once.
    kept: Mutex<Vec<PkeyCtx<T>>>,
}

impl<T: HasPublic> Contexts<T> {
    fn of(key: PKey<T>, begin: Begin<T>) -> Result<Self, ErrorStack> {
        let contexts = Self {
            key,
            begin,
            kept: Mutex::default(),
        };
        let first = contexts.another()?;
        contexts.kept().push(first);
        Ok(contexts)
    }

    /// Does this with a context that nobody else uses meanwhile.
    fn with<R>(
        &self,
        work: impl FnOnce(&mut PkeyCtxRef<T>) -> Result<R, ErrorStack>,
    ) -> Result<R, ErrorStack> {
        let kept = self.kept().pop();
        let mut context = match kept {
            Some(context) => context,
            None => self.another()?,
        };
        // One that did not come to an answer is not used again.
        let done = work(&mut context)?;
        self.kept().push(context);
        Ok(done)
    }

    fn another(&self) -> Result<PkeyCtx<T>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.key)?;
        (self.begin)(&mut context)?;
        context.set_rsa_padding(Padding::PKCS1)?;
        context.set_signature_md(Md::sha256())?;
        Ok(context)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<PkeyCtx<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let kept = rs256.0.kept().len();
        assert!((1..=4).contains(&kept), "{kept}");
    }

    #[test]
    fn several_threads_sign_as_the_library_does() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let der = key.private_key_to_pkcs8().unwrap();
        let library = RS256.signer_from_der(&der).unwrap();
        let own = Rs256Signer::from_der(&der).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for message in [b"claims".as_slice(), b"other claims", b""] {
                        let expected = library.sign(message).unwrap();
                        assert_eq!(own.sign(message).unwrap(), expected);
                    }
                });
            }
        });
        let kept = own.0.kept().len();
        assert!((1..=4).contains(&kept), "{kept}");
    }
}

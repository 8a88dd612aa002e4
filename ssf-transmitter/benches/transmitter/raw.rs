//! The yardstick of delivering: one raw signature of OpenSSL, with its key and context made once, over as many bytes as a SET has.

use openssl::{
    md::Md,
    pkey::{PKey, Private},
    pkey_ctx::PkeyCtx,
    rsa::{Padding, Rsa},
    sha::sha256,
};
use ssf_types::set::Algorithm;

use crate::{Fallible, cpu};

/// Signatures of one sample.
const SAMPLE: u32 = 40;

/// Bytes before the signature of a SET about a revoked session.
const SIGNED_BYTES: usize = 800;

pub(crate) struct RawSignature {
    context: PkeyCtx<Private>,
    signature: Vec<u8>,
}

impl RawSignature {
    pub(crate) fn new(algorithm: Algorithm) -> Fallible<Self> {
        let key = match algorithm {
            Algorithm::Rs256 => PKey::from_rsa(Rsa::generate(2048)?)?,
            Algorithm::Es256 => PKey::ec_gen("P-256")?,
            Algorithm::Ps256 | Algorithm::EdDsa | _ => {
                return Err("there is no yardstick for this algorithm".into());
            }
        };
        let mut context = PkeyCtx::new(&key)?;
        context.sign_init()?;
        if algorithm == Algorithm::Rs256 {
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        context.set_signature_md(Md::sha256())?;
        Ok(Self {
            context,
            signature: Vec::with_capacity(512),
        })
    }

    /// CPU time of one, in nanoseconds.
    pub(crate) fn sample(&mut self) -> Fallible<f64> {
        let mut fails = false;
        let nanos = cpu::of_each(SAMPLE, || {
            self.signature.clear();
            let digest = sha256(&[7; SIGNED_BYTES]);
            let signed = self.context.sign_to_vec(&digest, &mut self.signature);
            fails |= signed.is_err();
        })?;
        if fails {
            return Err("the yardstick does not sign".into());
        }
        Ok(nanos)
    }
}

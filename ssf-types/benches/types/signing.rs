//! Signing and verifying a whole SET, beside the bare OpenSSL operation on the same bytes.
//!
//! The yardstick includes SHA-256 and has its key and context made once and reused.

use std::{hint::black_box, time::Duration};

use openssl::{
    md::Md,
    pkey::{PKey, Private, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sha::sha256,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use ssf_types::{
    audience::Audience,
    event::{
        Event,
        caep::SessionRevoked,
        common::{CommonClaims, InitiatingEntity},
        language::Texts,
    },
    id::{Jti, Txn},
    jose::{self, KeySet, SigningKey},
    set::{Algorithm, Expectation, SetClaims, UnverifiedSet},
    subject::{ComplexSubject, SimpleSubject},
    time::Timestamp,
    uri::Issuer,
};

use crate::{
    Fallible,
    measure::{Operation, Pair},
};

/// Most that signing a SET may cost, in raw RSA-2048 signatures.
const SIGN_GOAL: f64 = 1.10;

/// Most that verifying a SET may cost, in raw RSA-2048 verifications.
const VERIFY_GOAL: f64 = 1.70;

const MEASURE: Duration = Duration::from_secs(4);

const ISSUER: &str = "https://tr.example.com";
const AUDIENCE: &str = "https://rp.example.com/ssf";
const NOW_SECS: u64 = 1_763_900_000;

/// Each algorithm with the goals for signing and verifying; those without are told for information.
const ALGORITHMS: [(Algorithm, Option<f64>, Option<f64>); 2] = [
    (Algorithm::Rs256, Some(SIGN_GOAL), Some(VERIFY_GOAL)),
    (Algorithm::Es256, None, None),
];

/// Does each operation once, so that none of them is fast because it fails.
pub(crate) fn check() -> Fallible<()> {
    for (algorithm, ..) in ALGORITHMS {
        Specimen::new(algorithm)?.check()?;
    }
    Ok(())
}

pub(crate) fn measure() -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for (algorithm, sign_goal, verify_goal) in ALGORITHMS {
        let specimen = Specimen::new(algorithm)?;
        let name = |verb| format!("{verb} one session-revoked SET, {}", algorithm.as_str());
        let signed = specimen.signing()?.measure(MEASURE)?;
        entries.push(signed.entry(&name("sign"), sign_goal));
        let verified = specimen.verifying()?.measure(MEASURE)?;
        entries.push(verified.entry(&name("verify"), verify_goal));
    }
    Ok(entries)
}

/// One key and one SET, ready to be signed and verified in both ways.
struct Specimen {
    algorithm: Algorithm,
    key: SigningKey,
    keys: KeySet,
    claims: SetClaims,
    expected: Expectation,
    now: Timestamp,
    token: String,
    signing_input: String,
    private: PKey<Private>,
    public: PKey<Public>,
}

impl Specimen {
    fn new(algorithm: Algorithm) -> Fallible<Self> {
        let key = SigningKey::generate(algorithm)?;
        let claims = session_revoked()?;
        let token = key.sign(&claims)?.into_string();
        let (signing_input, _) = token.rsplit_once('.').ok_or("not compact")?;
        let private = PKey::private_key_from_pem(key.pem().expose_secret().as_bytes())?;
        Ok(Self {
            algorithm,
            keys: KeySet::parse(jose::jwks([&key]).to_string().as_bytes())?,
            expected: Expectation::new(claims.iss.clone(), Audience::new([AUDIENCE])?),
            now: Timestamp::from_secs(NOW_SECS),
            signing_input: signing_input.to_owned(),
            public: PKey::public_key_from_der(&private.public_key_to_der()?)?,
            private,
            key,
            claims,
            token,
        })
    }

    fn check(&self) -> Fallible<()> {
        let set = UnverifiedSet::parse(self.token.as_bytes())?;
        let verified = set.verify(&self.keys, &self.expected, self.now)?;
        let (mut signing, mut verifying) = (self.signing()?, self.verifying()?);
        let works = (signing.ours)() && (signing.yardstick)();
        let checks = (verifying.ours)() && (verifying.yardstick)();
        let mut verify = self.raw_verifying()?;
        let forged = verify(&vec![1; self.raw_signature()?.len()]).unwrap_or(false);
        if *verified.claims() != self.claims || !works || !checks || forged {
            return Err("an operation under measurement does not do its work".into());
        }
        Ok(())
    }

    fn signing(&self) -> Fallible<Pair<'_>> {
        let mut context = PkeyCtx::new(&self.private)?;
        context.sign_init()?;
        prepare(&mut context, self.algorithm)?;
        let mut signature = Vec::with_capacity(512);
        Ok(Pair {
            ours: Box::new(|| black_box(self.key.sign(black_box(&self.claims))).is_ok()),
            yardstick: Box::new(move || {
                signature.clear();
                let digest = sha256(self.signing_input.as_bytes());
                context
                    .sign_to_vec(&digest, black_box(&mut signature))
                    .is_ok()
            }),
        })
    }

    fn verifying(&self) -> Fallible<Pair<'_>> {
        let signature = self.raw_signature()?;
        let mut verify = self.raw_verifying()?;
        let ours: Operation<'_> = Box::new(|| {
            let set = UnverifiedSet::parse(black_box(self.token.as_bytes()));
            let verified = set.and_then(|set| set.verify(&self.keys, &self.expected, self.now));
            black_box(verified).is_ok()
        });
        Ok(Pair {
            ours,
            yardstick: Box::new(move || verify(black_box(&signature)).unwrap_or(false)),
        })
    }

    fn raw_verifying(&self) -> Fallible<impl FnMut(&[u8]) -> Fallible<bool> + '_> {
        let mut context = PkeyCtx::new(&self.public)?;
        context.verify_init()?;
        prepare(&mut context, self.algorithm)?;
        Ok(move |signature: &[u8]| {
            Ok(context.verify(&sha256(self.signing_input.as_bytes()), signature)?)
        })
    }

    fn raw_signature(&self) -> Fallible<Vec<u8>> {
        let mut context = PkeyCtx::new(&self.private)?;
        context.sign_init()?;
        prepare(&mut context, self.algorithm)?;
        let mut signature = Vec::new();
        context.sign_to_vec(&sha256(self.signing_input.as_bytes()), &mut signature)?;
        Ok(signature)
    }
}

fn prepare<T>(context: &mut PkeyCtx<T>, algorithm: Algorithm) -> Fallible<()> {
    if algorithm == Algorithm::Rs256 {
        context.set_rsa_padding(Padding::PKCS1)?;
    }
    context.set_signature_md(Md::sha256())?;
    Ok(())
}

/// A SET as identity providers send it, of about 600 bytes.
fn session_revoked() -> Fallible<SetClaims> {
    let mut common = CommonClaims::default();
    common.event_timestamp = Some(Timestamp::from_secs(NOW_SECS - 2));
    common.initiating_entity = Some(InitiatingEntity::Policy);
    common.reason_admin = Some(Texts::new([("en", "Policy violation: C076E822")])?);
    common.reason_user = Some(Texts::new([("en", "This device is no longer compliant.")])?);
    let mut event = SessionRevoked::default();
    event.common = common;
    let session = SimpleSubject::Opaque {
        id: "dMTlD1600310600316".to_owned(),
    };
    let user = SimpleSubject::IssSub {
        iss: "https://idp.example.com/3456789/".to_owned(),
        sub: "99beb27c-c1c2-4955-882a-e0dc4996fcbc".to_owned(),
    };
    let mut claims = SetClaims::new(
        Issuer::parse(ISSUER)?,
        Jti::parse("0193592c-7a6e-7d3f-9c1e-8f2b6a4d5e10")?,
        Timestamp::from_secs(NOW_SECS),
        Audience::new([AUDIENCE])?,
        ComplexSubject::new([("session", session), ("user", user)])?.into(),
        Event::from(event),
    );
    claims.txn = Some(Txn::parse("8675309a6c1e4b7d9b1f")?);
    Ok(claims)
}

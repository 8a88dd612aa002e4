//! What signing and verifying a SET cost beyond the signature itself, per core.
//!
//! Run with `cargo bench -p ssf-types --bench set`; results go to `target/bench/summary.json`.
//!
//! Method. Each operation of ours is measured against a yardstick that nobody can do without: the bare OpenSSL operation
//! on the same bytes, SHA-256 included, with key and context made once and reused. Machines are noisy and drift, so a
//! ratio is not that of two means taken seconds apart: short batches of the yardstick and of ours alternate, in an
//! order that alternates too, each pair gives one ratio, and the median of these is reported. `value` and
//! `yardstick` are the medians over the same batches. Criterion measures each operation on its own as well, for history
//! and plots; the ratio of its medians is reported as `criterion_ratio`, so that a disagreement can be seen.

use std::{
    error::Error,
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use criterion::Criterion;
use openssl::{
    hash::MessageDigest,
    md::Md,
    pkey::{Id, PKey, Private, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sha::sha256,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
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

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Most that signing a SET may cost, in raw RSA-2048 signatures.
const SIGN_GOAL: f64 = 1.10;

/// Most that verifying a SET may cost, in raw RSA-2048 verifications.
const VERIFY_GOAL: f64 = 1.70;

const WARM_UP: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(4);

/// Long enough that reading the clock is lost in it, short enough that a pair sees one state of the machine.
const BATCH: Duration = Duration::from_millis(5);

/// Writes to flush before the median is taken.
const FLUSHES: usize = 200;

/// Directory that cargo gives to benches, inside the target directory.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

const ISSUER: &str = "https://tr.example.com";
const AUDIENCE: &str = "https://rp.example.com/ssf";
const NOW_SECS: u64 = 1_763_900_000;

fn main() -> Fallible<()> {
    let rsa = Specimen::new(Algorithm::Rs256)?;
    let ec = Specimen::new(Algorithm::Es256)?;
    rsa.check()?;
    ec.check()?;
    // `cargo test --benches` comes here too: it has now seen every operation succeed, and needs no numbers.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let target = Path::new(TMP).parent().ok_or("no target directory")?;
    let mut entries = vec![header(&rsa)?];
    for (specimen, goals) in [
        (&rsa, (Some(SIGN_GOAL), Some(VERIFY_GOAL))),
        (&ec, (None, None)),
    ] {
        for (operation, goal) in [(Operation::Sign, goals.0), (Operation::Verify, goals.1)] {
            entries.push(measure(specimen, operation, goal, target)?);
        }
    }
    let path = target.join("bench/summary.json");
    fs::create_dir_all(path.parent().ok_or("no directory for the summary")?)?;
    let summary = serde_json::to_string_pretty(&entries)?;
    fs::write(&path, &summary)?;
    writeln!(io::stdout(), "{summary}")?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Operation {
    Sign,
    Verify,
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
    signature: Vec<u8>,
    private: PKey<Private>,
    public: PKey<Public>,
}

impl Specimen {
    fn new(algorithm: Algorithm) -> Fallible<Self> {
        let key = SigningKey::generate(algorithm)?;
        let keys = KeySet::parse(jose::jwks([&key]).to_string().as_bytes())?;
        let claims = session_revoked()?;
        let expected = Expectation::new(claims.iss.clone(), Audience::new([AUDIENCE])?);
        let token = key.sign(&claims)?.as_str().to_owned();
        let (signing_input, _) = token.rsplit_once('.').ok_or("not compact")?;
        let private = PKey::private_key_from_pem(key.pem().expose_secret().as_bytes())?;
        let public = PKey::public_key_from_der(&private.public_key_to_der()?)?;
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &private)?;
        let signature = signer.sign_oneshot_to_vec(signing_input.as_bytes())?;
        Ok(Self {
            algorithm,
            keys,
            now: Timestamp::from_secs(NOW_SECS),
            signing_input: signing_input.to_owned(),
            signature,
            private,
            public,
            key,
            claims,
            expected,
            token,
        })
    }

    /// Does each operation once, so that none of them is fast because it fails.
    fn check(&self) -> Fallible<()> {
        let signed = self.key.sign(&self.claims)?;
        let set = UnverifiedSet::parse(signed.as_str().as_bytes())?;
        let verified = set.verify(&self.keys, &self.expected, self.now)?;
        let mut raw_signature = Vec::new();
        self.raw_signing()?(&mut raw_signature)?;
        let mut verify = self.raw_verifying()?;
        let both_hold = verify(&self.signature)? && verify(&raw_signature)?;
        let forged = verify(&vec![1; self.signature.len()]).unwrap_or(false);
        if *verified.claims() != self.claims || !both_hold || forged {
            return Err("an operation under measurement does not do its work".into());
        }
        Ok(())
    }

    /// The yardstick of signing.
    fn raw_signing(&self) -> Fallible<impl FnMut(&mut Vec<u8>) -> Fallible<()> + '_> {
        let mut context = PkeyCtx::new(&self.private)?;
        context.sign_init()?;
        prepare(&mut context, self.private.id())?;
        Ok(move |signature: &mut Vec<u8>| {
            signature.clear();
            context.sign_to_vec(&sha256(self.signing_input.as_bytes()), signature)?;
            Ok(())
        })
    }

    /// The yardstick of verifying.
    fn raw_verifying(&self) -> Fallible<impl FnMut(&[u8]) -> Fallible<bool> + '_> {
        let mut context = PkeyCtx::new(&self.public)?;
        context.verify_init()?;
        prepare(&mut context, self.public.id())?;
        Ok(move |signature: &[u8]| {
            Ok(context.verify(&sha256(self.signing_input.as_bytes()), signature)?)
        })
    }

    /// One bare operation of OpenSSL, made anew for each measurement so that it owns its context.
    fn yardstick(&self, operation: Operation) -> Fallible<Box<dyn FnMut() -> bool + '_>> {
        Ok(match operation {
            Operation::Sign => {
                let mut sign = self.raw_signing()?;
                let mut signature = Vec::with_capacity(512);
                Box::new(move || sign(black_box(&mut signature)).is_ok())
            }
            Operation::Verify => {
                let mut verify = self.raw_verifying()?;
                Box::new(move || verify(black_box(&self.signature)).unwrap_or(false))
            }
        })
    }

    /// The same end to end: claims to token, or token to checked claims.
    fn ours(&self, operation: Operation) -> Box<dyn FnMut() -> bool + '_> {
        match operation {
            Operation::Sign => {
                Box::new(|| black_box(self.key.sign(black_box(&self.claims))).is_ok())
            }
            Operation::Verify => Box::new(|| {
                let set = UnverifiedSet::parse(black_box(self.token.as_bytes()));
                let verified = set.and_then(|set| set.verify(&self.keys, &self.expected, self.now));
                black_box(verified).is_ok()
            }),
        }
    }
}

fn prepare<T>(context: &mut PkeyCtx<T>, id: Id) -> Fallible<()> {
    if id == Id::RSA {
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

/// Measures one operation beside its yardstick and judges it.
fn measure(
    specimen: &Specimen,
    operation: Operation,
    goal: Option<f64>,
    target: &Path,
) -> Fallible<Value> {
    let verb = match operation {
        Operation::Sign => "sign",
        Operation::Verify => "verify",
    };
    let algorithm = specimen.algorithm.as_str();
    let criterion_ratio =
        criterion_ratio(specimen, operation, &format!("{verb}_{algorithm}"), target)?;
    let mut yardstick = specimen.yardstick(operation)?;
    let mut ours = specimen.ours(operation);
    let pairs = interleaved(&mut *yardstick, &mut *ours)?;
    let ratio = pairs.ratio();
    Ok(json!({
        "name": format!("{verb} one session-revoked SET, {algorithm}"),
        "value": rounded(median(pairs.ours), 0),
        "unit": "ns",
        "yardstick": rounded(median(pairs.yardstick), 0),
        "ratio": rounded(ratio, 3),
        "criterion_ratio": rounded(criterion_ratio, 3),
        "goal": goal,
        "met": goal.map(|goal| ratio <= goal),
    }))
}

/// Nanoseconds per operation, batch by batch.
#[derive(Default)]
struct Pairs {
    yardstick: Vec<f64>,
    ours: Vec<f64>,
}

impl Pairs {
    fn ratio(&self) -> f64 {
        let ratios = self.ours.iter().zip(&self.yardstick);
        median(ratios.map(|(ours, yardstick)| ours / yardstick).collect())
    }
}

fn interleaved(
    yardstick: &mut dyn FnMut() -> bool,
    ours: &mut dyn FnMut() -> bool,
) -> Fallible<Pairs> {
    let yardstick_repetitions = repetitions(yardstick);
    let our_repetitions = repetitions(ours);
    let mut pairs = Pairs::default();
    let begun = Instant::now();
    while begun.elapsed() < MEASURE || pairs.ours.len() % 2 == 1 {
        if pairs.ours.len() % 2 == 0 {
            pairs
                .yardstick
                .push(batch(yardstick, yardstick_repetitions)?);
            pairs.ours.push(batch(ours, our_repetitions)?);
        } else {
            pairs.ours.push(batch(ours, our_repetitions)?);
            pairs
                .yardstick
                .push(batch(yardstick, yardstick_repetitions)?);
        }
    }
    Ok(pairs)
}

/// How many repetitions fill a batch, found while warming up.
fn repetitions(operation: &mut dyn FnMut() -> bool) -> u32 {
    let begun = Instant::now();
    let mut done = 0_u32;
    while begun.elapsed() < 20 * BATCH {
        black_box(operation());
        done += 1;
    }
    (done / 20).max(1)
}

fn batch(operation: &mut dyn FnMut() -> bool, repetitions: u32) -> Fallible<f64> {
    let begun = Instant::now();
    let mut all_succeed = true;
    for _ in 0..repetitions {
        all_succeed &= operation();
    }
    let elapsed = begun.elapsed();
    if !all_succeed {
        return Err("an operation under measurement fails".into());
    }
    Ok(elapsed.as_secs_f64() * 1e9 / f64::from(repetitions))
}

/// Lets criterion measure both, and divides the medians that it leaves in its files.
fn criterion_ratio(
    specimen: &Specimen,
    operation: Operation,
    group: &str,
    target: &Path,
) -> Fallible<f64> {
    let output = target.join("criterion");
    let mut criterion = Criterion::default()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASURE)
        .without_plots()
        .output_directory(&output);
    let mut yardstick = specimen.yardstick(operation)?;
    let mut ours = specimen.ours(operation);
    let mut benches = criterion.benchmark_group(group);
    benches.bench_function("openssl", |bencher| bencher.iter(&mut *yardstick));
    benches.bench_function("ssf_types", |bencher| bencher.iter(&mut *ours));
    benches.finish();
    let estimate = |function: &str| -> Fallible<f64> {
        let path: PathBuf = [group, function, "new", "estimates.json"].iter().collect();
        let estimates: Value = serde_json::from_slice(&fs::read(output.join(path))?)?;
        let median = estimates.pointer("/median/point_estimate");
        Ok(median
            .and_then(Value::as_f64)
            .ok_or("criterion left no median")?)
    };
    Ok(estimate("ssf_types")? / estimate("openssl")?)
}

/// Tells on what machine the numbers were taken.
fn header(specimen: &Specimen) -> Fallible<Value> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    Ok(json!({
        "header": {
            "cpu": model,
            "cores": thread::available_parallelism()?,
            "openssl": openssl::version::version(),
            "fdatasync_p50_us": rounded(fdatasync_micros()?, 1),
            "claims_bytes": serde_json::to_vec(&specimen.claims)?.len(),
            "token_bytes": specimen.token.len(),
        }
    }))
}

/// Median time to append 4 KiB to a file in the target directory and flush it, in microseconds.
fn fdatasync_micros() -> Fallible<f64> {
    let path = Path::new(TMP).join("fdatasync");
    let mut file = File::create(&path)?;
    let mut micros = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(&path)?;
    Ok(median(micros))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (numbers.len().saturating_sub(1) / 2, numbers.len() / 2);
    match (numbers.get(low), numbers.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        (None, _) | (_, None) => f64::NAN,
    }
}

fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

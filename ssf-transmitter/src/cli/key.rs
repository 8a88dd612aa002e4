//! `key`: the keys that sign SETs. Works on the database; servers that run follow within a second.

mod file;

use std::{
    error::Error,
    future::Future,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand};
use ssf_types::{
    id::Kid,
    jose::SigningKey,
    set::Algorithm,
    time::{Rfc3339, Timestamp},
};

use super::{
    Outcome, SettingArgs, audit,
    receiver::{NoSuchIssuer, parse_issuer_name},
};
use crate::{
    app::{
        clock::SystemClock,
        keys::{self, ChangeKeysError, KeyPlan, SignsFrom},
    },
    domain::{
        audit::{Act, Action, Details},
        issuer::IssuerName,
        key::{KeyRing, StoredKey},
    },
    keys::FRESH,
    ports::{Clock, KeyStore},
    server::open_store,
    store::{Access, SeaStore},
};

/// How long the removal of a key takes to be in force on every node: as long as a node may sign with what it knows, and
/// the time that one signature takes.
const IN_FORCE: Duration = FRESH.saturating_add(Duration::from_millis(250));

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the keys of all issuers, one a line: issuer, kid, algorithm, state, origin, and the moments from which on it
    /// is published, signs, signs no longer and is published no longer, separated by tabs.
    List {
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Makes a key that signs as soon as it has been published for long enough (`key_publish_ahead_seconds`).
    Rotate {
        /// What it signs with [default: the setting `signing_algorithm`]
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<Algorithm>,
        #[command(flatten)]
        of: OfIssuer,
    },
    /// Adds a private key from a file: PEM (PKCS#8), or a JWK, whose kid stays.
    Import {
        /// The file, which nobody but its owner may read
        file: PathBuf,
        /// What it signs with [default: what the key says, and RS256 for an RSA key that says nothing]
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<Algorithm>,
        /// The name under which Receivers know it [default: the kid of the JWK, else the thumbprint]
        #[arg(long, value_parser = kid, allow_hyphen_values = true)]
        kid: Option<Kid>,
        /// Sign with it at once, because Receivers know it already
        #[arg(long)]
        activate: bool,
        #[command(flatten)]
        of: OfIssuer,
    },
    /// Signs with a key from now on; the one that signed is retired.
    Activate {
        #[command(flatten)]
        which: Which,
    },
    /// Signs with a key no longer; it stays published for a while (`key_retire_after_seconds`).
    Retire {
        #[command(flatten)]
        which: Which,
    },
    /// Takes a key out of use and out of the JWKS at once and for good; another one signs, and is made if there is none.
    Remove {
        #[command(flatten)]
        which: Which,
    },
}

/// Whose keys are meant.
#[derive(Args, Debug)]
pub(super) struct OfIssuer {
    /// Name of the issuer whose key it is
    #[arg(long, default_value = IssuerName::MAIN, value_parser = parse_issuer_name)]
    issuer_name: IssuerName,
    #[command(flatten)]
    settings: SettingArgs,
}

/// Which key is meant.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// The key's name; a thumbprint may begin with a hyphen
    #[arg(value_parser = kid, allow_hyphen_values = true)]
    kid: Kid,
    #[command(flatten)]
    of: OfIssuer,
}

/// An open database with what has to be known to change the keys of an issuer.
struct Opened {
    store: SeaStore,
    issuer: IssuerName,
    plan: KeyPlan,
    now: Timestamp,
}

impl Opened {
    async fn of(of: OfIssuer) -> Result<Self, Box<dyn Error>> {
        let config = of.settings.read()?;
        if !config.has_issuer(&of.issuer_name) {
            return Err(NoSuchIssuer(of.issuer_name).into());
        }
        let (store, _) = open_store(&config, Access::Administer).await?;
        Ok(Self {
            store,
            issuer: of.issuer_name,
            plan: config.key_plan,
            now: SystemClock.now(),
        })
    }

    /// An action on a key of the issuer.
    fn act(&self, action: Action, kid: &Kid) -> io::Result<Act> {
        let act = Act::on(audit::actor()?, action, "key", kid);
        Ok(act.with("issuer", &self.issuer))
    }

    /// Changes the keys between two entries of the audit log, and shows them.
    async fn change(
        &self,
        act: Act,
        changing: impl Future<Output = Result<KeyRing, ChangeKeysError>>,
    ) -> Result<KeyRing, Box<dyn Error>> {
        let changing = Box::pin(async { Ok(changing.await?) });
        let ring = audit::recorded(&self.store, act, changing, |_| Details::none()).await?;
        show(&self.issuer, &ring, self.now)?;
        Ok(ring)
    }
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::List { settings } => list(settings).await,
        Command::Rotate { algorithm, of } => rotate(algorithm, of).await,
        Command::Import {
            file,
            algorithm,
            kid,
            activate,
            of,
        } => {
            let key = file::read(&file, algorithm, kid)?;
            let signs = if activate {
                SignsFrom::Now
            } else {
                SignsFrom::Ahead
            };
            import(&key, signs, of).await
        }
        Command::Activate { which } => activate(which).await,
        Command::Retire { which } => retire(which).await,
        Command::Remove { which } => remove(which).await,
    }
}

async fn list(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let now = SystemClock.now();
    for (issuer, ring) in store.key_rings().await? {
        show(&issuer, &ring, now)?;
    }
    Ok(())
}

async fn rotate(algorithm: Option<Algorithm>, of: OfIssuer) -> Outcome {
    let at = Opened::of(of).await?;
    let algorithm = algorithm.unwrap_or(at.plan.algorithm);
    let act = Act::making(audit::actor()?, Action::RotateKey, "key")
        .with("issuer", &at.issuer)
        .with("algorithm", algorithm);
    let rotating = keys::rotate(&at.store, &at.issuer, algorithm, &at.plan.policy, at.now);
    at.change(act, rotating).await?;
    if let Some(url) = at.plan.jwks_uris.get(&at.issuer) {
        writeln!(
            io::stdout(),
            "# See that {} has the new key before it signs.",
            url.as_str()
        )?;
    }
    Ok(())
}

async fn import(key: &SigningKey, signs: SignsFrom, of: OfIssuer) -> Outcome {
    let at = Opened::of(of).await?;
    let act = at.act(Action::ImportKey, key.kid())?;
    let importing = keys::import(&at.store, &at.issuer, key, signs, &at.plan.policy, at.now);
    at.change(act, importing).await?;
    Ok(())
}

async fn activate(which: Which) -> Outcome {
    let at = Opened::of(which.of).await?;
    let act = at.act(Action::ActivateKey, &which.kid)?;
    let activating = keys::activate(&at.store, &at.issuer, &which.kid, &at.plan.policy, at.now);
    at.change(act, activating).await?;
    Ok(())
}

async fn retire(which: Which) -> Outcome {
    let at = Opened::of(which.of).await?;
    let act = at.act(Action::RetireKey, &which.kid)?;
    let retiring = keys::retire(&at.store, &at.issuer, &which.kid, &at.plan.policy, at.now);
    at.change(act, retiring).await?;
    Ok(())
}

/// Ends when no node begins a signature with the key any more.
async fn remove(which: Which) -> Outcome {
    let at = Opened::of(which.of).await?;
    let act = at.act(Action::RemoveKey, &which.kid)?;
    let makes = at.plan.makes(&at.issuer);
    let policy = &at.plan.policy;
    let removing = async {
        let ring = keys::remove(&at.store, &at.issuer, &which.kid, makes, policy, at.now).await?;
        tokio::time::sleep(IN_FORCE).await;
        Ok(ring)
    };
    let ring = at.change(act, removing).await?;
    let removed = ring.find(&which.kid);
    let signing = removed.and_then(|removed| ring.signing(removed.algorithm, at.now));
    if signing.is_none() {
        writeln!(
            io::stdout(),
            "# Nothing signs with its algorithm now: SETs wait until you import a key."
        )?;
    }
    Ok(())
}

fn show(issuer: &IssuerName, ring: &KeyRing, now: Timestamp) -> Outcome {
    let mut out = io::stdout().lock();
    for key in ring.keys() {
        writeln!(out, "{issuer}\t{}", line(key, now))?;
    }
    Ok(())
}

fn line(key: &StoredKey, now: Timestamp) -> String {
    let origin = key.origin.as_str();
    let times = &key.times;
    let moments = [
        Some(times.published_from),
        Some(times.signs_from),
        times.signs_until,
        times.published_until,
    ];
    let moment = |moment: Option<Timestamp>| {
        moment.map_or_else(|| "-".to_owned(), |moment| Rfc3339(moment).to_string())
    };
    let moments = moments.map(moment).join("\t");
    let state = key.state(now).as_str();
    format!(
        "{}\t{}\t{state}\t{origin}\t{moments}",
        key.kid, key.algorithm
    )
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::parse(text).ok_or_else(|| "it must be RS256, PS256, ES256 or EdDSA".to_owned())
}

fn kid(text: &str) -> Result<Kid, String> {
    Kid::parse(text).map_err(|error| error.to_string())
}

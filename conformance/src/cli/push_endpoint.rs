//! `push-endpoint`: judges the push endpoint of a Receiver by SETs that are sent to it.

use std::{
    env, fs,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;
use serde_json::Value;

use super::{
    Connection, Preflight, beginning,
    catalogue::{SelectionArgs, write_lines},
    course::{self, Progress},
    dialect::{self, By, DialectError},
    reports::Reports,
    runtime_of_several,
};
use crate::{
    case::{Case, Profile},
    cases,
    deviations::{Deviation, DeviationError, Deviations},
    push::{
        Dialect, Given, Issuer, IssuerError, Key, KeyError, PreflightError, PushRun, Security,
        Signer,
    },
    report::Conclusion,
    results::{Results, Role},
};

#[derive(Args, Debug)]
pub(super) struct PushEndpoint {
    /// Where SETs are pushed to; http is for loopback addresses only.
    url: String,
    /// What stands in aud: a name of the receiver.
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// Address at which the issuer's metadata and key are served; over plain http without --ca-out.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8414")]
    serve: SocketAddr,
    /// The issuer, as it stands in iss; without it, the URL of --serve. With another one, its requests have to be passed on
    /// to --serve.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Serves the issuer over https, with a certificate by an authority of this run, and writes what the receiver has to
    /// trust into this file, in PEM.
    #[arg(long, value_name = "FILE", conflicts_with = "signing_key_env")]
    ca_out: Option<PathBuf>,
    /// Environment variable with a private RSA key in PEM that the receiver trusts already as a key of --issuer; nothing
    /// is served then.
    #[arg(long, value_name = "VARIABLE", requires = "issuer")]
    signing_key_env: Option<String>,
    /// The name under which that key is published; without it, its thumbprint.
    #[arg(long, value_name = "KID", requires = "signing_key_env")]
    kid: Option<String>,
    /// Environment variable with what pushes have to show in Authorization.
    #[arg(long, value_name = "VARIABLE")]
    authorization_env: Option<String>,
    /// What stands in `sub_id`, as JSON: somebody whose sessions may end.
    #[arg(
        long,
        value_name = "JSON",
        value_parser = subject,
        default_value = r#"{"format":"email","email":"ssf-conformance@example.com"}"#
    )]
    subject: Subject,
    /// How the issuer writes SETs, for --profile legacy: the name of an older draft or of a vendor.
    #[arg(long, value_name = "DIALECT", value_parser = dialect::named)]
    dialect: Option<Dialect>,
    /// A case that is known to fail, and why that is accepted for now; can be repeated.
    #[arg(long, value_name = "CASE=REASON")]
    deviation: Vec<Deviation>,
    /// For how long a receiver that does not take a sound SET yet is waited for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    connection: Connection,
    /// Tells which cases would be run, and sends nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reports: Reports,
}

/// A subject identifier.
#[derive(Clone, Debug)]
struct Subject(Value);

fn subject(text: &str) -> Result<Subject, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(Subject(value)),
        Ok(_) => Err("a subject is a JSON object".to_owned()),
        Err(error) => Err(format!("a subject is a JSON object: {error}")),
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PushEndpointError {
    #[error("{option} names the environment variable {variable}, which is not set")]
    Secret {
        option: &'static str,
        variable: String,
    },
    #[error("the issuer cannot be served")]
    Issuer(#[source] IssuerError),
    #[error("--ca-out: {} cannot be written", .0.display())]
    Authority(PathBuf, #[source] io::Error),
    #[error("--signing-key-env")]
    Key(#[source] KeyError),
    #[error("--dialect")]
    Dialect(#[source] DialectError),
    #[error("--deviation")]
    Deviation(#[source] DeviationError),
    #[error("no case fits; see ssf-conformance list")]
    NothingChosen,
    #[error(transparent)]
    Preflight(PreflightError),
    #[error("interrupted")]
    Interrupted,
}

impl PushEndpoint {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let (by, chosen) = self.chosen().map_err(Preflight::PushEndpoint)?;
        let deviations = self.deviations().map_err(Preflight::PushEndpoint)?;
        course::reported(&self.reports, out, |told| {
            if self.dry_run {
                write_lines(&chosen, told).map_err(Preflight::Output)?;
                return Ok(None);
            }
            self.judge(by, deviations, &chosen, told).map(Some)
        })
    }

    /// The cases, by what they are, and in which dialect their SETs are.
    fn chosen(&self) -> Result<(By, Vec<&'static Case>), PushEndpointError> {
        let profile = self.dialect.map_or(Profile::Ssf, |_| Profile::Legacy);
        let selection = self.selection.selection_of(&[profile]);
        let dialect = dialect::of_run(&selection.profiles, self.dialect);
        let dialect = dialect.map_err(PushEndpointError::Dialect)?;
        if dialect != self.dialect {
            return Err(PushEndpointError::Dialect(DialectError::Unused));
        }
        let chosen: Vec<_> = match dialect {
            Some(_) => selection.of(cases::push::in_dialect()).collect(),
            None => selection.of(cases::push_endpoint()).collect(),
        };
        if chosen.is_empty() {
            return Err(PushEndpointError::NothingChosen);
        }
        let profiles = selection.profiles;
        Ok((By { profiles, dialect }, chosen))
    }

    fn deviations(&self) -> Result<Deviations, PushEndpointError> {
        let deviations = Deviations::from(self.deviation.clone());
        let cases = cases::push_endpoint().chain(cases::push::in_dialect());
        let checked = deviations.check("push endpoint", cases);
        checked.map_err(PushEndpointError::Deviation)?;
        Ok(deviations)
    }

    fn judge(
        &self,
        by: By,
        deviations: Deviations,
        chosen: &[&'static Case],
        out: &mut dyn Write,
    ) -> Result<Results, Preflight> {
        let (began, now) = (Instant::now(), beginning::now());
        let authorities = self.connection.settings()?.extra_authorities;
        let judged = runtime_of_several()?.block_on(async {
            let given = Given {
                authorities,
                dialect: by.dialect,
                deviations,
                ..self.given(now, out)?
            };
            let run = PushRun::begin(given)
                .await
                .map_err(PushEndpointError::Preflight)?;
            let mut progress = Progress::to(out);
            let cases = course::judged(&run, chosen, &mut progress).await;
            let cases = cases.ok_or(PushEndpointError::Interrupted)?;
            Ok((run, cases, progress))
        });
        let (run, cases, progress) = judged.map_err(Preflight::PushEndpoint)?;
        progress.end()?;
        Ok(Results {
            role: Role::PushEndpoint {
                url: run.url().to_string(),
            },
            issuer: run.issuer().to_owned(),
            profiles: by.profiles,
            seed: 0,
            strictness: self.reports.strictness(),
            cases,
            left_behind: Vec::new(),
            discovery: Vec::new(),
            began: now,
            took: began.elapsed(),
        })
    }

    /// Has the issuer served, and leaves what has to be trusted where the Receiver finds it.
    fn served(&self) -> Result<Issuer, PushEndpointError> {
        let security = match &self.ca_out {
            Some(_) => Security::OwnAuthority,
            None => Security::Plain,
        };
        let issuer = Issuer::serve(self.serve, self.issuer.as_deref(), security);
        let issuer = issuer.map_err(PushEndpointError::Issuer)?;
        if let (Some(path), Some(root)) = (&self.ca_out, issuer.root()) {
            let unwritten = |error| PushEndpointError::Authority(path.clone(), error);
            fs::write(path, root).map_err(unwritten)?;
        }
        Ok(issuer)
    }

    /// Has the issuer served, if that is wanted, and tells what the Receiver has to trust.
    fn given(&self, now: SystemTime, out: &mut dyn Write) -> Result<Given, PushEndpointError> {
        let authorization = secret("--authorization-env", self.authorization_env.as_deref())?;
        let key = secret("--signing-key-env", self.signing_key_env.as_deref())?;
        let signer = if let (Some(pem), Some(issuer)) = (key, &self.issuer) {
            let key = Key::from_pem(&pem, self.kid.as_deref()).map_err(PushEndpointError::Key)?;
            let issuer = issuer.clone();
            Signer::Trusted { issuer, key }
        } else {
            Signer::Served(self.served()?)
        };
        // What cannot be told does not keep the run from beginning; the next line that is written fails it.
        let _ = writeln!(
            out,
            "the receiver has to trust the issuer {} and take SETs for {}\n",
            signer.issuer(),
            self.audience
        );
        Ok(Given {
            subject: self.subject.0.clone(),
            authorization,
            request: Duration::from_secs(self.connection.timeout),
            patience: Duration::from_secs(self.wait),
            run_id: beginning::number(now),
            ..Given::new(&self.url, signer, &self.audience)
        })
    }
}

fn secret(
    option: &'static str,
    variable: Option<&str>,
) -> Result<Option<String>, PushEndpointError> {
    let Some(variable) = variable else {
        return Ok(None);
    };
    match env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(_) => Err(PushEndpointError::Secret {
            option,
            variable: variable.to_owned(),
        }),
    }
}

//! `transmitter`: judges a transmitter by all cases that fit.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;

use super::{
    Preflight, beginning,
    catalogue::{SelectionArgs, write_line},
    course::{self, Progress},
    reports::Reports,
    runtime_of_several,
};
use crate::{
    authority::{Authority, AuthorityFileError},
    case::{Case, Profile},
    cases,
    named_file::{FileError, read_capped},
    report::Conclusion,
    results::{Results, Role},
    run::{Given, Outset, PreflightError, Run, judge},
    target_file::{FromEnvironment, Limits, Secrets, TargetFile, TargetFileError},
};

/// Which transmitter is meant, and what is needed to ask it.
#[derive(Args, Debug)]
pub(super) struct TargetArgs {
    /// The issuer, byte for byte as its metadata has it; http is for loopback addresses only.
    #[arg(long, value_name = "URL", required_unless_present = "target")]
    pub(super) issuer: Option<String>,
    /// File that describes the target, in TOML; other options count more.
    #[arg(long, value_name = "FILE")]
    pub(super) target: Option<PathBuf>,
    /// Environment variable that holds a token with which streams can be managed.
    #[arg(long, value_name = "VARIABLE")]
    pub(super) token_env: Option<String>,
    /// PEM file with certificate authorities to trust besides those of this machine.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_certificates: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Transmitter {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Repeats the chance of an earlier run.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Tells which cases would be run, and asks nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reports: Reports,
}

/// What a run judges by.
struct Chosen {
    cases: Vec<&'static Case>,
    profiles: Vec<Profile>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TransmitterError {
    #[error(transparent)]
    File(FileError),
    #[error(transparent)]
    TargetFile(TargetFileError),
    #[error("push.authority cannot be used")]
    Authority(#[source] AuthorityFileError),
    #[error("--push-endpoint is for the target file of a receiver")]
    PushEndpoint,
    #[error("no case fits; see ssf-conformance list")]
    NothingChosen,
    #[error(transparent)]
    Preflight(PreflightError),
    #[error("interrupted; what the run had made is deleted again")]
    Interrupted,
}

impl TargetArgs {
    /// All that a run is given.
    pub(super) fn given(&self) -> Result<Given, TransmitterError> {
        given(self.file()?)
    }

    /// The target as the file has it, and the options.
    fn file(&self) -> Result<TargetFile, TransmitterError> {
        let mut file = match (&self.target, &self.issuer) {
            (Some(path), _) => {
                let toml = read_capped(path).map_err(TransmitterError::File)?;
                TargetFile::parse(&toml).map_err(TransmitterError::TargetFile)?
            }
            (None, issuer) => TargetFile::of(issuer.clone().unwrap_or_default()),
        };
        if let Some(issuer) = &self.issuer {
            file.issuer.clone_from(issuer);
        }
        if let Some(env) = self.token_env.clone() {
            file.credentials.token = Some(FromEnvironment { env });
        }
        if let Some(path) = &self.ca_certificates {
            file.ca_certificates = Some(path.clone());
        }
        Ok(file)
    }
}

impl Transmitter {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let file = self.target.file().map_err(Preflight::Transmitter)?;
        let chosen = self.chosen(&file).map_err(Preflight::Transmitter)?;
        course::reported(&self.reports, out, |told| {
            let written = self.write_outset(&file, &chosen.cases, told);
            written.map_err(Preflight::Output)?;
            if self.dry_run {
                // With it a transmitter can be told whom to trust before it is judged.
                push_authority(&file).map_err(Preflight::Transmitter)?;
                return Ok(None);
            }
            self.judge(file, chosen, told).map(Some)
        })
    }

    fn chosen(&self, file: &TargetFile) -> Result<Chosen, TransmitterError> {
        let selection = self.selection.selection_of(&file.profiles);
        let cases: Vec<_> = selection.of(cases::transmitter()).collect();
        if cases.is_empty() {
            return Err(TransmitterError::NothingChosen);
        }
        let profiles = selection.profiles;
        Ok(Chosen { cases, profiles })
    }

    /// Tells how long it will take at most, and with `--dry-run` what would be done.
    fn write_outset(
        &self,
        file: &TargetFile,
        chosen: &[&'static Case],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let limits = &file.limits;
        let (count, streams) = (chosen.len(), limits.streams);
        let run = || chosen.iter().filter(|case| case.unmet(file).is_none());
        // Cases run beside one another, each with streams of its own.
        let waits = |wait: fn(&Case, &Limits) -> Duration| {
            let waits = run().map(|case| wait(case, limits) * case.streams_of(streams));
            (waits.sum::<Duration>() / streams.max(1)).as_secs()
        };
        let (least, most) = (waits(Case::waits_at_least), waits(Case::waits_at_most));
        writeln!(
            out,
            "{count} cases, as many at once as {streams} streams allow: they wait for about {least} s if everything comes at once, and \
             for up to {most} s if nothing does"
        )?;
        writeln!(
            out,
            "a case that does not wait has to end within {} s",
            limits.case_seconds
        )?;
        if self.dry_run {
            for case in chosen {
                write_line(case, out)?;
                let deadline = case.deadline(limits).as_secs();
                match case.unmet(file) {
                    Some(reason) => writeln!(out, "    not run: {reason}")?,
                    None => writeln!(out, "    within {deadline} s")?,
                }
            }
        }
        writeln!(out)
    }

    fn judge(
        &self,
        file: TargetFile,
        chosen: Chosen,
        out: &mut dyn Write,
    ) -> Result<Results, Preflight> {
        let given = given(file).map_err(Preflight::Transmitter)?;
        let now = beginning::now();
        let outset = self.outset(now);
        let began = Instant::now();
        let mut progress = Progress::to(out);
        let (run, cases, left_behind, interrupted) = runtime_of_several()?
            .block_on(async {
                let run = Run::begin(given, outset)
                    .await
                    .map_err(TransmitterError::Preflight)?;
                let mut interrupted = false;
                let told = |result: &_| progress.tell(result);
                let stop = beginning::ctrl_c(&mut interrupted);
                let cases = judge(&run, &chosen.cases, told, stop).await;
                let left_behind = run.clean_up().await;
                Ok::<_, TransmitterError>((Arc::clone(&run), cases, left_behind, interrupted))
            })
            .map_err(Preflight::Transmitter)?;
        progress.end()?;
        if interrupted && left_behind.is_empty() {
            return Err(Preflight::Transmitter(TransmitterError::Interrupted));
        }
        Ok(Results {
            role: Role::Transmitter,
            issuer: run.target().issuer.clone(),
            profiles: chosen.profiles,
            seed: outset.seed,
            strictness: self.reports.strictness(),
            cases,
            left_behind,
            discovery: run
                .discovery()
                .exchanges()
                .map(|exchange| run.masks().mask_exchange(exchange.clone()))
                .collect(),
            began: now,
            took: began.elapsed(),
        })
    }

    fn outset(&self, now: SystemTime) -> Outset {
        let run_id = beginning::number(now);
        Outset {
            // Short enough to be typed.
            seed: self.seed.unwrap_or(run_id % 1_000_000),
            run_id: run_id ^ u64::from(std::process::id()),
        }
    }
}

fn given(file: TargetFile) -> Result<Given, TransmitterError> {
    let secrets = Secrets::from_environment(&file).map_err(TransmitterError::TargetFile)?;
    let authorities = match &file.ca_certificates {
        Some(path) => Some(
            read_capped(path)
                .map_err(TransmitterError::File)?
                .into_bytes(),
        ),
        None => None,
    };
    let push_authority = push_authority(&file)?;
    Ok(Given {
        file,
        secrets,
        authorities,
        push_authority,
    })
}

/// The authority that vouches for where the tester takes pushes.
fn push_authority(file: &TargetFile) -> Result<Option<Arc<Authority>>, TransmitterError> {
    let files = file.push.as_ref().and_then(|push| push.authority.as_ref());
    let kept = files.map(|files| Authority::kept_in(&files.certificate, &files.key));
    let authority = kept.transpose().map_err(TransmitterError::Authority)?;
    Ok(authority.map(Arc::new))
}

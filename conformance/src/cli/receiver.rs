//! `receiver`: judges a Receiver that has its stream at the tester.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use clap::Args;
use url::Url;

use super::{
    Preflight, beginning,
    catalogue::{SelectionArgs, write_lines},
    course::{self, Progress},
    dialect::{self, By, DialectError},
    reports::Reports,
    runtime_of_several,
};
use crate::{
    case::Case,
    cases,
    named_file::{FileError, read_capped},
    peer::host::{Host, HostError, Settings},
    push::{Adapter, Dialect, Effects, OverStream, PreflightError, PushRun},
    receiver_file::ReceiverFile,
    report::Conclusion,
    results::{Results, Role},
    target_file::{AdapterAddress, TargetFileError, secret},
    wire::{self, Wire, WireError},
};

#[derive(Args, Debug)]
pub(super) struct Receiver {
    /// File that describes the receiver, in TOML.
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Tells which cases would be run, and serves nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reports: Reports,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiverError {
    #[error(transparent)]
    File(FileError),
    #[error(transparent)]
    TargetFile(TargetFileError),
    #[error("dialect")]
    Dialect(#[source] DialectError),
    #[error("--issuer and --token-env are for the target file of a transmitter")]
    OptionOfTransmitters,
    #[error("no case fits; see ssf-conformance list")]
    NothingChosen,
    #[error("the transmitter cannot be served")]
    Host(#[source] HostError),
    #[error("ca_out: {} cannot be written", .0.display())]
    Authority(PathBuf, #[source] io::Error),
    #[error("the adapters cannot be asked")]
    Wire(#[source] WireError),
    #[error(transparent)]
    Preflight(PreflightError),
    #[error("interrupted")]
    Interrupted,
}

impl Receiver {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let file = self.file().map_err(Preflight::Receiver)?;
        let (by, chosen) = self.chosen(&file).map_err(Preflight::Receiver)?;
        course::reported(&self.reports, out, |told| {
            if self.dry_run {
                write_lines(&chosen, told).map_err(Preflight::Output)?;
                return Ok(None);
            }
            self.judge(&file, by, &chosen, told).map(Some)
        })
    }

    fn file(&self) -> Result<ReceiverFile, ReceiverError> {
        let toml = read_capped(&self.target).map_err(ReceiverError::File)?;
        ReceiverFile::parse(&toml).map_err(ReceiverError::TargetFile)
    }

    /// The cases, by what they are, and in which dialect their SETs are.
    fn chosen(&self, file: &ReceiverFile) -> Result<(By, Vec<&'static Case>), ReceiverError> {
        let selection = self.selection.selection_of(&file.profiles);
        let dialect = dialect::of_run(&selection.profiles, file.dialect);
        let dialect = dialect.map_err(ReceiverError::Dialect)?;
        let chosen: Vec<_> = match dialect {
            Some(_) => selection.of(cases::in_dialect()).collect(),
            None => selection.of(cases::receiver()).collect(),
        };
        if chosen.is_empty() {
            return Err(ReceiverError::NothingChosen);
        }
        let profiles = selection.profiles;
        Ok((By { profiles, dialect }, chosen))
    }

    fn judge(
        &self,
        file: &ReceiverFile,
        by: By,
        chosen: &[&'static Case],
        out: &mut dyn Write,
    ) -> Result<Results, Preflight> {
        let (began, now) = (Instant::now(), beginning::now());
        let judged = runtime_of_several()?.block_on(async {
            let run = begin(file, by.dialect, now, out).await?;
            let mut progress = Progress::to(out);
            let cases = course::judged(&run, chosen, &mut progress).await;
            Ok((run, cases.ok_or(ReceiverError::Interrupted)?, progress))
        });
        let (run, cases, progress) = judged.map_err(Preflight::Receiver)?;
        progress.end()?;
        Ok(Results {
            role: Role::Receiver,
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
}

/// Serves the transmitter, tells what the Receiver has to be told, and waits for it.
async fn begin(
    file: &ReceiverFile,
    dialect: Option<Dialect>,
    now: SystemTime,
    out: &mut dyn Write,
) -> Result<Arc<PushRun>, ReceiverError> {
    let variable = &file.credentials.token.env;
    let token = secret("credentials.token", Some(variable)).map_err(ReceiverError::TargetFile)?;
    let wire = wire::Settings {
        timeout: file.limits.request(),
        extra_authorities: match &file.ca_certificates {
            Some(path) => Some(read_capped(path).map_err(ReceiverError::File)?.into_bytes()),
            None => None,
        },
    };
    let effects = effects(file, &wire)?;
    let host = Host::start(Settings {
        address: file.serve,
        public: file.public_url.clone(),
        security: file.security(),
        token: token.unwrap_or_default(),
        audience: file.audience.clone(),
        inactivity: file.limits.inactivity(),
        settle: file.limits.settle(),
        wire,
    });
    let host = host.map_err(ReceiverError::Host)?;
    if let (Some(path), Some(root)) = (&file.ca_out, host.root()) {
        leave(path, root)?;
    }
    // What cannot be told does not keep the run from beginning; the next line that is written fails it.
    let _ = writeln!(
        out,
        "the receiver has to make its stream at the issuer {} with the token in {variable}, and take SETs for {}\n",
        host.issuer(),
        file.audience
    );
    let _ = out.flush();
    let run = PushRun::over_stream(OverStream {
        host,
        effects,
        patience: file.limits.wait(),
        limits: file.limits.of_cases(),
        dialect,
        deviations: file.deviations.clone(),
        run_id: beginning::number(now),
    });
    run.await.map_err(ReceiverError::Preflight)
}

fn effects(
    file: &ReceiverFile,
    settings: &wire::Settings,
) -> Result<Option<Effects>, ReceiverError> {
    let adapters = &file.adapters;
    let Some(alive) = adapter("adapters.alive", adapters.alive.as_ref())? else {
        return Ok(None);
    };
    let nearby = Url::parse("http://127.0.0.1");
    let nearby = nearby.map_err(|_| ReceiverError::Wire(WireError::NoUrl))?;
    Ok(Some(Effects {
        register: adapter("adapters.register", adapters.register.as_ref())?,
        alive,
        wire: Wire::to(&nearby, settings).map_err(ReceiverError::Wire)?,
    }))
}

fn adapter(
    key: &'static str,
    address: Option<&AdapterAddress>,
) -> Result<Option<Adapter>, ReceiverError> {
    let Some(address) = address.cloned() else {
        return Ok(None);
    };
    let token = secret(key, address.token_env()).map_err(ReceiverError::TargetFile)?;
    Ok(Some(Adapter { address, token }))
}

fn leave(path: &Path, root: &str) -> Result<(), ReceiverError> {
    fs::write(path, root).map_err(|error| ReceiverError::Authority(path.to_owned(), error))
}

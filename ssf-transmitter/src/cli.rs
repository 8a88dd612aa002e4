//! The command line.
//!
//! Results go to standard output, one `name=value` per line, so that scripts can read them; everything else goes to
//! standard error. The exit code is 0 for success, 2 for a faulty configuration or command line, 74 if the disk did not
//! confirm a write (`store::failure`), 1 for all else.

mod api;
mod audit;
mod deliveries;
mod emit;
mod key;
mod ledger;
mod moment;
mod operator;
mod receiver;
mod restored;
mod serve;
mod source;
mod stream;
mod trace;

use std::{
    error::Error,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use ssf_types::error::Chain;

use crate::config::{Config, ConfigError, Layers};

/// The configuration file that is read if it is there.
const CONFIG_DEFAULT: &str = "ssf-transmitter.toml";

/// Longest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Exit code for a faulty configuration; clap uses the same for a faulty command line.
const EXIT_USAGE: u8 = 2;

/// Transmits security events as an OpenID Shared Signals Framework 1.0 transmitter.
#[derive(Debug, Parser)]
#[command(name = "ssf-transmitter", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves: manages streams, takes events, delivers SETs.
    Serve(SettingArgs),
    /// Registers Receivers; works on the database, also while the server runs.
    #[command(subcommand)]
    Receiver(receiver::Command),
    /// Keeps the keys that sign SETs; works on the database, also while the server runs.
    #[command(subcommand)]
    Key(key::Command),
    /// Says who hands in events; works on the database, also while the server runs.
    #[command(subcommand)]
    Source(source::Command),
    /// Looks after the streams of all Receivers over HTTP, with an operator's token.
    #[command(subcommand)]
    Stream(stream::Command),
    /// Lists deliveries and has settled ones sent once more, over HTTP, with an operator's token.
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Tells what has become of an event, over HTTP, with an operator's token.
    Trace(trace::TraceArgs),
    /// Says who looks after the transmitter; works on the database, also while the server runs.
    #[command(subcommand)]
    Operator(operator::Command),
    /// Shows the audit log and checks that nobody edited it; works on the database, also while the server runs.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Prints what was counted, and exits with 1 unless it balances; works on the database, also while the server runs.
    Ledger(SettingArgs),
    /// Says that the database was restored from a backup: the numbers of streams that have them belong to another epoch from then on.
    Restored(SettingArgs),
    /// Hands in one event over HTTP.
    Emit(Box<emit::EmitArgs>),
}

/// Settings that can stand on the command line; they override the environment and the file.
#[derive(Args, Debug)]
struct SettingArgs {
    /// Configuration file (TOML) [default: ssf-transmitter.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SSF_TRANSMITTER_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on; port 0 lets the system choose [default: 127.0.0.1:8411]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Issuer, an https URL [default: the loopback address that is listened on]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    #[arg(
        long,
        value_name = "URL",
        help = "sqlite://PATH or postgres://HOST/DATABASE [default: sqlite://ssf-transmitter.db]"
    )]
    database_url: Option<String>,
    /// File with the encryption key, mode 600 [default: the database's name with .key]
    #[arg(long, value_name = "FILE")]
    encryption_key_file: Option<String>,
    /// How log lines look: text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// Settings cannot be had.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("the configuration file {} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Faults(ConfigError),
}

impl SettingArgs {
    fn read(self) -> Result<Config, SettingsError> {
        let mut layers = Layers::default();
        if let Some((path, text)) = config_file(self.config)? {
            layers = layers.file(&path, &text);
        }
        let layers = layers
            .environment(std::env::vars_os())
            .flag("--listen", "listen", self.listen)
            .flag("--issuer", "issuer", self.issuer)
            .flag("--database-url", "database_url", self.database_url)
            .flag(
                "--encryption-key-file",
                "encryption_key_file",
                self.encryption_key_file,
            )
            .flag("--log-format", "log_format", self.log_format);
        Config::read(layers).map_err(SettingsError::Faults)
    }
}

/// The named file, which must be there, or the default one if it is there.
fn config_file(named: Option<PathBuf>) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let (path, must_exist) = match named {
        Some(path) => (path, true),
        None => (PathBuf::from(CONFIG_DEFAULT), false),
    };
    match read_capped(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => Ok(None),
        Err(error) => Err(SettingsError::File(path, error)),
    }
}

fn read_capped(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(CONFIG_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(text)
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = match error.downcast_ref::<SettingsError>() {
                Some(_) => EXIT_USAGE,
                None => 1,
            };
            // There is nobody left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "error: {}", Chain(error.as_ref()));
            ExitCode::from(code)
        }
    }
}

type Outcome = Result<(), Box<dyn Error>>;

fn execute(command: Command) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(settings) => serve::serve(settings.read()?).await,
            Command::Receiver(command) => receiver::execute(command).await,
            Command::Key(command) => key::execute(command).await,
            Command::Stream(command) => Box::pin(stream::execute(command)).await,
            Command::Deliveries(command) => Box::pin(deliveries::execute(command)).await,
            Command::Trace(arguments) => Box::pin(trace::execute(arguments)).await,
            Command::Source(command) => Box::pin(source::execute(command)).await,
            Command::Operator(command) => Box::pin(operator::execute(command)).await,
            Command::Audit(command) => audit::execute(command).await,
            Command::Ledger(settings) => ledger::execute(settings).await,
            Command::Restored(settings) => restored::execute(settings).await,
            Command::Emit(arguments) => emit::emit(*arguments).await,
        }
    })
}

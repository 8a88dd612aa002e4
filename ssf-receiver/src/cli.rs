//! The command line of the program.
//!
//! Results go to standard output, one `name=value` per line; everything else goes to standard error. The exit code is 0 for
//! success, 2 for a faulty configuration or command line, 1 for all else.

mod accept_loss;
mod chosen;
mod config;
mod doctor;
mod listen;
mod rotate_push_secret;
mod serve;
mod shown;
mod stream;

use std::{
    error::Error,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use ssf_types::error::Chain;

use crate::config::{ChoiceError, Config, ConfigError, Layers};

/// The configuration file that is read if it is there.
const CONFIG_DEFAULT: &str = "ssf-receiver.toml";

/// Longest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Exit code for a faulty configuration; clap uses the same for a faulty command line.
const EXIT_USAGE: u8 = 2;

/// Receives security events as an OpenID Shared Signals Framework 1.0 receiver, and says which sessions they end.
#[derive(Debug, Parser)]
#[command(name = "ssf-receiver", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves: sets up the stream, takes SETs, and keeps what they revoke.
    Serve(SettingArgs),
    /// Manages streams at the transmitter, whether the program serves meanwhile or not.
    #[command(subcommand)]
    Stream(stream::Command),
    /// Makes a stream for a developer, hands what comes to an application, and deletes the stream when it is interrupted.
    Listen(listen::ListenArgs),
    /// Looks at all that has to be right for events to arrive, and says what to do where it is not.
    Doctor(doctor::DoctorArgs),
    /// Looks no longer for SETs of a transmitter that are missing; where the database is an SQLite file, while nothing serves.
    AcceptLoss(chosen::ChosenArgs),
    /// Has the secret changed that a transmitter pushes with, by whoever serves; where the database is an SQLite file, while nothing
    /// serves: the next start does it.
    RotatePushSecret(chosen::ChosenArgs),
    /// Works on the configuration, and on nothing else.
    #[command(subcommand)]
    Config(config::Command),
}

/// Settings that can stand on the command line; they override the environment and the file.
#[derive(Args, Debug)]
struct SettingArgs {
    /// Configuration file (TOML) [default: ssf-receiver.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SSF_RECEIVER_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port for SETs; port 0 lets the system choose [default: 127.0.0.1:8412]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Address and port for probes and metrics [default: 127.0.0.1:8413]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_admin: Option<String>,
    #[arg(
        long,
        value_name = "URL",
        help = "sqlite://PATH [default: sqlite://ssf-receiver.db]"
    )]
    database_url: Option<String>,
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
    #[error(transparent)]
    Choice(ChoiceError),
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
            .flag("--listen-admin", "listen_admin", self.listen_admin)
            .flag("--database-url", "database_url", self.database_url)
            .flag("--log-format", "log_format", self.log_format);
        Config::read(layers).map_err(SettingsError::Faults)
    }
}

/// The named file, which must be there, or the default one if it is there.
fn config_file(named: Option<PathBuf>) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| CONFIG_DEFAULT.into());
    match read_capped(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) => Err(SettingsError::File(path, error)),
    }
}

fn read_capped(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    file.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(text)
}

type Outcome = Result<(), Box<dyn Error>>;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let Err(error) = execute(Cli::parse().command) else {
        return ExitCode::SUCCESS;
    };
    // There is nobody left to tell if standard error is gone.
    let _ = writeln!(io::stderr(), "error: {}", Chain(error.as_ref()));
    match error.downcast_ref::<SettingsError>() {
        Some(_) => ExitCode::from(EXIT_USAGE),
        None => ExitCode::FAILURE,
    }
}

fn execute(command: Command) -> Outcome {
    match command {
        Command::Config(command) => config::execute(command),
        Command::Stream(command) => by_itself(stream::execute(command)),
        Command::AcceptLoss(arguments) => by_itself(accept_loss::execute(arguments)),
        Command::RotatePushSecret(arguments) => by_itself(rotate_push_secret::execute(arguments)),
        Command::Listen(arguments) => by_itself(listen::execute(arguments)),
        Command::Doctor(arguments) => by_itself(doctor::examine(arguments)),
        Command::Serve(settings) => {
            let config = settings.read()?;
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.enable_all().build()?;
            runtime.block_on(serve::serve(config))
        }
    }
}

/// Runs a command that does one thing after the other.
fn by_itself(command: impl Future<Output = Outcome>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(command)
}

/// Writes one result, at once: whoever reads it may be waiting.
fn tell(name: &str, value: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{name}={value}")?;
    out.flush()
}

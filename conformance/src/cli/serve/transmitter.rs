//! `serve transmitter`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{
    ChaosArgs, KeyArgs, SecurityArgs, ServeError, at_intervals, authority, certificates,
    printed_until, token,
};
use crate::{
    cli::{Preflight, runtime_of_several},
    peer::chaos::{Account, Chosen, Journal, Peers, Served, Settings},
    report::Conclusion,
};

#[derive(Args, Debug)]
pub(in crate::cli) struct Transmitter {
    #[command(flatten)]
    chaos: ChaosArgs,
    #[command(flatten)]
    security: SecurityArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8414")]
    listen: SocketAddr,
    /// The origin under which the receiver finds it, if that is another one; the issuer is that and /tenant.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// What SETs are made out to.
    #[arg(
        long,
        value_name = "AUDIENCE",
        default_value = "https://receiver.example.com"
    )]
    audience: String,
    /// Environment variable with the token that the receiver shows; without it, the token is the word receiver.
    #[arg(long, value_name = "VARIABLE")]
    token_env: Option<String>,
    /// Seconds from one event to the next; with 0, events happen by POST /hook/emit alone.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3600))]
    every: u64,
    /// Ends after so many events, once every SET has its answer.
    #[arg(long, value_name = "NUMBER")]
    events: Option<u64>,
    /// For how long SETs may be without an answer in the end, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    settle: u64,
    /// PEM file with certificate authorities to trust besides those of this machine, where it pushes to.
    #[arg(long, value_name = "FILE")]
    ca_certificates: Option<PathBuf>,
}

/// The token where none is given: there is nothing to protect.
const TOKEN: &str = "receiver";

impl Transmitter {
    pub(in crate::cli) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let (settings, chosen) = self.settings().map_err(Preflight::Serve)?;
        let served = runtime_of_several()?.block_on(self.serve(&settings, &chosen, out));
        let account = served?;
        account.write_text(out).map_err(Preflight::Output)?;
        Ok(if account.is_coped_with() {
            Conclusion::Conformant
        } else {
            Conclusion::NonConformant
        })
    }

    fn settings(&self) -> Result<(Settings, Chosen), ServeError> {
        let chosen = self.chaos.chosen(Peers::Transmitter)?;
        let settings = Settings {
            address: self.listen,
            public: self.public_url.clone(),
            authority: authority(&self.security, &self.key)?,
            token: match &self.token_env {
                Some(variable) => token(variable)?,
                None => TOKEN.to_owned(),
            },
            audience: self.audience.clone(),
            authorities: certificates(self.ca_certificates.as_ref())?,
            chosen: chosen.clone(),
        };
        Ok((settings, chosen))
    }

    async fn serve(
        &self,
        settings: &Settings,
        chosen: &Chosen,
        out: &mut dyn Write,
    ) -> Result<Account, Preflight> {
        let (journal, mut lines) = Journal::open();
        let left_out = journal.clone();
        let served = Served::start(settings, journal).map_err(ServeError::Transmitter);
        let served = served.map_err(Preflight::Serve)?;
        self.write_outset(&served, chosen, out)
            .map_err(Preflight::Output)?;
        let every = (self.every > 0).then(|| Duration::from_secs(self.every));
        let serving = async {
            at_intervals(every, self.events, || served.event()).await;
            served.settle(Duration::from_secs(self.settle)).await
        };
        let account = printed_until(&mut lines, out, serving).await;
        if left_out.left_out() > 0 {
            let told = writeln!(out, "{} lines were left out", left_out.left_out());
            told.map_err(Preflight::Output)?;
        }
        account.map_err(Preflight::Output)
    }

    fn write_outset(
        &self,
        served: &Served,
        chosen: &Chosen,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let issuer = served.issuer();
        let origin = issuer.trim_end_matches("/tenant");
        writeln!(out, "issuer {issuer}")?;
        match &self.token_env {
            Some(variable) => writeln!(out, "token  what {variable} holds")?,
            None => writeln!(out, "token  {TOKEN}")?,
        }
        if let Some(path) = &self.security.ca_out {
            writeln!(out, "trust  {}", path.display())?;
        }
        writeln!(out, "events POST {origin}/hook/emit")?;
        super::write_again(chosen, out)
    }
}

//! `serve receiver`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{ChaosArgs, ServeError, certificates, printed_until, token};
use crate::{
    authority::Authority,
    cli::{Preflight, beginning, runtime_of_several},
    peer::chaos::{Chosen, Given, Journal, Peers, Receipts, Receiving, Taking},
    report::Conclusion,
    target_file::{PushSettings, TargetFile},
    wire,
};

/// How SETs come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Delivery {
    Push,
    Poll,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Receiver {
    /// The issuer of the transmitter; http is for loopback addresses only.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// Environment variable that holds a token with which streams can be managed.
    #[arg(long, value_name = "VARIABLE")]
    token_env: String,
    /// How SETs come.
    #[arg(long, value_enum, default_value = "poll")]
    delivery: Delivery,
    #[command(flatten)]
    chaos: ChaosArgs,
    /// A type of events to ask for; those of the CAEP interoperability profile, unless some are given.
    #[arg(long = "event", value_name = "URI")]
    events: Vec<String>,
    /// Somebody to add to the stream, as JSON.
    #[arg(long = "subject", value_name = "JSON", value_parser = subject)]
    subjects: Vec<Value>,
    /// Where it is pushed to; any port of 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How the transmitter gets there, if that is another URL.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Is pushed to over https: what has to be trusted is in this file, and made if --ca-key is not there yet.
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca_out: Option<PathBuf>,
    /// The private key of that authority.
    #[arg(long, value_name = "FILE", requires = "ca_out")]
    ca_key: Option<PathBuf>,
    /// Ends once so many SETs have an answer: acknowledged, refused by chance, or found not to be sound.
    #[arg(long, value_name = "NUMBER")]
    sets: Option<usize>,
    /// For how long what was put off is waited for in the end, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    settle: u64,
    /// PEM file with certificate authorities to trust besides those of this machine.
    #[arg(long, value_name = "FILE")]
    ca_certificates: Option<PathBuf>,
}

fn subject(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("a subject is a JSON object".to_owned()),
        Err(error) => Err(format!("a subject is a JSON object: {error}")),
    }
}

impl Receiver {
    pub(in crate::cli) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let chosen = self
            .chaos
            .chosen(Peers::Receiver)
            .map_err(Preflight::Serve)?;
        let given = self.given(&chosen).map_err(Preflight::Serve)?;
        let receipts = runtime_of_several()?.block_on(self.serve(given, &chosen, out))?;
        receipts.write_text(out).map_err(Preflight::Output)?;
        Ok(if receipts.is_coped_with() {
            Conclusion::Conformant
        } else {
            Conclusion::NonConformant
        })
    }

    fn given(&self, chosen: &Chosen) -> Result<Given, ServeError> {
        let mut events = self.events.clone();
        if events.is_empty() {
            events = TargetFile::of(&self.issuer).events;
        }
        let wire = wire::Settings {
            extra_authorities: certificates(self.ca_certificates.as_ref())?,
            ..wire::Settings::default()
        };
        Ok(Given {
            issuer: self.issuer.clone(),
            token: token(&self.token_env)?,
            taking: self.taking()?,
            events,
            subjects: self.subjects.clone(),
            wire,
            chosen: chosen.clone(),
        })
    }

    fn taking(&self) -> Result<Taking, ServeError> {
        if self.delivery == Delivery::Poll {
            return Ok(Taking::Polls);
        }
        let authority = match (&self.ca_out, &self.ca_key) {
            (Some(certificate), Some(key)) => {
                let kept = Authority::kept_in(certificate, key);
                Some(Arc::new(kept.map_err(ServeError::AuthorityKey)?))
            }
            _ => None,
        };
        let settings = PushSettings {
            listen: self.listen,
            url: self.public_url.clone(),
            authority: None,
        };
        Ok(Taking::Pushes(settings, authority))
    }

    async fn serve(
        &self,
        given: Given,
        chosen: &Chosen,
        out: &mut dyn Write,
    ) -> Result<Receipts, Preflight> {
        let (journal, mut lines) = Journal::open();
        let receiving = Receiving::start(given, journal).await;
        let receiving = receiving.map_err(|error| Preflight::Serve(ServeError::Receiver(error)))?;
        write_outset(&receiving, chosen, out).map_err(Preflight::Output)?;
        let serving = async {
            receiving.verify().await;
            let mut interrupted = false;
            let enough =
                |receipts: &Receipts| self.sets.is_some_and(|sets| receipts.settled() >= sets);
            tokio::select! {
                _ = receiving.until(Duration::MAX, enough) => {}
                () = beginning::ctrl_c(&mut interrupted) => {}
            }
            receiving.end(Duration::from_secs(self.settle)).await
        };
        let receipts = printed_until(&mut lines, out, serving).await;
        receipts.map_err(Preflight::Output)
    }
}

fn write_outset(receiving: &Receiving, chosen: &Chosen, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "stream {}",
        crate::printable::printable(receiving.stream_id())
    )?;
    super::write_again(chosen, out)
}

//! `doctor`: looks at all that a run needs, and judges nothing.

use std::io::Write;

use clap::Args;

use super::{
    Preflight, dialect,
    receiver::ReceiverError,
    runtime_of_several,
    transmitter::{TargetArgs, TransmitterError},
};
use crate::{
    doctor::{Finding, State, of_receiver, of_transmitter},
    named_file::read_capped,
    receiver_file::ReceiverFile,
    report::Conclusion,
};

#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[command(flatten)]
    target: TargetArgs,
    /// The push endpoint of the receiver that --target describes, to look at as well.
    #[arg(
        long,
        value_name = "URL",
        requires = "target",
        conflicts_with = "issuer"
    )]
    push_endpoint: Option<String>,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let findings = if let Some(file) = self.receiver()? {
            let mut findings = vec![in_dialect(&file)];
            let rest = of_receiver(&file, self.push_endpoint.as_deref());
            findings.extend(runtime_of_several()?.block_on(rest));
            findings
        } else {
            let given = self.target.given().map_err(Preflight::Transmitter)?;
            runtime_of_several()?.block_on(of_transmitter(&given))
        };
        for finding in &findings {
            writeln!(out, "{finding}").map_err(Preflight::Output)?;
        }
        out.flush().map_err(Preflight::Output)?;
        let faulty = findings
            .iter()
            .filter(|one| matches!(one.state, State::Faulty(_)));
        match faulty.count() {
            0 => Ok(Conclusion::Conformant),
            count => Err(Preflight::ToFix(count)),
        }
    }

    /// The target file, if it is of a Receiver.
    fn receiver(&self) -> Result<Option<ReceiverFile>, Preflight> {
        let Some(path) = &self.target.target else {
            return Ok(None);
        };
        let toml = read_capped(path).map_err(ReceiverError::File);
        let toml = toml.map_err(Preflight::Receiver)?;
        if !ReceiverFile::is_one(&toml) {
            return match self.push_endpoint {
                Some(_) => Err(Preflight::Transmitter(TransmitterError::PushEndpoint)),
                None => Ok(None),
            };
        }
        let file = ReceiverFile::parse(&toml).map_err(ReceiverError::TargetFile);
        let mut file = file.map_err(Preflight::Receiver)?;
        if self.target.issuer.is_some() || self.target.token_env.is_some() {
            return Err(Preflight::Receiver(ReceiverError::OptionOfTransmitters));
        }
        if let Some(path) = &self.target.ca_certificates {
            file.ca_certificates = Some(path.clone());
        }
        Ok(Some(file))
    }
}

/// Whether it is clear how its SETs are written.
fn in_dialect(file: &ReceiverFile) -> Finding {
    let state = match dialect::of_run(&file.profiles, file.dialect) {
        Ok(None) => State::Absent("none: SETs are those of SSF 1.0".to_owned()),
        Ok(Some(dialect)) => State::Fine(dialect.as_str().to_owned()),
        Err(error) => State::Faulty(error.to_string()),
    };
    Finding {
        of: "dialect".to_owned(),
        state,
    }
}

//! `doctor`: looks at all that a run against a transmitter needs, and judges nothing.

use std::io::Write;

use clap::Args;

use super::{Preflight, runtime_of_several, transmitter::TargetArgs};
use crate::{
    doctor::{State, of_transmitter},
    report::Conclusion,
};

#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[command(flatten)]
    target: TargetArgs,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let given = self.target.given().map_err(Preflight::Transmitter)?;
        let findings = runtime_of_several()?.block_on(of_transmitter(&given));
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
}

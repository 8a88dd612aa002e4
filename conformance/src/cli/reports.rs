//! The reports of a run besides that on the terminal, and the output that goes with them.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::Preflight;
use crate::{
    printable::printable_json,
    results::{Results, Strictness},
};

/// Where reports go, and what fails a run.
#[derive(Args, Debug)]
pub(super) struct Reports {
    /// Lets a broken SHOULD fail the run as well.
    #[arg(long)]
    strict: bool,
    /// Writes the report as JSON into this file; - is standard output, which then has nothing else.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report as `JUnit` XML into this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes the report as one HTML page into this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Reports {
    pub(super) fn strictness(&self) -> Strictness {
        if self.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        }
    }

    /// Whether standard output is for the report alone.
    pub(super) fn has_output_alone(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    pub(super) fn write(&self, results: &Results, out: &mut dyn Write) -> Result<(), Preflight> {
        if let Some(path) = &self.json {
            let json = printable_json(&results.to_json());
            if self.has_output_alone() {
                writeln!(out, "{json}").map_err(Preflight::Output)?;
            } else {
                fs::write(path, json).map_err(|error| unwritten(path, error))?;
            }
        }
        if let Some(path) = &self.junit {
            write_file(path, |file| results.write_junit(file))?;
        }
        if let Some(path) = &self.html {
            write_file(path, |file| results.write_html(file))?;
        }
        Ok(())
    }
}

fn write_file(
    path: &Path,
    report: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Preflight> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        report(&mut file)?;
        file.flush()
    });
    written.map_err(|error| unwritten(path, error))
}

fn unwritten(path: &Path, error: io::Error) -> Preflight {
    Preflight::Report(path.to_owned(), error)
}

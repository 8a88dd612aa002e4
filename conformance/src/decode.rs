//! One token, taken apart: its header, its claims, and what each check of the SET profile says of it.
//!
//! ```
//! use ssf_conformance::{decode::Decoding, report::Conclusion};
//! use ssf_types::set::inspect::Inspector;
//!
//! let inspection = Inspector::default().inspect(b"eyJhbGciOiJub25lIn0.e30.");
//! assert_eq!(Decoding::new(inspection).conclusion(), Conclusion::NonConformant);
//! ```

pub(crate) mod layout;

use std::io::{self, Write};

use serde_json::{Value, json};
use ssf_types::{
    dialect::{Dialect, Recognised},
    error::Chain,
    set::{
        SetError,
        inspect::{Check, Inspection, Verdict},
    },
};

use crate::{printable::printable, report::Conclusion};

/// Most dialects that a hint names.
const HINTS_MAX: usize = 3;

/// The requirement that each check stands for, in the catalogue that the checks of the metadata cite as well.
const REQUIREMENTS: [(Check, &str); 21] = [
    (Check::Form, "PUSH-R-009"),
    (Check::Header, "PUSH-R-009"),
    (Check::Typ, "SET-001"),
    (Check::NoKeyInHeader, "SET-030"),
    (Check::NoCriticalExtension, "PUSH-R-001"),
    (Check::Alg, "SET-029"),
    (Check::Kid, "SET-030"),
    (Check::Claims, "SET-025"),
    (Check::Iss, "SET-009"),
    (Check::Signature, "SET-030"),
    (Check::Aud, "SET-013"),
    (Check::NoSub, "SET-002"),
    (Check::NoExp, "SET-003"),
    (Check::Jti, "SET-020"),
    (Check::Iat, "SET-022"),
    (Check::Txn, "SET-027"),
    (Check::Toe, "SET-026"),
    (Check::SubId, "SET-004"),
    (Check::Event, "SET-024"),
    (Check::SubjectSuitsEvent, "SSF-T-226"),
    (Check::NotInFuture, "SET-022"),
];

/// What was found in one token.
///
/// Printing it for debugging shows the results and nothing of the token.
#[derive(Clone, Debug)]
pub struct Decoding {
    inspection: Inspection,
    recognised: Vec<Recognised>,
}

impl Decoding {
    /// Adds to an inspection which dialects would make sense of claims that SSF 1.0 refuses.
    pub fn new(inspection: Inspection) -> Self {
        let sound = inspection.verdict(Check::Claims) == Some(&Verdict::Passed);
        let claims = inspection.claims.as_deref().filter(|_| sound);
        let mut recognised = claims.map(Dialect::recognise).unwrap_or_default();
        recognised.truncate(HINTS_MAX);
        Self {
            inspection,
            recognised,
        }
    }

    /// Whether a check failed. What was not checked has not failed: see [`Inspection::findings`].
    pub fn conclusion(&self) -> Conclusion {
        match self.first_fault() {
            Some(_) => Conclusion::NonConformant,
            None => Conclusion::Conformant,
        }
    }

    /// What a Receiver reports of this token: the first fault.
    fn first_fault(&self) -> Option<&SetError> {
        self.inspection.faults().next().map(|(_, error)| error)
    }

    /// Writes everything for people; nothing in the token can steer their terminal.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        write_part(out, "header", self.inspection.header.as_deref())?;
        write_part(out, self.claims_title(), self.inspection.claims.as_deref())?;
        for (check, verdict) in &self.inspection.findings {
            let (word, detail) = (word(verdict), detail(verdict));
            let (requirement, section, rule) = (requirement(*check), check.section(), check.rule());
            writeln!(out, "{word:8} {requirement} {section}: {rule}")?;
            if let Some(detail) = detail {
                writeln!(out, "{:8} {}", "", printable(&detail))?;
            }
        }
        writeln!(out)?;
        self.write_hints(out)?;
        self.write_conclusion(out)
    }

    fn claims_title(&self) -> &'static str {
        match self.inspection.verdict(Check::Signature) {
            Some(Verdict::Passed) => "claims, as a key of the issuer signed them",
            Some(Verdict::Failed(_)) => {
                "claims, which nobody vouches for: the signature is not the issuer's"
            }
            _ => "claims, which nobody vouches for: the signature was not checked",
        }
    }

    fn write_hints(&self, out: &mut dyn Write) -> io::Result<()> {
        for Recognised {
            dialect,
            deviations,
            ..
        } in &self.recognised
        {
            writeln!(
                out,
                "hint: as {} ({}) the claims can be read:",
                dialect.name, dialect.title
            )?;
            for deviation in deviations {
                let (name, meaning, section) =
                    (deviation.as_str(), deviation.meaning(), deviation.section());
                writeln!(out, "      {name}: {meaning} ({section})")?;
            }
        }
        if self.recognised.is_empty() {
            Ok(())
        } else {
            writeln!(out)
        }
    }

    fn write_conclusion(&self, out: &mut dyn Write) -> io::Result<()> {
        let counts = ["passed", "failed", "note", "not run"]
            .map(|word| format!("{} {word}", self.count(word)));
        let counts = counts.join(", ");
        match self.first_fault() {
            Some(error) => {
                writeln!(
                    out,
                    "{counts}: a receiver refuses this token with {} ({})",
                    error.code(),
                    printable(&Chain(error).to_string())
                )
            }
            None => writeln!(out, "{counts}: no check failed"),
        }
    }

    fn count(&self, wanted: &str) -> usize {
        let counted = |(_, verdict): &&(Check, Verdict)| word(verdict) == wanted;
        self.inspection.findings.iter().filter(counted).count()
    }

    /// Everything for programs. Members are added in later versions, never changed.
    ///
    /// `header` and `claims` are the JSON texts as they stood: reading them would hide a member that stands twice.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.inspection.findings.iter().map(finding_json).collect();
        let dialects: Vec<Value> = self.recognised.iter().map(recognised_json).collect();
        let mut report = json!({
            "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
            "command": "decode",
            "conformant": self.conclusion() == Conclusion::Conformant,
            "header": self.inspection.header,
            "claims": self.inspection.claims,
            "findings": findings,
            "dialects": dialects,
        });
        if let Some(error) = self.first_fault() {
            report["code"] = json!(error.code());
        }
        report
    }
}

fn write_part(out: &mut dyn Write, title: &str, json: Option<&str>) -> io::Result<()> {
    let Some(json) = json else {
        return writeln!(out, "{title}: cannot be decoded\n");
    };
    writeln!(out, "{title}:")?;
    for line in layout::lines(json) {
        writeln!(out, "  {}", printable(&line))?;
    }
    writeln!(out)
}

fn requirement(check: Check) -> &'static str {
    let named = REQUIREMENTS.iter().find(|(found, _)| *found == check);
    named.map_or("", |(_, requirement)| requirement)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Advice(_) => "note",
        Verdict::NotRun(_) | _ => "not run",
    }
}

fn detail(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Failed(error) => Some(Chain(error).to_string()),
        Verdict::Advice(text) | Verdict::NotRun(text) => Some((*text).to_owned()),
        Verdict::Passed | _ => None,
    }
}

fn finding_json((check, verdict): &(Check, Verdict)) -> Value {
    let mut finding = json!({
        "requirement": requirement(*check),
        "section": check.section(),
        "rule": check.rule(),
        "verdict": word(verdict).replace(' ', "_"),
    });
    if let Some(detail) = detail(verdict) {
        finding["detail"] = json!(detail);
    }
    if let Verdict::Failed(error) = verdict {
        finding["code"] = json!(error.code());
    }
    finding
}

fn recognised_json(recognised: &Recognised) -> Value {
    let deviations = recognised.deviations.iter().map(|deviation| {
        json!({ "name": deviation.as_str(), "meaning": deviation.meaning(), "section": deviation.section() })
    });
    json!({
        "name": recognised.dialect.name,
        "title": recognised.dialect.title,
        "deviations": deviations.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use ssf_types::set::inspect::Inspector;

    use super::*;

    #[test]
    fn every_check_stands_for_a_requirement() {
        let stated: Vec<Check> = REQUIREMENTS.iter().map(|(check, _)| *check).collect();
        assert_eq!(stated, Check::ALL);
    }

    #[test]
    fn printing_a_decoding_for_debugging_hides_the_token() {
        // {"typ":"secevent+jwt"} and {"sub":"alice"}
        let inspection = Inspector::default()
            .inspect(b"eyJ0eXAiOiJzZWNldmVudCtqd3QifQ.eyJzdWIiOiJhbGljZSJ9.AAAA");
        assert_eq!(inspection.claims.as_deref(), Some(r#"{"sub":"alice"}"#));
        let printed = format!("{:?}", Decoding::new(inspection));
        assert!(!printed.contains("alice"), "{printed}");
    }
}

//! The exchanges of a case on the page: what was asked again and again stands once, and so does what several cases judge by.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use super::{
    exchange::{self, Fold},
    text::Text,
};
use crate::{
    exchange::{Answer, Exchange},
    record::CaseResult,
};

/// The exchanges that stand on the page already, each with the case that it stands with.
#[derive(Default)]
pub(super) struct Shown<'r>(HashMap<&'r Exchange, &'static str>);

/// Some exchanges of a case that follow one another.
enum Part<'r> {
    /// They are the same but for what each answer has of its own.
    Repeated(&'r [Exchange], Fold),
    /// So many stand with this case.
    Elsewhere(usize, &'static str),
}

/// Writes the exchanges of a case, that which shows what is broken open.
pub(super) fn write<'r>(
    result: &'r CaseResult,
    shown: &mut Shown<'r>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let exchanges = result.record.exchanges.as_slice();
    if exchanges.is_empty() {
        return Ok(());
    }
    let own = result.case.id;
    writeln!(out, r#"<div id="{}.requests">"#, Text(own))?;
    for part in parts(exchanges, result.record.proof(), own, shown) {
        match part {
            Part::Repeated(exchanges, fold) => {
                for exchange in exchanges {
                    shown.0.entry(exchange).or_insert(own);
                }
                exchange::write(exchanges, fold, out)?;
            }
            Part::Elsewhere(count, case) => {
                let case = Text(case);
                let many = match count {
                    1 => "1 request and its answer stand".to_owned(),
                    count => format!("{count} requests and their answers stand"),
                };
                writeln!(
                    out,
                    r##"<p class="shared">{many} with <a href="#{case}.requests"><code>{case}</code></a>, which judges by them as well.</p>"##
                )?;
            }
        }
    }
    writeln!(out, "</div>")
}

fn parts<'r>(
    exchanges: &'r [Exchange],
    proof: Option<usize>,
    own: &str,
    shown: &Shown<'r>,
) -> Vec<Part<'r>> {
    let elsewhere = |exchange: &Exchange| {
        let case = shown.0.get(exchange).copied();
        case.filter(|case| *case != own)
    };
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(rest @ [first, ..]) = exchanges.get(at..) {
        let before_proof = match proof.and_then(|proof| proof.checked_sub(at)) {
            Some(before) => rest.get(..before).unwrap_or(rest),
            None => rest,
        };
        let case = before_proof.first().and_then(elsewhere);
        let (count, part) = if let Some(case) = case {
            let is_there = |exchange: &&Exchange| elsewhere(exchange) == Some(case);
            let count = before_proof.iter().take_while(is_there).count();
            (count, Part::Elsewhere(count, case))
        } else {
            let is_again = |exchange: &&Exchange| repeats(first, exchange);
            let count = 1 + rest.iter().skip(1).take_while(is_again).count();
            let fold = match proof {
                Some(proof) if (at..at + count).contains(&proof) => Fold::Open,
                Some(_) | None => Fold::Closed,
            };
            let repeated = rest.get(..count).unwrap_or(rest);
            (count, Part::Repeated(repeated, fold))
        };
        parts.push(part);
        at += count;
    }
    parts
}

/// Whether the same was asked and answered.
fn repeats(first: &Exchange, other: &Exchange) -> bool {
    let is_answered_alike = match (&first.result, &other.result) {
        (Ok(first), Ok(other)) => {
            (first.status, &first.body) == (other.status, &other.body)
                && lasting(first).eq(lasting(other))
        }
        (Err(first), Err(other)) => first == other,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    };
    is_answered_alike && first.request == other.request
}

/// The headers of an answer that a repetition has as well.
fn lasting(answer: &Answer) -> impl Iterator<Item = &(String, String)> {
    let names_one_answer = |name: &str| {
        let is_id = ["request-id", "requestid", "trace-id", "correlation-id"];
        matches!(name, "date" | "traceparent" | "cf-ray")
            || is_id.iter().any(|end| name.ends_with(end))
    };
    let headers = answer.headers.iter();
    headers.filter(move |(name, _)| !names_one_answer(name))
}

#[cfg(test)]
mod tests;

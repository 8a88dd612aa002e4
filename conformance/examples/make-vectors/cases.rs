//! The table of SETs, by what they are about.

#![expect(clippy::too_many_lines, reason = "a table is as long as what it lists")]

mod claims;
mod event;
mod form;
mod header;
mod json;
mod key;
mod signature;
mod subject;

use crate::case::{Case, Rule};

/// All SETs, in the order of the file.
pub(crate) fn table() -> Vec<Case> {
    let groups: [(&str, Vec<Case>); 10] = [
        ("form", form::table()),
        ("header", header::table()),
        ("key", key::table()),
        ("signature", signature::table()),
        ("issuer", claims::issuer()),
        ("audience", claims::audience()),
        ("claims", claims::table()),
        ("event", event::table()),
        ("subject", subject::table()),
        ("json", json::table()),
    ];
    let grouped = |(name, cases): (&'static str, Vec<Case>)| {
        cases.into_iter().map(move |case| case.group(name))
    };
    groups.into_iter().flat_map(grouped).collect()
}

const fn rule(requirement: &'static str, section: &'static str) -> Rule {
    Rule {
        requirement,
        section,
    }
}

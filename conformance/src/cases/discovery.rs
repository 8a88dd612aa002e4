//! Discovery and keys (SSF 1.0 §7, RFC 7517): the checks of `metadata`, over what the run recorded when it began.

use crate::{
    case::{Case, Judge},
    checks::{Check, rfc7517, ssf},
};

static OBTAINING: [Case; ssf::section_7_2::CHECKS.len()] = of(ssf::section_7_2::CHECKS);
static MEMBERS: [Case; ssf::section_7_1::CHECKS.len()] = of(ssf::section_7_1::CHECKS);
static KEYS: [Case; rfc7517::CHECKS.len()] = of(rfc7517::CHECKS);

/// The cases of discovery.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    OBTAINING.iter().chain(&MEMBERS).chain(&KEYS)
}

const fn of<const N: usize>(checks: &'static [Check]) -> [Case; N] {
    let mut cases = [Case::MANAGEMENT; N];
    let mut at = 0;
    while at < N {
        let check = &checks[at];
        cases[at] = Case {
            id: check.id,
            section: check.section,
            level: check.level,
            title: check.statement,
            tags: &["discovery"],
            needs: &[],
            streams: 0,
            judge: Judge::Check(check),
            ..Case::MANAGEMENT
        };
        at += 1;
    }
    cases
}

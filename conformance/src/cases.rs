//! The catalogue: all cases, in the order of the report. One file for one section; each has a list `CASES`.

pub mod announcement;
pub mod bearer;
pub mod delivery;
pub mod discovery;
pub mod event;
pub mod hardening;
pub mod inactivity;
pub mod interop;
pub mod interval;
pub mod order;
pub mod poll;
pub mod push;
pub mod receiver;
pub mod refusal;
pub mod resource;
pub mod set;
pub mod status;
pub mod stream;
pub mod stream_subjects;
pub mod subject;
pub mod tls;
pub mod upkeep;
pub mod verification;

use crate::case::{Case, Profile};

/// All cases that judge a Transmitter.
pub fn transmitter() -> impl Iterator<Item = &'static Case> {
    discovery::cases()
        .chain(interop::CASES)
        .chain(stream::cases())
        .chain(status::CASES)
        .chain(verification::CASES)
        .chain(interval::CASES)
        .chain(inactivity::CASES)
        .chain(poll::cases())
        .chain(set::cases())
        .chain(delivery::cases())
        .chain(announcement::CASES)
        .chain(event::cases())
        .chain(subject::cases())
        .chain(bearer::CASES)
        .chain(resource::CASES)
        .chain(tls::CASES)
        .chain(hardening::cases())
        .chain(upkeep::CASES)
        .chain(stream_subjects::cases())
        .chain(order::CASES)
}

/// All cases that judge a Receiver's push endpoint.
pub fn push_endpoint() -> impl Iterator<Item = &'static Case> {
    push::cases()
}

/// All cases that judge a Receiver which has its stream here: of its requests and polls, and of the SETs that it gets.
pub fn receiver() -> impl Iterator<Item = &'static Case> {
    receiver::before()
        .chain(push::of_endpoints())
        .chain(push::of_sets())
        .chain(receiver::after())
}

/// All cases that judge a Receiver by an older draft or a vendor's way of writing SETs.
pub fn in_dialect() -> impl Iterator<Item = &'static Case> {
    let before = receiver::before().filter(|case| case.profiles.contains(&Profile::Legacy));
    before.chain(push::in_dialect())
}

/// All cases.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let receiver = receiver::before().chain(receiver::after());
    transmitter()
        .chain(push_endpoint())
        .chain(receiver)
        .chain(push::older())
}

/// The case with this id.
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::Judge;

    #[test]
    fn each_case_has_an_id_of_its_own_that_begins_with_its_requirement() {
        let mut ids = BTreeSet::new();
        for case in all() {
            assert!(ids.insert(case.id), "{}", case.id);
            let name = case.id.strip_prefix(case.requirement()).unwrap();
            assert!(name.len() > 1 && name.starts_with('.'), "{}", case.id);
        }
    }

    #[test]
    fn each_case_names_its_section_and_what_it_is_about() {
        for case in all() {
            assert!(case.section.contains('§'), "{}", case.id);
            assert!(
                !case.title.is_empty() && !case.title.ends_with('.'),
                "{}",
                case.id
            );
            assert!(
                !case.profiles.is_empty() && !case.tags.is_empty(),
                "{}",
                case.id
            );
            let is_scripted = !matches!(case.judge, Judge::Check(_));
            assert_eq!(!case.why.is_empty(), is_scripted, "{}", case.id);
        }
    }
}

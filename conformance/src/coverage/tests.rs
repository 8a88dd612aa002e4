use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The rows of the map of our own code: id, level, section.
fn spec_map() -> BTreeMap<String, (String, String)> {
    let map = include_str!("../../../docs/spec-map.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let id = cells.next()?.to_owned();
        let level = cells.next()?.to_owned();
        Some((id, (level, cells.next()?.to_owned())))
    };
    map.lines().filter_map(row).collect()
}

#[test]
fn each_requirement_is_there_once() {
    let mut ids = BTreeSet::new();
    for requirement in requirements() {
        assert!(ids.insert(&requirement.id), "{}", requirement.id);
        assert!(requirement.section.contains('§'), "{}", requirement.id);
        assert!(requirement.asks.ends_with('.'), "{}", requirement.id);
    }
    assert!(!ids.is_empty());
}

#[test]
fn each_case_is_about_a_requirement_of_the_table() {
    let ids: BTreeSet<&str> = requirements().map(|one| one.id.as_str()).collect();
    for case in cases::all() {
        assert!(ids.contains(case.requirement()), "{}", case.id);
        for other in case.also {
            assert!(ids.contains(other), "{}", case.id);
        }
    }
}

#[test]
fn what_cannot_be_judged_has_a_reason_and_no_case() {
    for requirement in requirements() {
        let Some(reason) = &requirement.not_testable else {
            continue;
        };
        assert!(!reason.is_empty(), "{}", requirement.id);
        if let Standing::Tested(cases) = requirement.standing() {
            let ids: Vec<_> = cases.iter().map(|case| case.id).collect();
            panic!(
                "{ids:?} judge {}: take not_testable away from it in coverage.toml",
                requirement.id
            );
        }
    }
}

#[test]
fn the_table_and_the_map_of_our_own_code_agree() {
    let map = spec_map();
    let mut both = 0;
    for requirement in requirements() {
        let Some((level, section)) = map.get(&requirement.id) else {
            // The map leaves out most of what binds receivers alone.
            assert_ne!(requirement.binds, Binds::Transmitter, "{}", requirement.id);
            continue;
        };
        both += 1;
        assert_eq!(requirement.level.as_str(), level, "{}", requirement.id);
        assert_eq!(&requirement.section, section, "{}", requirement.id);
    }
    assert!(both > 0);
}

#[test]
fn a_row_stands_in_just_one_way() {
    let requirement = |not_testable: Option<&str>, id: &str| -> &'static Requirement {
        Box::leak(Box::new(Requirement {
            id: id.to_owned(),
            binds: Binds::Both,
            level: Level::Must,
            section: "SSF 1.0 §1".to_owned(),
            asks: "So.".to_owned(),
            not_testable: not_testable.map(str::to_owned),
        }))
    };
    let rows = [
        requirement(None, "SSF-T-122"),
        requirement(Some("unseen"), "X-1"),
        requirement(None, "X-2"),
    ];
    let count = Count {
        tested: 1,
        not_testable: 1,
        not_yet: 1,
    };
    assert_eq!(Count::of(rows), count);
    let Standing::Tested(cases) = rows[0].standing() else {
        panic!("SSF-T-122 has a case");
    };
    assert!(cases.iter().any(|case| case.id == "SSF-T-122.empty-list"));
}

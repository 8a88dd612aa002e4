//! Keeps `docs/spec-map.md` true: what it cites is there, and what the code cites is in it.
//!
//! 1. Each row has code and tests, or says `none:` and why not; no id stands twice.
//! 2. Each cited file is there, and defines the item or the test that is cited with it.
//! 3. Each section of a mapped document that the sources cite belongs to a row.
//! 4. Each threat has a test that is named for it.
//!
//! What `docs/reliability.md` cites is there as well.

#[cfg(test)]
mod citation;
#[cfg(test)]
mod definition;
#[cfg(test)]
mod row;
#[cfg(test)]
mod section;

#[cfg(test)]
mod the_map {
    use std::{collections::BTreeSet, fs, path::Path};

    use crate::{
        citation::Citation,
        definition::defines,
        row::{Backing, Level, Row, read_map},
        section::{Section, cited_in},
    };

    const MAP: &str = "docs/spec-map.md";
    const RELIABILITY: &str = "docs/reliability.md";
    const SOURCES: &[&str] = &["ssf-transmitter/src", "ssf-types/src"];

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    fn rows() -> Vec<Row> {
        let text = fs::read_to_string(root().join(MAP)).unwrap();
        read_map(&text).unwrap_or_else(|faults| panic!("{MAP}:\n{}", faults.join("\n")))
    }

    fn rust_files(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rust_files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// What is wrong with a citation, if anything is.
    fn fault(citation: &Citation) -> Option<String> {
        let Ok(text) = fs::read_to_string(root().join(&citation.path)) else {
            return Some(format!("{citation}: there is no such file"));
        };
        let is_there = defines(&citation.path, &text, &citation.item);
        (!is_there).then(|| format!("{citation}: the file does not define it"))
    }

    #[test]
    fn every_cited_file_defines_the_item_or_the_test_that_is_cited_with_it() {
        let rows = rows();
        assert!(rows.len() > 300, "only {} rows", rows.len());
        let mut faults = Vec::new();
        for row in &rows {
            let cited = row.code.cited().iter().chain(row.tests.cited());
            faults.extend(
                cited.filter_map(|citation| Some(format!("{}: {}", row.id, fault(citation)?))),
            );
        }
        assert!(faults.is_empty(), "{MAP}:\n{}", faults.join("\n"));
    }

    #[test]
    fn whatever_is_promised_cites_tests_that_are_there() {
        let text = fs::read_to_string(root().join(RELIABILITY)).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        let cited: Vec<&str> = quoted.filter(|quoted| quoted.contains("::")).collect();
        assert!(cited.len() > 20, "only {} citations", cited.len());
        let parsed = cited
            .iter()
            .map(|cited| Citation::parse(&format!("`{cited}`")));
        let faults: Vec<String> = parsed
            .filter_map(|cited| cited.map_or_else(Some, |cited| fault(&cited)))
            .collect();
        assert!(faults.is_empty(), "{RELIABILITY}:\n{}", faults.join("\n"));
    }

    #[test]
    fn every_section_that_the_sources_cite_belongs_to_a_row() {
        let rows = rows();
        let mapped: BTreeSet<&Section> = rows.iter().flat_map(|row| &row.sections).collect();
        let mut files = Vec::new();
        for directory in SOURCES {
            rust_files(&root().join(directory), &mut files);
        }
        assert!(files.len() > 100, "only {} files", files.len());
        let mut faults = BTreeSet::new();
        for file in files {
            let name = file.strip_prefix(root()).unwrap().display();
            for cited in cited_in(&fs::read_to_string(&file).unwrap()) {
                match cited {
                    Ok(section) if section.is_mapped() => {
                        if !mapped.iter().any(|row| row.is_within(&section)) {
                            faults.insert(format!("{name} cites {section}, which no row has"));
                        }
                    }
                    Ok(_) => {}
                    Err(fault) => {
                        faults.insert(format!("{name}: {fault}"));
                    }
                }
            }
        }
        let faults: Vec<_> = faults.into_iter().collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn every_threat_has_a_test_that_is_named_for_it() {
        let rows = rows();
        let threats: Vec<_> = rows
            .iter()
            .filter(|row| row.level == Level::Threat)
            .collect();
        assert!(!threats.is_empty());
        for row in threats {
            let name = row.id.to_lowercase();
            let named = |citation: &Citation| citation.item.split('_').any(|word| word == name);
            match &row.tests {
                Backing::Cited(tests) => assert!(tests.iter().any(named), "{}", row.id),
                Backing::None(_) => {}
            }
        }
    }
}

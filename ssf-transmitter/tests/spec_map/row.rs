//! The rows of the map, read strictly.

use std::collections::BTreeSet;

use crate::{
    citation::Citation,
    section::{self, Section},
};

const HEAD: &str = "| id | level | section | what is asked | code | tests |";
const RULE: &str = "|---|---|---|---|---|---|";
/// Most tests that a row cites: the best ones, not all.
const TESTS_MAX: usize = 3;
const ASKED_WORDS_MAX: usize = 20;

/// How much a requirement binds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    Must,
    /// Stated as a fact, without a keyword.
    MustByFact,
    Should,
    May,
    /// Not a requirement: something that must not come about.
    Threat,
}

/// What stands behind a row.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Backing {
    Cited(Vec<Citation>),
    /// Nothing, for this reason.
    None(String),
}

impl Backing {
    pub(crate) fn cited(&self) -> &[Citation] {
        match self {
            Self::Cited(citations) => citations,
            Self::None(_) => &[],
        }
    }

    fn read(cell: &str) -> Result<Self, String> {
        let Some(reason) = cell.strip_prefix("none:") else {
            let citations = cell.split(", ").map(Citation::parse);
            return Ok(Self::Cited(citations.collect::<Result<_, _>>()?));
        };
        // One word is no reason that anybody could judge.
        if reason.split_whitespace().count() < 2 {
            return Err("none: needs a reason behind it".to_owned());
        }
        Ok(Self::None(reason.trim().to_owned()))
    }
}

/// One requirement or threat.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Row {
    pub id: String,
    pub level: Level,
    pub sections: Vec<Section>,
    pub code: Backing,
    pub tests: Backing,
}

impl Row {
    fn read(line: &str) -> Result<Self, String> {
        let inner = line
            .strip_prefix("| ")
            .and_then(|rest| rest.strip_suffix(" |"));
        let cells: Vec<&str> = inner
            .ok_or("a row begins with \"| \" and ends with \" |\"")?
            .split(" | ")
            .collect();
        let [id, level, sections, asked, code, tests] = cells[..] else {
            return Err(format!("a row has 6 cells, not {}", cells.len()));
        };
        let is_id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || !id.chars().all(is_id) {
            return Err(format!(
                "{id:?} is no id: capital letters, digits and hyphens"
            ));
        }
        if asked.is_empty() || asked.split_whitespace().count() > ASKED_WORDS_MAX {
            return Err(format!(
                "what is asked is said in 1 to {ASKED_WORDS_MAX} words"
            ));
        }
        let code = Backing::read(code)?;
        // Where there is no code, its reason is the reason that there is no test.
        let tests = match (tests, &code) {
            ("–", Backing::None(reason)) => Backing::None(reason.clone()),
            (tests, _) => Backing::read(tests)?,
        };
        if tests.cited().len() > TESTS_MAX {
            return Err(format!("a row cites at most {TESTS_MAX} tests"));
        }
        let level = read_level(level)?;
        let sections = section::read_cell(sections)?;
        if sections.is_empty() && level != Level::Threat {
            return Err("a requirement stands in a section".to_owned());
        }
        Ok(Self {
            id: id.to_owned(),
            level,
            sections,
            code,
            tests,
        })
    }
}

fn read_level(cell: &str) -> Result<Level, String> {
    match cell {
        "MUST" => Ok(Level::Must),
        "MUST*" => Ok(Level::MustByFact),
        "SHOULD" => Ok(Level::Should),
        "MAY" => Ok(Level::May),
        "threat" => Ok(Level::Threat),
        other => Err(format!(
            "{other:?} is no level: MUST, MUST*, SHOULD, MAY or threat"
        )),
    }
}

/// Reads all tables of the map, or tells everything that is wrong with it.
pub(crate) fn read_map(text: &str) -> Result<Vec<Row>, Vec<String>> {
    let mut rows = Vec::new();
    let mut ids = BTreeSet::new();
    let mut faults = Vec::new();
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        let mut fault = |what: String| faults.push(format!("line {}: {what}", number + 1));
        let in_table = before.starts_with('|');
        if line == HEAD && !in_table || line == RULE && before == HEAD {
            before = line;
            continue;
        }
        if line.starts_with('|') {
            match Row::read(line) {
                Ok(_) if !in_table || before == HEAD => {
                    fault(format!("a table begins with {HEAD} and {RULE}"));
                }
                Ok(row) if !ids.insert(row.id.clone()) => fault(format!("{} stands twice", row.id)),
                Ok(row) => rows.push(row),
                Err(what) => fault(what),
            }
        }
        before = line;
    }
    if faults.is_empty() {
        Ok(rows)
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "| SSF-T-001 | MUST | SSF 1.0 §7.2 | The well-known path. | `a/b.rs::path` | `a/t.rs::it_is_there`, `a/t.rs::it_is_nowhere_else` |";

    fn map(rows: &[&str]) -> String {
        format!(
            "# Map\n\nText.\n\n{HEAD}\n{RULE}\n{}\n\nMore text.\n",
            rows.join("\n")
        )
    }

    fn faults(rows: &[&str]) -> Vec<String> {
        read_map(&map(rows)).unwrap_err()
    }

    #[test]
    fn a_sound_map_is_read() {
        let without = "| T30 | threat | – | Scripts in pages. | none: there are no pages | – |";
        let half = "| SET-035 | SHOULD | RFC 8417 §6 | Little data. | `a/b.rs::claims` | none: a matter of judgement |";
        let rows = read_map(&map(&[SOUND, without, half])).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].tests.cited().len(), 2);
        assert_eq!(
            rows[1].tests,
            Backing::None("there are no pages".to_owned())
        );
        assert_eq!(rows[2].level, Level::Should);
    }

    #[test]
    fn a_row_with_neither_code_nor_reason_is_a_fault() {
        for cell in ["", " ", "–", "none", "none:", "none: no", "later"] {
            let no_code = format!("| A-1 | MUST | SSF 1.0 §7 | Asked. | {cell} | `a/t.rs::x` |");
            assert_eq!(faults(&[&no_code]).len(), 1, "{cell:?}");
            let no_test = format!("| A-1 | MUST | SSF 1.0 §7 | Asked. | `a/b.rs::x` | {cell} |");
            assert_eq!(faults(&[&no_test]).len(), 1, "{cell:?}");
        }
    }

    #[test]
    fn an_id_that_stands_twice_is_a_fault() {
        assert_eq!(faults(&[SOUND, SOUND]), ["line 8: SSF-T-001 stands twice"]);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let shouted = SOUND.replace("| MUST |", "| SHALL |");
        let lost = SOUND.replace("SSF 1.0 §7.2", "–");
        let short = "| SSF-T-002 | MUST |";
        let expected = [
            "line 7: \"SHALL\" is no level: MUST, MUST*, SHOULD, MAY or threat",
            "line 8: a requirement stands in a section",
            "line 9: a row has 6 cells, not 2",
        ];
        assert_eq!(faults(&[&shouted, &lost, short]), expected);
    }

    #[test]
    fn a_row_cites_few_tests_and_says_little() {
        let many = SOUND.replace(" |\n", "").replace(
            "`a/t.rs::it_is_nowhere_else`",
            &["`a/t.rs::x`"; 3].join(", "),
        );
        assert_eq!(faults(&[&many]), ["line 7: a row cites at most 3 tests"]);
        let long = SOUND.replace("The well-known path.", "word ".repeat(21).trim_end());
        assert_eq!(
            faults(&[&long]),
            ["line 7: what is asked is said in 1 to 20 words"]
        );
    }

    #[test]
    fn a_table_without_its_head_is_a_fault() {
        let text = format!("# Map\n\n{SOUND}\n");
        assert_eq!(read_map(&text).unwrap_err().len(), 1);
        let text = format!("{HEAD}\n{SOUND}\n");
        assert_eq!(read_map(&text).unwrap_err().len(), 1);
    }
}

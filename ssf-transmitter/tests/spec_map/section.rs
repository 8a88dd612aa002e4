//! A section of a specification, and the places where a source cites one.

use std::fmt;

/// Specifications that the map goes through.
const MAPPED: &[&str] = &[
    "SSF 1.0",
    "CAEP 1.0",
    "RISC 1.0",
    "OAuth Event Types",
    "CAEP Interoperability Profile 1.0",
    "Back-Channel Logout 1.0",
    "Global Token Revocation",
    "RFC 6749",
    "RFC 6750",
    "RFC 7521",
    "RFC 7523",
    "RFC 7662",
    "RFC 8414",
    "RFC 8417",
    "RFC 8725",
    "RFC 8935",
    "RFC 8936",
    "RFC 9068",
    "RFC 9493",
    "RFC 9728",
];

/// Specifications that others build on, and older drafts: used here, but with no row of their own.
const UNMAPPED: &[&str] = &[
    "SSF draft 2",
    "SSF draft 3",
    "SSE draft 1",
    "CAEP draft 1",
    "CAEP draft 2",
    "RISC profile 2018",
    "RFC 3986",
    "RFC 4001",
    "RFC 4055",
    "RFC 4291",
    "RFC 4647",
    "RFC 5321",
    "RFC 5322",
    "RFC 5646",
    "RFC 6052",
    "RFC 6531",
    "RFC 6761",
    "RFC 7468",
    "RFC 7515",
    "RFC 7516",
    "RFC 7517",
    "RFC 7518",
    "RFC 7519",
    "RFC 7565",
    "RFC 7638",
    "RFC 7644",
    "RFC 8032",
    "RFC 8037",
    "RFC 8693",
    "RFC 9110",
    "RFC 9111",
    "RFC 9457",
    "RFC 9864",
    "RFC 9967",
];

/// A section, as `RFC 8417 §2.2` is one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Section {
    document: &'static str,
    number: String,
}

impl Section {
    pub(crate) fn is_mapped(&self) -> bool {
        MAPPED.contains(&self.document)
    }

    /// Whether it is `other` or lies in it, as §2.1.3 lies in §2.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let rest = self.number.strip_prefix(other.number.as_str());
        self.document == other.document
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} §{}", self.document, self.number)
    }
}

/// Reads a cell such as `SSF 1.0 §8.1.1, §8.1.2, RFC 8417 §2`, or `–` for none.
pub(crate) fn read_cell(cell: &str) -> Result<Vec<Section>, String> {
    if cell == "–" {
        return Ok(Vec::new());
    }
    let sections: Vec<Section> = cited_in(cell).collect::<Result<_, _>>()?;
    let mut written = Vec::new();
    let mut document = "";
    for Section {
        document: of,
        number,
    } in &sections
    {
        if !MAPPED.contains(of) {
            return Err(format!("{of} §{number} is of a document without rows"));
        }
        let is_same = *of == document;
        written.push(if is_same {
            format!("§{number}")
        } else {
            format!("{of} §{number}")
        });
        document = of;
    }
    if written.join(", ") != cell || sections.is_empty() {
        return Err(format!(
            "{cell:?} is no list of sections: write \"SSF 1.0 §8.1, §8.2, RFC 8417 §2\", or \"–\""
        ));
    }
    Ok(sections)
}

/// The sections that a text cites, in its order; a section whose document cannot be told is an error.
pub(crate) fn cited_in(text: &str) -> impl Iterator<Item = Result<Section, String>> {
    let text = unwrapped(text);
    let mut document: Option<&'static str> = None;
    let mut cited = Vec::new();
    let mut pieces = text.split('§');
    let mut before = pieces.next().unwrap_or_default();
    for after in pieces {
        let number = number_of(after);
        document = match document_at_end(before) {
            Some(named) => Some(named),
            // A list goes on with the same document: "§8.1, §8.2 and §8.3".
            None => document.filter(|_| goes_on(before)),
        };
        cited.extend((!number.is_empty()).then(|| match document {
            Some(document) => Ok(Section { document, number }),
            None => Err(unknown(before, &number)),
        }));
        before = after;
    }
    cited.into_iter()
}

fn unknown(before: &str, number: &str) -> String {
    let words: Vec<&str> = before.split(' ').collect();
    let last = words[words.len().saturating_sub(4)..].join(" ");
    format!("\"{last}§{number}\" does not say of which known document it is")
}

/// The text in one line, without the signs that begin comments.
fn unwrapped(text: &str) -> String {
    let line = |line: &str| {
        line.trim()
            .trim_start_matches('/')
            .trim_start_matches('!')
            .trim()
            .to_owned()
    };
    text.lines().map(line).collect::<Vec<_>>().join(" ")
}

fn number_of(after: &str) -> String {
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .unwrap_or(after.len());
    after[..end].trim_end_matches('.').to_owned()
}

fn document_at_end(before: &str) -> Option<&'static str> {
    let before = before.strip_suffix(' ')?;
    let documents = MAPPED.iter().chain(UNMAPPED);
    documents
        .copied()
        .find(|document| before.ends_with(document))
}

fn goes_on(before: &str) -> bool {
    let number = number_of(before);
    matches!(
        before[number.len()..].trim_start_matches('.'),
        ", " | " and " | " or " | "–"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        cited_in(text)
            .map(|cited| cited.map_or_else(|fault| fault, |section| section.to_string()))
            .collect()
    }

    #[test]
    fn sections_are_found_in_lists_and_across_lines() {
        assert_eq!(
            shown("/// Whether (SSF 1.0 §8.1.1.3, §8.1.1.4)."),
            ["SSF 1.0 §8.1.1.3", "SSF 1.0 §8.1.1.4"]
        );
        assert_eq!(
            shown("(RFC 9493, SSF 1.0 §3, RFC 8417 §2.2)"),
            ["SSF 1.0 §3", "RFC 8417 §2.2"]
        );
        assert_eq!(
            shown("    /// as in RFC 8935\n    /// §2.4."),
            ["RFC 8935 §2.4"]
        );
        assert_eq!(shown("nothing (RFC 8417)"), [""; 0]);
    }

    #[test]
    fn a_section_without_a_known_document_is_a_fault() {
        for text in [
            "see §8.1",
            "RFC 99999 §1",
            "SSF 1.0 is clear. See §8.1",
            "RFC 7515 §4 and the rest of §5",
        ] {
            assert!(cited_in(text).any(|cited| cited.is_err()), "{text}");
        }
    }

    #[test]
    fn a_section_lies_in_its_chapter_and_not_in_its_neighbours() {
        let section = |text| read_cell(text).unwrap().remove(0);
        let inner = section("SSF 1.0 §8.1.1.3");
        assert!(inner.is_within(&section("SSF 1.0 §8.1")));
        assert!(inner.is_within(&inner));
        assert!(!inner.is_within(&section("SSF 1.0 §8.1.1.3.1")));
        assert!(!section("SSF 1.0 §8.10").is_within(&section("SSF 1.0 §8.1")));
        assert!(!inner.is_within(&section("CAEP 1.0 §8.1")));
    }

    #[test]
    fn a_cell_of_sections_has_one_spelling() {
        assert_eq!(
            read_cell("SSF 1.0 §8.1, §8.2, RFC 8417 §2").unwrap().len(),
            3
        );
        assert_eq!(read_cell("–"), Ok(Vec::new()));
        for cell in [
            "",
            "SSF 1.0",
            "SSF 1.0 8.1",
            "SSF 1.0 §8.1 and §8.2",
            "see SSF 1.0 §8.1",
            "RFC 7515 §4",
        ] {
            assert!(read_cell(cell).is_err(), "{cell}");
        }
    }
}

//! Whether a file defines an item. A search for the words that define one, not a reading of Rust.

use crate::citation::Kind;

const KEYWORDS: &[&str] = &[
    "fn ", "struct ", "enum ", "trait ", "const ", "static ", "type ", "mod ",
];

/// Whether the last segment of `item` is defined in the text of a file, and the segments before it are named there.
pub(crate) fn defines(path: &str, text: &str, item: &str) -> bool {
    if Kind::of(path) == Some(Kind::Document) {
        let is_it = |line: &str| line.trim_start_matches('#').trim() == item;
        return text
            .lines()
            .any(|line| line.starts_with('#') && is_it(line));
    }
    let mut segments = item.rsplit("::");
    let last = segments.next().unwrap_or_default();
    let is_defined =
        defined_by_keyword(text, last) || (item.contains("::") && defined_in_a_body(text, last));
    is_defined && segments.all(|owner| words(text, owner).next().is_some())
}

fn defined_by_keyword(text: &str, name: &str) -> bool {
    words(text, name).any(|at| {
        let line = &text[..at][text[..at].rfind('\n').map_or(0, |end| end + 1)..];
        !line.trim_start().starts_with("//")
            && KEYWORDS.iter().any(|keyword| line.ends_with(keyword))
    })
}

/// Whether a line begins with `name` as a variant or a field does.
fn defined_in_a_body(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([',', '(', ':']) || rest.starts_with(" {"))
    })
}

/// Where `word` stands as a word of its own.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !word.is_empty()
                && !text[..at].ends_with(in_a_word)
                && !text[at + word.len()..].starts_with(in_a_word)
        })
}

#[test]
fn what_is_defined_is_found_and_what_is_only_mentioned_is_not() {
    let text = "/// The fn absent() of Stream.\npub struct Stream {\n    pub status: u8,\n}\nenum Fault {\n    Broken(u8),\n}\n\
        impl Stream {\n    pub(crate) async fn changed(&self) {}\n}\n// fn gone() {}\nconst LIMIT: u8 = 1;\nlet called = called();\n";
    for item in [
        "Stream",
        "Stream::changed",
        "changed",
        "LIMIT",
        "Fault::Broken",
        "Stream::status",
    ] {
        assert!(defines("x.rs", text, item), "{item}");
    }
    for item in [
        "absent",
        "gone",
        "change",
        "Stream::called",
        "Other::changed",
        "Broken",
        "called",
        "",
    ] {
        assert!(!defines("x.rs", text, item), "{item}");
    }
}

#[test]
fn a_document_defines_its_headings() {
    let text = "# The map\n\nSome text\n\n## Status of a stream\n";
    assert!(defines("x.md", text, "Status of a stream"));
    assert!(!defines("x.md", text, "Some text"));
}

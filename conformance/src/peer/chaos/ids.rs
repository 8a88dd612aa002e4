//! Ids that are legal and that few have.

use crate::chance::Chance;

/// What an id of a stream is made of: the unreserved characters that ids seldom have (SSF 1.0 §8.1.1).
const UNRESERVED: &[&str] = &["~", "._", "-.-", "~~", "_", ".~-"];

/// What it should not be made of, and may be. As they are they can stand in a path, and not in a query.
const RESERVED: &[&str] = &["=", "&", ":", "@", "!a=", "&b=", ";", "(", ")", ","];

/// What other ids are made of.
const ANY: &[&str] = &[
    "\"", "\\", "/", "é", "中", "😀", "%2F", "{}", "'", "<b>", "../", ": ", "☃", "?a=b&c", "#",
];

fn mixed(stem: &str, parts: &[&str], chance: &mut Chance) -> String {
    let mut pick = || {
        let at = usize::try_from(chance.number() % parts.len() as u64).unwrap_or_default();
        parts.get(at).copied().unwrap_or_default()
    };
    let (first, second, third) = (pick(), pick(), pick());
    format!("{first}{stem}{second}{third}")
}

/// An id of a stream of unreserved characters.
pub(super) fn stream_id(stem: &str, chance: &mut Chance) -> String {
    mixed(stem, UNRESERVED, chance)
}

/// One with reserved ones as well.
pub(super) fn reserved_stream_id(stem: &str, chance: &mut Chance) -> String {
    mixed(stem, RESERVED, chance)
}

/// A `jti` or a `kid`.
pub(super) fn any(stem: &str, chance: &mut Chance) -> String {
    mixed(stem, ANY, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_has_unreserved_characters_alone_unless_it_is_to_have_others() {
        let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        for number in 0..100 {
            let mut chance = Chance::of(number, "ids");
            let id = stream_id("stream-0001", &mut chance);
            assert!(id.chars().all(is_unreserved), "{id}");
            let id = reserved_stream_id("stream-0001", &mut chance);
            assert!(
                !id.chars().all(is_unreserved) && !id.contains(['/', '%', '?', '#', '+']),
                "{id}"
            );
        }
    }
}

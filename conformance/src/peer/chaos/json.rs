//! JSON that means the same and looks different.

use std::fmt::Write;

use serde_json::Value;

use crate::chance::Chance;

/// A value as text: members in any order, white space where it may be, characters escaped that need not be.
pub(super) fn text(value: &Value, chance: &mut Chance) -> String {
    let mut text = String::new();
    write(value, chance, &mut text);
    text
}

fn write(value: &Value, chance: &mut Chance, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            shuffle(&mut members, chance);
            text.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                space(chance, text);
                write_text(name, chance, text);
                space(chance, text);
                text.push(':');
                space(chance, text);
                write(member, chance, text);
            }
            space(chance, text);
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                space(chance, text);
                write(element, chance, text);
            }
            text.push(']');
        }
        Value::String(string) => write_text(string, chance, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

fn shuffle<T>(elements: &mut [T], chance: &mut Chance) {
    for at in (1..elements.len()).rev() {
        let other = chance.number() % (at as u64 + 1);
        elements.swap(at, usize::try_from(other).unwrap_or_default());
    }
}

fn space(chance: &mut Chance, text: &mut String) {
    text.push_str(match chance.number() % 12 {
        0 => " ",
        1 => "\n\t",
        2 => "\r\n",
        _ => "",
    });
}

fn write_text(string: &str, chance: &mut Chance, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        let is_escaped = chance.number().is_multiple_of(16);
        match character {
            '/' if is_escaped => text.push_str("\\/"),
            '"' | '\\' => {
                text.push('\\');
                text.push(character);
            }
            character if is_escaped || character.is_control() => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a string does not fail.
                    let _ = write!(text, "\\u{unit:04X}");
                }
            }
            character => text.push(character),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_json_is_the_same_json_and_another_text() {
        let value =
            json!({ "a/b": ["é😀\"\\\n", 1, 1.5, null, true, {}], "c": { "d": [], "e": "f" } });
        let mut texts = std::collections::BTreeSet::new();
        for number in 0..50 {
            let text = text(&value, &mut Chance::of(number, "json"));
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                value,
                "{text}"
            );
            texts.insert(text);
        }
        assert!(texts.len() > 45 && !texts.contains(&value.to_string()));
    }
}

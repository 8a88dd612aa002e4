//! Finds members that stand twice in one object, which parsers into a map hide by keeping one of them.

use std::{collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The first name that two members of one object share, at any depth; none in what is not JSON.
pub(crate) fn repeated_name(json: &[u8]) -> Option<String> {
    let mut repeated = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    // Its error says no more than that the walk ended early: at the repeated name, or where the JSON does.
    let _ = Walk(&mut repeated).deserialize(&mut deserializer);
    repeated
}

/// Walks a value without keeping it.
struct Walk<'r>(&'r mut Option<String>);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Walk(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                *self.0 = Some(name);
                return Err(A::Error::custom("a name is repeated"));
            }
            names.insert(name);
            members.next_value_seed(Walk(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth_and_however_it_is_written() {
        for json in [r#"{"a":1,"a":1}"#, r#"[{"b":[{"a":1,"\u0061":2}]}]"#] {
            assert_eq!(
                repeated_name(json.as_bytes()),
                Some("a".to_owned()),
                "{json}"
            );
        }
    }

    #[test]
    fn the_same_name_in_two_objects_is_not_repeated() {
        let json = r#"{"a":{"a":[1,-1,0.5,"x",true,null]},"b":{"a":{}}}"#;
        assert_eq!(repeated_name(json.as_bytes()), None);
    }

    #[test]
    fn nesting_without_end_ends_the_walk() {
        let json = "[".repeat(200_000);
        assert_eq!(repeated_name(json.as_bytes()), None);
    }
}

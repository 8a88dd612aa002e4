//! One object, taken apart by name.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Extra, JsonError, check::Name};

/// The members of one object, taken out by name; what is left keeps its bytes.
///
/// Made from text that [`check`](super::check) has passed, or from a value within it.
#[derive(Clone, Default)]
pub struct Members<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

impl<'de> Members<'de> {
    /// Reads one object.
    ///
    /// # Errors
    /// [`JsonError::NotAnObject`] for every other kind of value.
    pub fn parse(json: &'de str) -> Result<Self, JsonError> {
        serde_json::from_str(json).map_err(|_| JsonError::NotAnObject)
    }

    /// Whether the object still has the member.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// The names of the members that are left.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Takes a member out as it stands.
    pub fn take(&mut self, name: &str) -> Option<&'de RawValue> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes out a member that may be absent; `expected` completes the sentence "… must be".
    ///
    /// # Errors
    /// The member is there and is not what was expected; `null` is not absent.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &'static str,
    ) -> Result<Option<T>, JsonError> {
        let Some(raw) = self.take(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|_| JsonError::invalid(name, expected))
    }

    /// Takes out a member that must be there; `expected` completes the sentence "… must be".
    ///
    /// # Errors
    /// The member is absent or is not what was expected.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &'static str,
    ) -> Result<T, JsonError> {
        self.optional(name, expected)?
            .ok_or_else(|| JsonError::Missing {
                path: name.to_owned(),
            })
    }

    /// Takes out a member and reads it with `read`.
    ///
    /// # Errors
    /// Those of `read`, with the member's name put in front.
    pub fn optional_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'de str) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        let Some(raw) = self.take(name) else {
            return Ok(None);
        };
        read(raw.get())
            .map(Some)
            .map_err(|error| error.within(name))
    }

    /// Takes out a member that must be there and reads it with `read`.
    ///
    /// # Errors
    /// The member is absent, or `read` fails.
    pub fn required_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'de str) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        self.optional_with(name, read)?
            .ok_or_else(|| JsonError::Missing {
                path: name.to_owned(),
            })
    }

    /// What nobody took.
    pub fn rest(self) -> Extra {
        Extra(
            self.0
                .into_iter()
                .map(|(name, raw)| (name.into_owned(), raw.to_owned()))
                .collect(),
        )
    }
}

impl<'de> IntoIterator for Members<'de> {
    type Item = (Cow<'de, str>, &'de RawValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(Name(name)) = access.next_key()? {
                    members.push((name, access.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

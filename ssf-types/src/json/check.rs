//! The check of a whole text, before anything of it is read.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::{DEPTH_MAX, JsonError, TEXT_BYTES_MAX};

/// What `serde_json` calls raw text, with its feature `raw_value`, and takes from strangers as well.
const RESERVED: &str = "$serde_json::private::RawValue";

/// Checks the whole text: JSON of at most [`TEXT_BYTES_MAX`], no object with the same member twice, no nesting beyond
/// [`DEPTH_MAX`], nothing that means one thing as text and another once it is read.
///
/// # Errors
/// Says where the first fault is.
pub fn check(bytes: &[u8]) -> Result<&str, JsonError> {
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(JsonError::TooLong);
    }
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict {
        depth: 0,
        fault: &fault,
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end())
    .map_err(|error| match fault.get() {
        Some(Fault::Duplicate) => JsonError::Duplicate {
            line: error.line(),
            column: error.column(),
        },
        Some(Fault::Reserved) => JsonError::Reserved {
            line: error.line(),
            column: error.column(),
        },
        Some(Fault::TooDeep) => JsonError::TooDeep,
        None => JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        },
    })?;
    std::str::from_utf8(bytes).map_err(|_| JsonError::Syntax { line: 1, column: 1 })
}

#[derive(Clone, Copy)]
enum Fault {
    Duplicate,
    Reserved,
    TooDeep,
}

/// Walks a value without keeping it.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    fault: &'f Cell<Option<Fault>>,
}

impl Strict<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            self.fault.set(Some(Fault::TooDeep));
            return Err(E::custom("too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut names = Names::default();
        while let Some(Name(name)) = members.next_key()? {
            if name == RESERVED {
                self.fault.set(Some(Fault::Reserved));
                return Err(de::Error::custom("reserved"));
            }
            if !names.insert(name) {
                self.fault.set(Some(Fault::Duplicate));
                return Err(de::Error::custom("duplicate"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// The names seen so far: a list while it is short, a tree when a stranger makes it long.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: std::collections::BTreeSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.contains(&name) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(name);
            return true;
        }
        self.many.insert(name)
    }
}

/// A member's name, borrowed unless it has escapes.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

//! JSON from strangers: a member that stands twice, endless nesting and endless text are refused.
//!
//! Errors name members, never values, so that no subject reaches a log or an error body through them. Names come from
//! outside as well: printed, they are escaped, so that none breaks a line or steers a terminal.

use std::{borrow::Cow, cell::Cell, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Deepest nesting that is accepted; a complex subject with aliases needs five levels.
pub const DEPTH_MAX: usize = 32;

/// Longest text that is read, in bytes: four times the longest body of the protocols, which answers a poll.
///
/// It is the last line of defence. What comes from the network is capped while it is read, and far below.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What `serde_json` calls raw text, with its feature `raw_value`, and takes from strangers as well.
const RESERVED: &str = "$serde_json::private::RawValue";

/// The bytes are not the JSON that was asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text has more than [`TEXT_BYTES_MAX`] bytes.
    #[error("longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// The bytes are not JSON in UTF-8.
    #[error("not JSON (line {line}, column {column})")]
    Syntax {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// Two members of one object share a name, and readers would differ on which one counts.
    #[error("the same member stands twice in one object (line {line}, column {column})")]
    Duplicate {
        /// Line of the second member, from 1.
        line: usize,
        /// Column of the second member, from 1.
        column: usize,
    },
    /// A member has the name under which the library for JSON hands raw text to itself: it would read the member's value as
    /// JSON of its own, which nobody has checked.
    #[error("a member has a name that no member may have (line {line}, column {column})")]
    Reserved {
        /// Line of the member, from 1.
        line: usize,
        /// Column of the member, from 1.
        column: usize,
    },
    /// Arrays and objects are nested deeper than [`DEPTH_MAX`].
    #[error("arrays and objects are nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The value is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member that must be there is not.
    #[error("{} is missing", path.escape_debug())]
    Missing {
        /// Where the member belongs, as names joined by dots.
        path: String,
    },
    /// A member does not have the form that its definition gives it.
    #[error("{} must be {expected}", path.escape_debug())]
    Invalid {
        /// Where the member stands, as names joined by dots.
        path: String,
        /// What its definition asks for.
        expected: Cow<'static, str>,
    },
}

impl JsonError {
    /// A fault in the member `name`.
    pub fn invalid(name: &str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            path: name.to_owned(),
            expected: expected.into(),
        }
    }

    /// The same fault, seen from the object that has the faulty one as its member `name`.
    #[must_use]
    pub fn within(self, name: &str) -> Self {
        match self {
            Self::Missing { path } => Self::Missing {
                path: format!("{name}.{path}"),
            },
            Self::Invalid { path, expected } => Self::Invalid {
                path: format!("{name}.{path}"),
                expected,
            },
            Self::NotAnObject => Self::invalid(name, "an object"),
            Self::TooLong
            | Self::Syntax { .. }
            | Self::Duplicate { .. }
            | Self::Reserved { .. }
            | Self::TooDeep => self,
        }
    }
}

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
struct Name<'de>(Cow<'de, str>);

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

/// The members of one object, taken out by name; what is left keeps its bytes.
///
/// Made from text that [`check`] has passed, or from a value within it.
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

/// Declares a closed list: strings that a definition names, and no others.
///
/// `Deserialize` of serde's own would also take an object such as `{"name":null}` for the value `name`.
macro_rules! closed_list {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $value:literal,)+
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match <String as ::serde::Deserialize>::deserialize(deserializer)?.as_str() {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(::serde::de::Error::custom("the list does not have the value")),
                }
            }
        }
    };
}

pub(crate) use closed_list;

/// Members that no definition names; their bytes are kept, so that nothing is lost on the way through.
///
/// They are what reading leaves over ([`Members::rest`]), and are added in the same way. They are written as they stand,
/// after the members that are defined, so that none of them may have the name of one. Printing them for debugging shows
/// their names alone.
///
/// ```
/// use ssf_types::{id::StreamId, json::Members, stream::VerificationRequest};
///
/// let mut request = VerificationRequest::new(StreamId::parse("f67e39a0")?, None);
/// request.extra = Members::parse(r#"{"x_trace":"7"}"#)?.rest();
/// assert_eq!(serde_json::to_string(&request)?, r#"{"stream_id":"f67e39a0","x_trace":"7"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Extra(BTreeMap<String, Box<RawValue>>);

impl Extra {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of the member `name`.
    pub fn json(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// The members' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.names().all(|name| self.json(name) == other.json(name))
    }
}

impl Eq for Extra {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        assert_eq!(
            check(br#"{"a":1,"a":2}"#),
            Err(JsonError::Duplicate {
                line: 1,
                column: 10
            })
        );
        assert!(matches!(
            check(br#"{"a":[{"b":1,"b":1}]}"#),
            Err(JsonError::Duplicate { .. })
        ));
        assert!(matches!(
            check(br#"{"a":1,"\u0061":2}"#),
            Err(JsonError::Duplicate { .. })
        ));
    }

    #[test]
    fn a_duplicate_is_found_among_many_members() {
        let many: Vec<String> = (0..100).map(|n| format!(r#""m{n}":1"#)).collect();
        assert!(check(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        assert!(check(format!("{{{},\"m70\":1}}", many.join(",")).as_bytes()).is_err());
        assert!(check(format!("{{{},\"m3\":1}}", many.join(",")).as_bytes()).is_err());
    }

    #[test]
    fn text_in_a_string_is_not_taken_for_json() {
        let json = r#"{"x":{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}}"#;
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["x"]["a"], 2, "the library reads it so");
        for name in [
            "$serde_json::private::RawValue",
            "\\u0024serde_json::private::RawValue",
        ] {
            let json = format!(r#"{{"x":{{"{name}":"1"}}}}"#);
            let refused = check(json.as_bytes()).unwrap_err();
            assert!(matches!(refused, JsonError::Reserved { .. }), "{refused}");
        }
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(32).as_bytes()).is_ok());
        assert_eq!(check(nested(33).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(
            check("[".repeat(100_000).as_bytes()),
            Err(JsonError::TooDeep)
        );
    }

    #[test]
    fn text_of_more_than_64_mib_is_refused_unread() {
        let blanks = vec![b' '; 64 * 1024 * 1024 + 1];
        assert_eq!(check(&blanks), Err(JsonError::TooLong));
    }

    #[test]
    fn text_after_the_value_and_broken_utf8_are_refused() {
        assert!(check(b"{} {}").is_err());
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
        assert!(check(b"").is_err());
    }

    #[test]
    fn what_nobody_took_keeps_its_bytes() {
        let mut members = Members::parse(r#"{"a":1,"b":{"z":1.0, "y":1e0}}"#).unwrap();
        assert_eq!(members.required::<u32>("a", "a number"), Ok(1));
        assert_eq!(members.rest().json("b"), Some(r#"{"z":1.0, "y":1e0}"#));
    }

    #[test]
    fn an_error_names_the_member_and_not_its_value() {
        let mut members = Members::parse(r#"{"email":["alice@example.com"]}"#).unwrap();
        let error = members
            .required::<String>("email", "a string")
            .unwrap_err()
            .within("user")
            .within("sub_id");
        assert_eq!(error.to_string(), "sub_id.user.email must be a string");
    }

    #[test]
    fn a_name_from_outside_breaks_no_line_of_a_log() {
        let error = JsonError::invalid("b", "an object").within("a\n\u{1b}[2J\u{9b}\u{202e}");
        assert_eq!(
            error.to_string(),
            r"a\n\u{1b}[2J\u{9b}\u{202e}.b must be an object"
        );
        let path = "a\r".to_owned();
        assert_eq!(JsonError::Missing { path }.to_string(), r"a\r is missing");
    }

    #[test]
    fn null_is_not_absent() {
        let mut members = Members::parse(r#"{"a":null}"#).unwrap();
        assert!(members.optional::<String>("a", "a string").is_err());
    }
}

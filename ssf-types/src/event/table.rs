//! The macro behind every table of event types: the built-in one and those of others.

use std::fmt;

use serde::Serialize;

use crate::json::Members;

/// Declares a table of event types: an enum with one variant for each, tied to its URI by [`EventPayload`].
///
/// The built-in [`Event`] comes from this macro. Use it for types that [`Event`] does not know, as [`scim`] and [`okta`]
/// do. A table `T` has
///
/// - `T::EVENT_TYPES`, the URIs, in the order of the table;
/// - `T::read(&OtherEvent)`, which gives `None` for a type that is not in the table;
/// - `type_uri`, `Serialize` (the payload), `From` for each payload, `TryFrom<T>` for [`Event`], and a `Debug` that
///   prints which members are there and no values.
///
/// The payloads are `Clone + PartialEq`. Two payloads of one table must not share a URI.
///
/// ```
/// use ssf_types::{
///     event::{Event, EventPayload},
///     json::{Extra, JsonError, Members},
///     uri::EventTypeUri,
/// };
///
/// #[derive(Clone, PartialEq, serde::Serialize)]
/// pub struct SmokeSignal {
///     pub puffs: u32,
///     #[serde(flatten)]
///     pub extra: Extra,
/// }
///
/// impl EventPayload for SmokeSignal {
///     const URI: &'static str = "urn:example:smoke-signal";
///
///     fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
///         Ok(Self { puffs: members.required("puffs", "a number")?, extra: members.rest() })
///     }
/// }
///
/// ssf_types::events! {
///     /// What is seen from the next hill.
///     pub enum HillEvent {
///         /// Somebody makes smoke.
///         SmokeSignal(SmokeSignal),
///     }
/// }
///
/// let uri = EventTypeUri::parse(HillEvent::EVENT_TYPES[0])?;
/// let Event::Other(other) = Event::read(&uri, r#"{"puffs":3}"#)? else { unreachable!() };
/// let Some(HillEvent::SmokeSignal(signal)) = HillEvent::read(&other)? else { unreachable!() };
/// assert_eq!(signal.puffs, 3);
///
/// let event = Event::try_from(HillEvent::from(signal))?;
/// assert_eq!(event.uri(), uri);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Event`]: crate::event::Event
/// [`EventPayload`]: crate::event::EventPayload
/// [`scim`]: crate::event::scim
/// [`okta`]: crate::event::okta
#[macro_export]
macro_rules! events {
    (
        @table
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$doc:meta])* $variant:ident($payload:ty),)+
        }
        $(otherwise { $(#[$other_doc:meta])* $other:ident($other_type:ty) })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        $vis enum $name {
            $($(#[$doc])* $variant($payload),)+
            $($(#[$other_doc])* $other($other_type),)?
        }

        impl $name {
            /// The URIs of the types in the table, in its order.
            $vis const EVENT_TYPES: &'static [&'static str] =
                &[$(<$payload as $crate::event::EventPayload>::URI,)+];

            /// Reads a payload whose type is in the table; `None` if it is not.
            fn read_known(
                uri: &str,
                payload: &str,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::json::JsonError> {
                match uri {
                    $(<$payload as $crate::event::EventPayload>::URI => {
                        let members = $crate::json::Members::parse(payload)?;
                        <$payload as $crate::event::EventPayload>::read(members)
                            .map(|payload| ::core::option::Option::Some(Self::$variant(payload)))
                    })+
                    _ => ::core::result::Result::Ok(::core::option::Option::None),
                }
            }

            /// The URI of the event's type, borrowed.
            $vis fn type_uri(&self) -> &str {
                match self {
                    $(Self::$variant(_) => <$payload as $crate::event::EventPayload>::URI,)+
                    $(Self::$other(other) => other.uri().as_str(),)?
                }
            }
        }

        impl $crate::event::__serde::Serialize for $name {
            /// Writes the payload; the URI is the name of the member that holds it.
            fn serialize<S: $crate::event::__serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => {
                        $crate::event::__serde::Serialize::serialize(payload, serializer)
                    })+
                    $(Self::$other(other) => {
                        $crate::event::__serde::Serialize::serialize(other, serializer)
                    })?
                }
            }
        }

        impl ::core::fmt::Debug for $name {
            /// Prints the type and which members are there, never a value.
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    $(Self::$variant(payload) => {
                        $crate::event::__fmt_members(::core::stringify!($variant), payload, f)
                    })+
                    $(Self::$other(other) => ::core::fmt::Debug::fmt(other, f),)?
                }
            }
        }

        $(impl ::core::convert::From<$payload> for $name {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$doc:meta])* $variant:ident($payload:ty)),+ $(,)?
        }
    ) => {
        $crate::events! {
            @table
            $(#[$meta])*
            $vis enum $name {
                $($(#[$doc])* $variant($payload),)+
            }
        }

        impl $name {
            /// Reads an event whose type is in this table; `None` if it is not.
            ///
            /// # Errors
            /// Names the member that breaks the definition of the type, never its value.
            $vis fn read(
                event: &$crate::event::OtherEvent,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::json::JsonError> {
                Self::read_known(event.uri().as_str(), event.payload())
            }
        }

        impl ::core::convert::TryFrom<$name> for $crate::event::Event {
            type Error = $crate::json::JsonError;

            /// # Errors
            /// The URI of the type is not absolute, or the payload is not written as a JSON object.
            fn try_from(event: $name) -> ::core::result::Result<Self, Self::Error> {
                match event {
                    $($name::$variant(payload) => {
                        $crate::event::OtherEvent::write(&payload).map(Self::Other)
                    })+
                }
            }
        }
    };
}

/// Prints `name` and the names of the members that `value` has on the wire.
#[doc(hidden)]
pub fn __fmt_members(
    name: &str,
    value: &impl Serialize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let json = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    let members = Members::parse(&json).map_err(|_| fmt::Error)?;
    write!(f, "{name} ")?;
    f.debug_set().entries(members.names()).finish()
}

/// Gives payloads a `Debug` that prints which members are there and no values: they tell of people and their secrets.
macro_rules! hide_values {
    ($($payload:ident),+ $(,)?) => {$(
        impl ::core::fmt::Debug for $payload {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::event::__fmt_members(::core::stringify!($payload), self, f)
            }
        }
    )+};
}

/// Declares event types that define no members of their own.
macro_rules! bare_events {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)+) => {
        $(
            $(#[$doc])*
            ///
            /// The type defines no members.
            #[derive(Clone, Default, Eq, PartialEq, ::serde::Serialize)]
            #[non_exhaustive]
            pub struct $name {
                /// Members that the definition of the type does not have.
                #[serde(flatten)]
                pub extra: $crate::json::Extra,
            }

            impl $crate::event::EventPayload for $name {
                const URI: &'static str = $uri;

                fn read(
                    members: $crate::json::Members<'_>,
                ) -> Result<Self, $crate::json::JsonError> {
                    Ok(Self { extra: members.rest() })
                }
            }
        )+
        $crate::event::table::hide_values!($($name),+);
    };
}

/// Declares an open list: values that a definition names, and room for those that it does not.
macro_rules! open_list {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $value:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A value that the definition does not name; the event counts nevertheless.
            Other(String),
        }

        impl $name {
            /// The value on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Other(value) => value,
                }
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                match value.as_str() {
                    $($value => Self::$variant,)+
                    _ => Self::Other(value),
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
                String::deserialize(deserializer).map(Self::from)
            }
        }

        impl ::core::fmt::Debug for $name {
            /// Prints the name of the variant; what the definition does not name may be anything.
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => ::core::stringify!($variant),)+
                    Self::Other(_) => "Other",
                })
            }
        }
    };
}

pub(crate) use {bare_events, hide_values, open_list};

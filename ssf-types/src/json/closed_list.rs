//! Strings of which a definition names all.

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

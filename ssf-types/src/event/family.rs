//! The specifications that define the types of the event table.

use super::Event;

/// A specification whose event types are in the table; its types share the beginning of their URIs.
///
/// ```
/// use ssf_types::event::Family;
///
/// let caep = Family::Caep.event_types().count();
/// assert_eq!(caep, 8);
/// assert_eq!(Family::of("https://schemas.openid.net/secevent/risc/event-type/opt-in"), Some(Family::Risc));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Family {
    /// SSF 1.0: events about the stream itself, which flow on every stream (SSF 1.0 §8.1.4, §8.1.5).
    Ssf,
    /// CAEP 1.0: sessions, tokens, credentials, devices and risks.
    Caep,
    /// RISC 1.0: accounts and identifiers.
    Risc,
    /// OAuth Event Types 1.0, a draft of 2018 that Google speaks.
    Oauth,
}

impl Family {
    /// All families, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Ssf, Self::Caep, Self::Risc, Self::Oauth];

    /// What the URIs of the family begin with; the name of the type follows.
    pub const fn base_uri(self) -> &'static str {
        match self {
            Self::Ssf => "https://schemas.openid.net/secevent/ssf/event-type/",
            Self::Caep => "https://schemas.openid.net/secevent/caep/event-type/",
            Self::Risc => "https://schemas.openid.net/secevent/risc/event-type/",
            Self::Oauth => "https://schemas.openid.net/secevent/oauth/event-type/",
        }
    }

    /// The family that an event type of the table belongs to; `None` if the table does not have the type.
    pub fn of(event_type: &str) -> Option<Self> {
        let known = Event::EVENT_TYPES.contains(&event_type);
        Self::ALL
            .into_iter()
            .find(|family| known && event_type.starts_with(family.base_uri()))
    }

    /// The URIs of the family's event types, in the order of the table.
    pub fn event_types(self) -> impl Iterator<Item = &'static str> {
        Event::EVENT_TYPES
            .iter()
            .copied()
            .filter(move |uri| uri.starts_with(self.base_uri()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_belongs_to_one_family() {
        let counts = Family::ALL.map(|family| family.event_types().count());
        assert_eq!(counts, [2, 8, 14, 6]);
        assert_eq!(Event::EVENT_TYPES.len(), 30);
        for family in Family::ALL {
            assert!(
                family
                    .event_types()
                    .all(|uri| Family::of(uri) == Some(family))
            );
        }
    }

    #[test]
    fn a_type_that_the_table_lacks_has_no_family() {
        let unknown = "https://schemas.openid.net/secevent/risc/event-type/verification";
        assert_eq!(Family::of(unknown), None);
    }
}

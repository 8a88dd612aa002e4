//! Sources: who may hand in events, of which types, and about whose subjects.

use std::{fmt, str::FromStr};

use ssf_types::{
    event::Family,
    subject::{SimpleSubject, Subject},
    uri::{EventTypeUri, Issuer},
};

use super::{event::NewEvent, id::SourceId, issuer::IssuerName, name::Name, quota::OwnQuota};

/// Most entries of a list of types or issuers.
pub const SOURCE_LIST_MAX: usize = 64;

/// Longest issuer in such a list, in bytes.
const SUBJECT_ISSUER_BYTES_MAX: usize = 2048;

/// The families that can be named: those of which a source may hand in events.
const FAMILIES: [(&str, Family); 3] = [
    ("caep", Family::Caep),
    ("risc", Family::Risc),
    ("oauth", Family::Oauth),
];

/// Types of events that a source may hand in: one, or all of a family that the specifications define.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventTypes {
    /// Every type that the transmitter supports.
    All,
    /// Those that one of the patterns has.
    Listed(Vec<EventTypePattern>),
}

/// A type, or all types of a family. As text: a URI, or `caep`, `risc` or `oauth`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventTypePattern {
    /// All of them.
    Family(Family),
    /// This one.
    Type(EventTypeUri),
}

/// The text cannot limit a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is no type of events.
    #[error("an event type is a URI, or a family: caep, risc or oauth")]
    EventType,
    /// It is no issuer.
    #[error("a subject issuer has 1 to {SUBJECT_ISSUER_BYTES_MAX} bytes and no control characters")]
    SubjectIssuer,
    /// The list is empty or too long.
    #[error("a list has 1 to {SOURCE_LIST_MAX} entries")]
    List,
}

impl FromStr for EventTypePattern {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some((_, family)) = FAMILIES.into_iter().find(|(name, _)| *name == text) {
            return Ok(Self::Family(family));
        }
        EventTypeUri::parse(text)
            .map(Self::Type)
            .map_err(|_| SourceError::EventType)
    }
}

impl fmt::Display for EventTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family(family) => {
                let mut families = FAMILIES.into_iter();
                let named = families.find(|(_, known)| known == family);
                f.write_str(named.map_or("", |(name, _)| name))
            }
            Self::Type(uri) => f.write_str(uri.as_str()),
        }
    }
}

impl EventTypes {
    /// Those that these texts name; no texts mean all.
    ///
    /// # Errors
    /// A text names nothing, or there are too many.
    pub fn named<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, SourceError> {
        let patterns: Vec<EventTypePattern> = texts
            .into_iter()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        match patterns.len() {
            0 => Ok(Self::All),
            1..=SOURCE_LIST_MAX => Ok(Self::Listed(patterns)),
            _ => Err(SourceError::List),
        }
    }

    /// The texts that name them; none for all.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::All => Vec::new(),
            Self::Listed(patterns) => patterns.iter().map(ToString::to_string).collect(),
        }
    }

    fn allow(&self, uri: &EventTypeUri) -> bool {
        match self {
            Self::All => true,
            Self::Listed(patterns) => patterns.iter().any(|pattern| match pattern {
                EventTypePattern::Family(family) => Family::of(uri.as_str()) == Some(*family),
                EventTypePattern::Type(listed) => listed == uri,
            }),
        }
    }
}

/// Whose subjects a source may speak of: the values of `iss` or `issuer` in any identifier of any member of a subject.
///
/// Formats without an issuer are not limited. One that is not known counts as having a foreign issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubjectIssuers {
    /// Those of the issuer that the source hands in events for.
    Own,
    /// Those of these issuers alone.
    Listed(Vec<String>),
    /// Everybody's.
    Any,
}

impl SubjectIssuers {
    /// These issuers.
    ///
    /// # Errors
    /// One is none, there is none, or there are too many.
    pub fn listed(issuers: Vec<String>) -> Result<Self, SourceError> {
        if !(1..=SOURCE_LIST_MAX).contains(&issuers.len()) {
            return Err(SourceError::List);
        }
        let fits = |issuer: &String| {
            (1..=SUBJECT_ISSUER_BYTES_MAX).contains(&issuer.len())
                && !issuer.chars().any(char::is_control)
        };
        if !issuers.iter().all(fits) {
            return Err(SourceError::SubjectIssuer);
        }
        Ok(Self::Listed(issuers))
    }

    fn allow(&self, subject: &Subject, own: &Issuer) -> bool {
        match subject {
            Subject::Simple(simple) => self.allow_simple(simple, own),
            Subject::Complex(complex) => {
                let mut members = complex.members();
                members.all(|(_, member)| self.allow_simple(member, own))
            }
            // Whatever it is, nobody can tell whose it is.
            _ => *self == Self::Any,
        }
    }

    fn allow_simple(&self, subject: &SimpleSubject, own: &Issuer) -> bool {
        match subject {
            SimpleSubject::IssSub { iss, .. } | SimpleSubject::JwtId { iss, .. } => {
                self.allow_issuer(iss, own)
            }
            SimpleSubject::SamlAssertionId { issuer, .. } => self.allow_issuer(issuer, own),
            SimpleSubject::Aliases { identifiers } => identifiers
                .iter()
                .all(|identifier| self.allow_simple(identifier, own)),
            SimpleSubject::Account { .. }
            | SimpleSubject::Email { .. }
            | SimpleSubject::Opaque { .. }
            | SimpleSubject::PhoneNumber { .. }
            | SimpleSubject::Did { .. }
            | SimpleSubject::Uri { .. }
            | SimpleSubject::IpAddresses { .. }
            | SimpleSubject::OauthToken { .. }
            | SimpleSubject::OauthClient { .. }
            | SimpleSubject::Scim { .. } => true,
            // Nobody can tell whose it is.
            SimpleSubject::Other(_) | _ => *self == Self::Any,
        }
    }

    fn allow_issuer(&self, issuer: &str, own: &Issuer) -> bool {
        match self {
            Self::Own => issuer == own.as_str(),
            Self::Listed(issuers) => issuers.iter().any(|listed| listed == issuer),
            Self::Any => true,
        }
    }
}

/// Somebody who may hand in events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// Given when it is added.
    pub id: SourceId,
    /// No two have the same.
    pub name: Name,
    /// For whom it hands in events.
    pub issuer: IssuerName,
    /// Which events.
    pub event_types: EventTypes,
    /// About whom.
    pub subject_issuers: SubjectIssuers,
    /// How many.
    pub quota: OwnQuota,
}

/// A source said what it may not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceRefusal {
    /// The event is of another type.
    #[error("this source must not hand in events of this type")]
    EventType,
    /// The subject is somebody else's.
    #[error("this source must not speak of subjects of this issuer")]
    SubjectIssuer,
}

impl Source {
    /// Checks whether the source may say this; `own` is the issuer that it hands in events for.
    ///
    /// # Errors
    /// Names the rule that the event breaks.
    pub fn admits(&self, event: &NewEvent, own: &Issuer) -> Result<(), SourceRefusal> {
        if !self.event_types.allow(&event.event.uri()) {
            return Err(SourceRefusal::EventType);
        }
        if !self.subject_issuers.allow(&event.sub_id, own) {
            return Err(SourceRefusal::SubjectIssuer);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::event::Event;
    use uuid::Uuid;

    use super::*;

    const LOGOUT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    const PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";

    fn own() -> Issuer {
        Issuer::parse("https://idp.example.com").unwrap()
    }

    fn source(types: &[&str], issuers: SubjectIssuers) -> Source {
        Source {
            id: SourceId::new(Uuid::from_u128(1)),
            name: Name::parse("hr").unwrap(),
            issuer: IssuerName::default(),
            event_types: EventTypes::named(types.iter().copied()).unwrap(),
            subject_issuers: issuers,
            quota: OwnQuota::default(),
        }
    }

    fn event(uri: &str, subject: &str) -> NewEvent {
        let uri = EventTypeUri::parse(uri).unwrap();
        let subject: Subject = serde_json::from_str(subject).unwrap();
        NewEvent::new(subject, Event::read(&uri, "{}").unwrap())
    }

    #[test]
    fn a_source_hands_in_the_types_that_it_is_bound_to_alone() {
        let subject = r#"{"format":"opaque","id":"1"}"#;
        for (types, logout, purged) in [
            (&[][..], Ok(()), Ok(())),
            (&["caep"], Ok(()), Err(SourceRefusal::EventType)),
            (&["risc", LOGOUT], Ok(()), Ok(())),
            (&[PURGED], Err(SourceRefusal::EventType), Ok(())),
        ] {
            let source = source(types, SubjectIssuers::Own);
            assert_eq!(
                source.admits(&event(LOGOUT, subject), &own()),
                logout,
                "{types:?}"
            );
            assert_eq!(
                source.admits(&event(PURGED, subject), &own()),
                purged,
                "{types:?}"
            );
        }
    }

    /// Each place in a subject where an issuer can stand.
    fn of_issuer(issuer: &str) -> Vec<String> {
        let iss_sub = format!(r#"{{"format":"iss_sub","iss":"{issuer}","sub":"1"}}"#);
        let email = r#"{"format":"email","email":"a@example.com"}"#;
        let aliases = format!(r#"{{"format":"aliases","identifiers":[{email},{iss_sub}]}}"#);
        vec![
            format!(r#"{{"format":"jwt_id","iss":"{issuer}","jti":"1"}}"#),
            format!(r#"{{"format":"saml_assertion_id","issuer":"{issuer}","assertion_id":"1"}}"#),
            format!(r#"{{"format":"complex","user":{email},"tenant":{iss_sub}}}"#),
            format!(
                r#"{{"format":"complex","session":{{"format":"opaque","id":"1"}},"user":{aliases}}}"#
            ),
            aliases,
            iss_sub,
        ]
    }

    #[test]
    fn a_subject_of_another_issuer_is_refused_wherever_that_stands() {
        let other = || SubjectIssuers::listed(vec!["https://hr.example.com".into()]).unwrap();
        let refused = Err(SourceRefusal::SubjectIssuer);
        for subject in of_issuer("https://idp.example.com") {
            let event = event(LOGOUT, &subject);
            let admitted = |issuers| source(&[], issuers).admits(&event, &own());
            assert_eq!(admitted(SubjectIssuers::Own), Ok(()), "{subject}");
            assert_eq!(admitted(other()), refused, "{subject}");
            assert_eq!(admitted(SubjectIssuers::Any), Ok(()), "{subject}");
        }
        for subject in of_issuer("https://hr.example.com") {
            let event = event(LOGOUT, &subject);
            let admitted = |issuers| source(&[], issuers).admits(&event, &own());
            assert_eq!(admitted(SubjectIssuers::Own), refused, "{subject}");
            assert_eq!(admitted(other()), Ok(()), "{subject}");
            assert_eq!(admitted(SubjectIssuers::Any), Ok(()), "{subject}");
        }
    }

    #[test]
    fn a_subject_in_an_unknown_format_is_left_to_those_who_may_speak_of_everybody() {
        let event = event(
            LOGOUT,
            r#"{"format":"example","who":"https://idp.example.com"}"#,
        );
        let admitted = |issuers| source(&[], issuers).admits(&event, &own());
        assert_eq!(
            admitted(SubjectIssuers::Own),
            Err(SourceRefusal::SubjectIssuer)
        );
        assert_eq!(admitted(SubjectIssuers::Any), Ok(()));
    }

    #[test]
    fn limits_that_would_mean_nothing_are_refused() {
        assert_eq!(EventTypes::named(["cap"]), Err(SourceError::EventType));
        assert_eq!(EventTypes::named(["ssf"]), Err(SourceError::EventType));
        assert_eq!(EventTypes::named(vec!["caep"; 65]), Err(SourceError::List));
        assert_eq!(SubjectIssuers::listed(vec![]), Err(SourceError::List));
        for issuer in ["", "a\nb"] {
            let listed = SubjectIssuers::listed(vec![issuer.to_owned()]);
            assert_eq!(listed, Err(SourceError::SubjectIssuer));
        }
        let types = EventTypes::named(["caep", PURGED]).unwrap();
        assert_eq!(types.names(), ["caep", PURGED]);
    }
}

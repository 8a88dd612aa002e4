//! Scopes: what a token lets its bearer do (CAEP Interoperability Profile 1.0 §2.7.2).

use std::fmt;

/// Most bytes of a list of scopes that is read; all that there are have 32 together, others' have a few hundred.
pub const SCOPES_BYTES_MAX: usize = 4096;

/// One right.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// `ssf.read`: reading streams and statuses, and polling.
    Read,
    /// `ssf.manage`: everything.
    Manage,
    /// `ssf.manage.poll`: polling alone.
    ManagePoll,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Manage, Self::ManagePoll];

    /// The scope as it stands in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "ssf.read",
            Self::Manage => "ssf.manage",
            Self::ManagePoll => "ssf.manage.poll",
        }
    }

    /// The scope that `text` names; scopes are case-sensitive (RFC 6749 §3.3).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Whether whoever has this scope may do all that `other` lets.
    fn covers(self, other: Self) -> bool {
        match self {
            Self::Manage => true,
            Self::Read => other != Self::Manage,
            Self::ManagePoll => other == Self::ManagePoll,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request does, as far as it needs a right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// Reads, and changes nothing.
    Read,
    /// Takes SETs, and acknowledges them.
    Poll,
    /// Changes something, or has something sent.
    Manage,
}

impl Need {
    /// The least scope that is enough; it is what a refusal names (RFC 6750 §3.1).
    pub const fn least_scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Poll => Scope::ManagePoll,
            Self::Manage => Scope::Manage,
        }
    }
}

/// A set of scopes, written as one text with blanks between them (RFC 6749 §3.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scopes(Vec<Scope>);

/// A text is not a list of scopes that there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the scopes are ssf.read, ssf.manage and ssf.manage.poll, with blanks between them")]
pub struct ScopesError;

impl Scopes {
    /// Those of a Receiver that nobody restricted.
    pub fn all() -> Self {
        Self::of([Scope::Read, Scope::Manage])
    }

    /// Those in `scopes`.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Reads a list in which every scope is one that there is, and that has at least one.
    ///
    /// # Errors
    /// It has others, none, or more than [`SCOPES_BYTES_MAX`] bytes.
    pub fn parse(text: &str) -> Result<Self, ScopesError> {
        if text.len() > SCOPES_BYTES_MAX {
            return Err(ScopesError);
        }
        let named = text.split(' ').filter(|name| !name.is_empty());
        let scopes: Option<Vec<Scope>> = named.map(Scope::parse).collect();
        match scopes {
            Some(scopes) if !scopes.is_empty() => Ok(Self::of(scopes)),
            Some(_) | None => Err(ScopesError),
        }
    }

    /// Reads those scopes of a foreign list that there are here; the others are somebody else's.
    pub fn recognised<'t>(names: impl IntoIterator<Item = &'t str>) -> Self {
        Self::of(names.into_iter().filter_map(Scope::parse))
    }

    /// Whether they are enough for `need`.
    pub fn allow(&self, need: Need) -> bool {
        self.cover(need.least_scope())
    }

    /// Narrows these to `asked`, or to themselves if nothing was asked for; `None` if it asks for more.
    pub fn narrowed(&self, asked: Option<&Self>) -> Option<Self> {
        let Some(asked) = asked else {
            return Some(self.clone());
        };
        let covered = asked.0.iter().all(|scope| self.cover(*scope));
        covered.then(|| asked.clone())
    }

    fn cover(&self, scope: Scope) -> bool {
        self.0.iter().any(|own| own.covers(scope))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn managing_includes_everything_reading_includes_polling_and_polling_nothing_else() {
        let allowed = |text: &str| {
            [Need::Read, Need::Poll, Need::Manage].map(|need| scopes(text).allow(need))
        };
        assert_eq!(allowed("ssf.manage"), [true, true, true]);
        assert_eq!(allowed("ssf.read"), [true, true, false]);
        assert_eq!(allowed("ssf.manage.poll"), [false, true, false]);
        assert_eq!(allowed("ssf.read ssf.manage"), [true, true, true]);
    }

    #[test]
    fn a_list_is_written_once_and_in_one_order() {
        let list = scopes(" ssf.manage  ssf.read ssf.manage ");
        assert_eq!(list.to_string(), "ssf.read ssf.manage");
        assert_eq!(list, Scopes::all());
    }

    #[test]
    fn a_list_with_what_there_is_not_or_with_nothing_is_refused() {
        let long = "ssf.read ".repeat(500);
        for text in [
            "",
            " ",
            "ssf.Read",
            "ssf.read,ssf.manage",
            "ssf.read admin",
            &long,
        ] {
            assert_eq!(Scopes::parse(text), Err(ScopesError), "{text}");
        }
    }

    #[test]
    fn of_a_foreign_list_only_our_scopes_count() {
        let found = Scopes::recognised(["openid", "ssf.read", "SSF.MANAGE", "ssf.manage2"]);
        assert_eq!(found, scopes("ssf.read"));
        assert!(!Scopes::recognised(["openid"]).allow(Need::Read));
    }

    #[test]
    fn scopes_are_narrowed_and_never_widened() {
        let read = scopes("ssf.read");
        assert_eq!(Scopes::all().narrowed(Some(&read)), Some(read.clone()));
        assert_eq!(
            scopes("ssf.manage").narrowed(Some(&read)),
            Some(read.clone())
        );
        assert_eq!(read.narrowed(None), Some(read.clone()));
        assert_eq!(read.narrowed(Some(&Scopes::all())), None);
        let poll = scopes("ssf.manage.poll");
        assert_eq!(read.narrowed(Some(&poll)), Some(poll.clone()));
        assert_eq!(poll.narrowed(Some(&read)), None);
    }
}

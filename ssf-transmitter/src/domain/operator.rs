//! Operators: who may look after this transmitter over HTTP.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{id::OperatorId, name::Name};

/// Something that an operator may do. Each scope stands by itself: none includes another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OperatorScope {
    /// See Receivers, sources, streams, keys and the audit log.
    Read,
    /// Change them.
    Manage,
    /// Hand in events, and ask who would get one.
    Emit,
}

impl OperatorScope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Manage, Self::Emit];

    /// The scope as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "ops.read",
            Self::Manage => "ops.manage",
            Self::Emit => "ops.emit",
        }
    }
}

impl fmt::Display for OperatorScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a scope is ops.read, ops.manage or ops.emit, and an operator has one at least")]
pub struct ScopeError;

impl FromStr for OperatorScope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }
}

/// What one operator may do. As text: scopes, separated by blanks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OperatorScopes(BTreeSet<OperatorScope>);

impl OperatorScopes {
    /// Everything.
    pub fn all() -> Self {
        Self(OperatorScope::ALL.into())
    }

    /// These scopes.
    ///
    /// # Errors
    /// There is none.
    pub fn new(scopes: impl IntoIterator<Item = OperatorScope>) -> Result<Self, ScopeError> {
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        if scopes.is_empty() {
            return Err(ScopeError);
        }
        Ok(Self(scopes))
    }

    /// Whether `scope` is among them.
    pub fn allow(&self, scope: OperatorScope) -> bool {
        self.0.contains(&scope)
    }
}

impl FromStr for OperatorScopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let scopes: Result<Vec<_>, _> = text.split(' ').map(str::parse).collect();
        Self::new(scopes?)
    }
}

impl fmt::Display for OperatorScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
        }
        Ok(())
    }
}

/// Somebody who may look after this transmitter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operator {
    /// Given when it is added.
    pub id: OperatorId,
    /// No two have the same.
    pub name: Name,
    /// What it may do.
    pub scopes: OperatorScopes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_being_written_and_no_scope_includes_another() {
        let scopes: OperatorScopes = "ops.emit ops.manage".parse().unwrap();
        assert_eq!(scopes.to_string(), "ops.manage ops.emit");
        assert!(scopes.allow(OperatorScope::Manage) && scopes.allow(OperatorScope::Emit));
        assert!(!scopes.allow(OperatorScope::Read));
        assert_eq!(
            OperatorScopes::all().to_string(),
            "ops.read ops.manage ops.emit"
        );
    }

    #[test]
    fn what_is_not_a_scope_is_refused() {
        for text in ["", "ops", "ssf.read", "ops.read  ops.emit", "OPS.READ"] {
            assert_eq!(text.parse::<OperatorScopes>(), Err(ScopeError), "{text}");
        }
    }
}

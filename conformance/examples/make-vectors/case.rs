//! One row of the table: a SET, what a receiver has to say to it, and why.

use std::cell::RefCell;

use serde_json::{Map, Value, json};

use crate::{
    keys::Keys,
    token::{AUDIENCE, IAT, ISSUER, Token},
};

/// What the verdict rests on.
#[derive(Clone, Copy)]
enum Basis {
    Rule,
    Reading,
    Limit,
}

/// A requirement with the section that states it.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) requirement: &'static str,
    pub(crate) section: &'static str,
}

/// A SET and its verdict.
pub(crate) struct Case {
    name: String,
    rule: Rule,
    why: String,
    codes: Vec<&'static str>,
    basis: Basis,
    jwks: &'static str,
    issuer: &'static str,
    audience: Vec<&'static str>,
    group: &'static str,
    // Taken when the token is made, since recipes hold functions that run once.
    token: RefCell<Option<Token>>,
}

impl Rule {
    /// A SET that has to be accepted.
    pub(crate) fn accept(
        self,
        name: impl Into<String>,
        why: impl Into<String>,
        token: Token,
    ) -> Case {
        self.case(name, why, Vec::new(), token)
    }

    /// A SET that has to be refused with this code (RFC 8935 §2.4).
    pub(crate) fn refuse(
        self,
        name: impl Into<String>,
        code: &'static str,
        why: impl Into<String>,
        token: Token,
    ) -> Case {
        self.case(name, why, vec![code], token)
    }

    fn case(
        self,
        name: impl Into<String>,
        why: impl Into<String>,
        codes: Vec<&'static str>,
        token: Token,
    ) -> Case {
        Case {
            name: name.into(),
            rule: self,
            why: why.into(),
            codes,
            basis: Basis::Rule,
            jwks: "main",
            issuer: ISSUER,
            audience: vec![AUDIENCE],
            group: "",
            token: RefCell::new(Some(token)),
        }
    }
}

impl Case {
    /// The specifications leave it open, and this is how we read them.
    pub(crate) fn reading(self) -> Self {
        Self {
            basis: Basis::Reading,
            ..self
        }
    }

    /// An implementation chooses its own limit; this one is ours.
    pub(crate) fn limit(self) -> Self {
        Self {
            basis: Basis::Limit,
            ..self
        }
    }

    /// Another code that says the same.
    pub(crate) fn or(mut self, code: &'static str) -> Self {
        self.codes.push(code);
        self
    }

    /// The keys that the issuer publishes.
    pub(crate) fn keys(self, jwks: &'static str) -> Self {
        Self { jwks, ..self }
    }

    /// The issuer of the stream.
    pub(crate) fn issuer(self, issuer: &'static str) -> Self {
        Self { issuer, ..self }
    }

    /// The names of the receiver.
    pub(crate) fn audience(self, audience: &[&'static str]) -> Self {
        Self {
            audience: audience.to_vec(),
            ..self
        }
    }

    /// What the case is about.
    pub(crate) fn group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    pub(crate) fn to_json(&self, keys: &Keys) -> Value {
        let token = self
            .token
            .borrow_mut()
            .take()
            .expect("a case is written once");
        let mut set = Map::new();
        let mut put = |name: &str, value: Value| set.insert(name.to_owned(), value);
        put("name", json!(self.name));
        put("group", json!(self.group));
        put(
            "verdict",
            json!(if self.codes.is_empty() {
                "accept"
            } else {
                "refuse"
            }),
        );
        if let Some((code, others)) = self.codes.split_first() {
            put("code", json!(code));
            if !others.is_empty() {
                put("or_code", json!(others));
            }
        }
        put("why", json!(self.why));
        put("requirement", json!(self.rule.requirement));
        put("section", json!(self.rule.section));
        put("basis", json!(self.basis.as_str()));
        put("jwks", json!(self.jwks));
        put("issuer", json!(self.issuer));
        put("audience", json!(self.audience));
        put("now", json!(IAT + 5));
        put("token", json!(token.make(&self.name, keys)));
        Value::Object(set)
    }
}

impl Basis {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Reading => "reading",
            Self::Limit => "limit",
        }
    }
}

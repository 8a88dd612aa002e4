//! The issuers that one transmitter speaks for.
//!
//! An issuer has a name, under which the database knows what belongs to it, and a URL, which is the `iss` of its SETs. So
//! a URL can change, as the derived one of a development server does with its port, and nothing has to be rewritten.

use std::{collections::BTreeMap, fmt};

use ssf_types::uri::Issuer;

/// Longest name of an issuer, in bytes.
pub const ISSUER_NAME_BYTES_MAX: usize = 32;

/// Most issuers of one transmitter besides the main one: each has routes and keys of its own in memory.
pub const OTHER_ISSUERS_MAX: usize = 1000;

/// First segments of paths that an issuer cannot have, since the transmitter itself answers there.
const RESERVED: [&str; 10] = [
    ".well-known",
    "health",
    "ingest",
    "jwks.json",
    "metrics",
    "oauth",
    "openapi.json",
    "operator",
    "ready",
    "ssf",
];

/// What the database calls an issuer.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerName(String);

/// The text cannot name an issuer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an issuer's name has 1 to {ISSUER_NAME_BYTES_MAX} of the characters a-z, 0-9 and -, and begins with a letter"
)]
pub struct IssuerNameError;

impl IssuerName {
    /// The name of the issuer that is there without further configuration.
    pub const MAIN: &'static str = "main";

    /// Reads a name.
    ///
    /// # Errors
    /// The text is empty, longer than [`ISSUER_NAME_BYTES_MAX`], or has other characters.
    pub fn parse(name: impl Into<String>) -> Result<Self, IssuerNameError> {
        let name = name.into();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.len() > ISSUER_NAME_BYTES_MAX
            || !name.starts_with(|first: char| first.is_ascii_lowercase())
            || !name.bytes().all(fits)
        {
            return Err(IssuerNameError);
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for IssuerName {
    /// The main issuer's.
    fn default() -> Self {
        Self(Self::MAIN.to_owned())
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All issuers of a transmitter: the main one, and perhaps others, each below a path of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuers(BTreeMap<IssuerName, Issuer>);

/// Two issuers cannot be served side by side, or one cannot be served at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuersError {
    /// A name stands twice, or is that of the main issuer.
    #[error("{0} names two issuers")]
    NameTwice(IssuerName),
    /// Requests are told apart by their paths, and two have the same.
    #[error("{0} and {1} have the same path: give each a path of its own")]
    PathTwice(IssuerName, IssuerName),
    /// The path begins with one of the transmitter's own.
    #[error("the path of {0} begins with /{1}, which the transmitter itself uses")]
    PathReserved(IssuerName, &'static str),
    /// There are more than [`OTHER_ISSUERS_MAX`].
    #[error("there are at most {OTHER_ISSUERS_MAX} issuers besides {main}", main = IssuerName::MAIN)]
    TooMany,
}

impl Issuers {
    /// One issuer alone.
    pub fn only(main: Issuer) -> Self {
        Self(BTreeMap::from([(IssuerName::default(), main)]))
    }

    /// The main issuer and others.
    ///
    /// # Errors
    /// Two have one name or one path, a path is the transmitter's own, or there are too many.
    pub fn new(
        main: Issuer,
        others: impl IntoIterator<Item = (IssuerName, Issuer)>,
    ) -> Result<Self, IssuersError> {
        let mut issuers = Self(BTreeMap::new());
        issuers.add(IssuerName::default(), main)?;
        for (name, issuer) in others {
            issuers.add(name, issuer)?;
        }
        if issuers.0.len() > OTHER_ISSUERS_MAX + 1 {
            return Err(IssuersError::TooMany);
        }
        Ok(issuers)
    }

    fn add(&mut self, name: IssuerName, issuer: Issuer) -> Result<(), IssuersError> {
        let path = path_of(&issuer);
        let first = path.trim_start_matches('/').split('/').next();
        if let Some(reserved) = RESERVED.into_iter().find(|own| first == Some(own)) {
            return Err(IssuersError::PathReserved(name, reserved));
        }
        let same_path = |(_, other): &(&IssuerName, &Issuer)| path_of(other) == path;
        if let Some((other, _)) = self.0.iter().find(same_path) {
            return Err(IssuersError::PathTwice(other.clone(), name));
        }
        if self.0.contains_key(&name) {
            return Err(IssuersError::NameTwice(name));
        }
        self.0.insert(name, issuer);
        Ok(())
    }

    /// The one that is configured as `issuer`.
    #[expect(
        clippy::expect_used,
        reason = "both ways to make a list put the main issuer into it, and nothing takes it out"
    )]
    pub(crate) fn main(&self) -> &Issuer {
        self.of(&IssuerName::default())
            .expect("the main issuer is there")
    }

    /// The issuer called `name`; `None` if this transmitter does not speak for it, or not any more.
    pub fn of(&self, name: &IssuerName) -> Option<&Issuer> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&IssuerName, &Issuer)> {
        self.0.iter()
    }
}

/// The path of an issuer, without a slash at its end: what requests to it are told apart by.
pub fn path_of(issuer: &Issuer) -> String {
    let url = issuer.to_url();
    let path = url.path();
    path.strip_suffix('/').unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str) -> Issuer {
        Issuer::parse(url).unwrap()
    }

    fn name(name: &str) -> IssuerName {
        IssuerName::parse(name).unwrap()
    }

    fn with(others: &[(&str, &str)]) -> Result<Issuers, IssuersError> {
        let others = others.iter().map(|(known, url)| (name(known), issuer(url)));
        Issuers::new(issuer("https://idp.example.com"), others)
    }

    #[test]
    fn each_issuer_is_found_by_its_name_alone() {
        let issuers = with(&[("acme", "https://idp.example.com/acme")]).unwrap();
        let acme = issuers.of(&name("acme")).unwrap();
        assert_eq!(acme.as_str(), "https://idp.example.com/acme");
        let main = issuers.of(&IssuerName::default()).unwrap();
        assert_eq!(main.as_str(), "https://idp.example.com");
        assert_eq!(issuers.of(&name("other")), None);
    }

    #[test]
    fn two_issuers_have_two_names_and_two_paths() {
        let acme = ("acme", "https://idp.example.com/acme");
        assert_eq!(
            with(&[acme, ("acme", "https://idp.example.com/b")]),
            Err(IssuersError::NameTwice(name("acme")))
        );
        assert_eq!(
            with(&[("main", "https://idp.example.com/b")]),
            Err(IssuersError::NameTwice(name("main")))
        );
        for other in [
            "https://idp.example.com/acme/",
            "https://b.example.com/acme",
        ] {
            let twice = with(&[acme, ("b", other)]);
            let expected = IssuersError::PathTwice(name("acme"), name("b"));
            assert_eq!(twice, Err(expected), "{other}");
        }
        assert_eq!(
            with(&[("b", "https://idp.example.com/")]),
            Err(IssuersError::PathTwice(name("main"), name("b")))
        );
    }

    #[test]
    fn no_issuer_stands_where_the_transmitter_itself_answers() {
        for reserved in RESERVED {
            let url = format!("https://idp.example.com/{reserved}/deeper");
            let refused = with(&[("acme", &url)]);
            let expected = IssuersError::PathReserved(name("acme"), reserved);
            assert_eq!(refused, Err(expected));
        }
        assert!(with(&[("acme", "https://idp.example.com/ssf-acme")]).is_ok());
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "acme", "tenant-7", &"a".repeat(32)] {
            assert_eq!(IssuerName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "7",
            "-a",
            "Acme",
            "a_b",
            "a b",
            "ä",
            "a/b",
            &"a".repeat(33),
        ] {
            assert_eq!(IssuerName::parse(bad), Err(IssuerNameError), "{bad}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let many = |count: usize| {
            let one = |number| {
                let url = format!("https://idp.example.com/t{number}");
                (name(&format!("t{number}")), issuer(&url))
            };
            Issuers::new(issuer("https://idp.example.com"), (0..count).map(one))
        };
        assert!(many(OTHER_ISSUERS_MAX).is_ok());
        assert_eq!(many(OTHER_ISSUERS_MAX + 1), Err(IssuersError::TooMany));
    }
}

//! What a client asks the token endpoint for (RFC 6749 §4.4.2), and how it shows who it is.

use std::{borrow::Cow, fmt};

use secrecy::SecretString;
use url::form_urlencoded;

use super::scope::{Scopes, ScopesError};

/// The grant that there is (RFC 6749 §4.4).
pub const GRANT_TYPE: &str = "client_credentials";

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request for a token.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenRequest {
    /// How the client shows who it is.
    pub proof: ClientProof,
    /// What it wants the token for; all that it may do if it does not say.
    pub scopes: Option<Scopes>,
}

/// How a client shows who it is.
pub enum ClientProof {
    /// By a secret, in the header (`client_secret_basic`) or in the body (`client_secret_post`).
    Secret {
        /// Who it says to be.
        client_id: String,
        /// The secret that it was given.
        secret: SecretString,
    },
    /// By a JWT that it signed (`private_key_jwt`).
    Assertion {
        /// Who it says to be, if it does so beside the JWT.
        client_id: Option<String>,
        /// The JWT.
        assertion: SecretString,
    },
}

impl fmt::Debug for ClientProof {
    /// Shows which way it is; the client may have put its secret in the place of its id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret { .. } => "ClientProof::Secret(…)",
            Self::Assertion { .. } => "ClientProof::Assertion(…)",
        })
    }
}

/// A request for a token is not one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRequestError {
    /// A parameter stands twice (RFC 6749 §3.2).
    #[error("a parameter must not stand twice")]
    Repeated,
    /// A parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// Another grant than the one that there is.
    #[error("grant_type must be {GRANT_TYPE}")]
    GrantType,
    /// The client shows who it is in two ways (RFC 6749 §2.3).
    #[error("the client must authenticate in one way alone")]
    TwoWays,
    /// The client does not show who it is.
    #[error("the client must authenticate, by a secret or by a JWT")]
    NoWay,
    /// The client is not the same in two places.
    #[error("client_id in the body must be that in the Authorization header")]
    OtherClient,
    /// An assertion of another kind.
    #[error("client_assertion_type must be {ASSERTION_TYPE}")]
    AssertionType,
    /// Scopes that there are not.
    #[error(transparent)]
    Scope(ScopesError),
}

impl TokenRequest {
    /// Reads a body in `application/x-www-form-urlencoded`; `basic` is the id and the secret of the header, if it has them.
    ///
    /// A parameter without a value counts as missing, and unknown ones count for nothing (RFC 6749 §3.2).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(
        basic: Option<(String, SecretString)>,
        body: &[u8],
    ) -> Result<Self, TokenRequestError> {
        let mut form = Form::parse(body)?;
        if form.required("grant_type")? != GRANT_TYPE {
            return Err(TokenRequestError::GrantType);
        }
        let scopes = form.take("scope").as_deref().map(Scopes::parse);
        Ok(Self {
            proof: proof(basic, &mut form)?,
            scopes: scopes.transpose().map_err(TokenRequestError::Scope)?,
        })
    }
}

fn proof(
    basic: Option<(String, SecretString)>,
    form: &mut Form<'_>,
) -> Result<ClientProof, TokenRequestError> {
    let client_id = form.take("client_id").map(Cow::into_owned);
    let secret = form.take("client_secret").map(Cow::into_owned);
    let assertion = form.take("client_assertion").map(Cow::into_owned);
    match (basic, secret, assertion) {
        (Some((basic_id, secret)), None, None) => match client_id {
            // Some libraries repeat it; another one is a mistake.
            Some(client_id) if client_id != basic_id => Err(TokenRequestError::OtherClient),
            Some(_) | None => Ok(ClientProof::Secret {
                client_id: basic_id,
                secret,
            }),
        },
        (None, Some(secret), None) => Ok(ClientProof::Secret {
            client_id: client_id.ok_or(TokenRequestError::Missing("client_id"))?,
            secret: secret.into(),
        }),
        (None, None, Some(assertion)) => {
            if form.required("client_assertion_type")? != ASSERTION_TYPE {
                return Err(TokenRequestError::AssertionType);
            }
            Ok(ClientProof::Assertion {
                client_id,
                assertion: assertion.into(),
            })
        }
        (None, None, None) => Err(TokenRequestError::NoWay),
        _ => Err(TokenRequestError::TwoWays),
    }
}

/// Parameters that have values.
struct Form<'b>(Vec<(Cow<'b, str>, Cow<'b, str>)>);

impl<'b> Form<'b> {
    fn parse(body: &'b [u8]) -> Result<Self, TokenRequestError> {
        let mut form: Vec<(Cow<'b, str>, Cow<'b, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if KNOWN.contains(&name.as_ref()) {
                if form.iter().any(|(known, _)| *known == name) {
                    return Err(TokenRequestError::Repeated);
                }
                form.push((name, value));
            }
        }
        Ok(Self(form))
    }

    fn take(&mut self, name: &str) -> Option<Cow<'b, str>> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        let (_, value) = self.0.swap_remove(at);
        Some(value).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &'static str) -> Result<Cow<'b, str>, TokenRequestError> {
        self.take(name).ok_or(TokenRequestError::Missing(name))
    }
}

/// The parameters that mean something.
const KNOWN: [&str; 6] = [
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "grant_type",
    "scope",
];

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parse(basic: Option<(&str, &str)>, body: &str) -> Result<TokenRequest, TokenRequestError> {
        let basic = basic.map(|(id, secret)| (id.to_owned(), secret.into()));
        TokenRequest::parse(basic, body.as_bytes())
    }

    fn secret(basic: Option<(&str, &str)>, body: &str) -> (String, String) {
        match parse(basic, body).unwrap().proof {
            ClientProof::Secret { client_id, secret } => {
                (client_id, secret.expose_secret().to_owned())
            }
            ClientProof::Assertion { .. } => panic!("it is a secret"),
        }
    }

    #[test]
    fn a_secret_comes_in_the_header_or_in_the_body() {
        let expected = ("rp".to_owned(), "s+1".to_owned());
        let header = Some(("rp", "s+1"));
        let bare = "grant_type=client_credentials";
        assert_eq!(secret(header, bare), expected);
        let beside = format!("{bare}&client_id=rp&client_secret=");
        assert_eq!(secret(header, &beside), expected);
        let post = format!("{bare}&client_id=rp&client_secret=s%2B1&x=1&x=2");
        assert_eq!(secret(None, &post), expected);
    }

    #[test]
    fn an_assertion_comes_in_the_body_with_its_type() {
        let body = format!(
            "grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type={ASSERTION_TYPE}"
        );
        let ClientProof::Assertion {
            client_id,
            assertion,
        } = parse(None, &body).unwrap().proof
        else {
            panic!("it is an assertion")
        };
        assert_eq!((client_id, assertion.expose_secret()), (None, "a.b.c"));
    }

    #[test]
    fn scopes_are_asked_for_or_left_open() {
        let scopes = |query: &str| {
            let body = format!("grant_type=client_credentials{query}");
            parse(Some(("rp", "s")), &body).map(|request| request.scopes)
        };
        assert_eq!(scopes(""), Ok(None));
        assert_eq!(scopes("&scope="), Ok(None));
        assert_eq!(
            scopes("&scope=ssf.manage+ssf.read"),
            Ok(Some(Scopes::all()))
        );
        assert_eq!(
            scopes("&scope=admin"),
            Err(TokenRequestError::Scope(ScopesError))
        );
    }

    #[test]
    fn what_is_no_request_is_told_by_the_rule_that_it_breaks() {
        use TokenRequestError::{
            AssertionType, GrantType, Missing, NoWay, OtherClient, Repeated, TwoWays,
        };
        let grant = "grant_type=client_credentials";
        let header = Some(("rp", "s"));
        for (basic, body, expected) in [
            (header, String::new(), Missing("grant_type")),
            (header, "grant_type=password".to_owned(), GrantType),
            (header, format!("{grant}&{grant}"), Repeated),
            (header, format!("{grant}&client_id=rq"), OtherClient),
            (header, format!("{grant}&client_secret=s"), TwoWays),
            (header, format!("{grant}&client_assertion=a.b.c"), TwoWays),
            (None, grant.to_owned(), NoWay),
            (None, format!("{grant}&client_id=rp"), NoWay),
            (
                None,
                format!("{grant}&client_secret=s"),
                Missing("client_id"),
            ),
            (
                None,
                format!("{grant}&client_assertion=a&client_assertion_type=x"),
                AssertionType,
            ),
        ] {
            assert_eq!(parse(basic, &body).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn printing_a_request_for_debugging_shows_no_secret() {
        let request = parse(Some(("s3cret", "s3cret")), "grant_type=client_credentials");
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}

//! Asking an authorization server whether a token counts (RFC 7662).

use reqwest::{Method, RequestBuilder, header};
use secrecy::{ExposeSecret, SecretString};
use ssf_types::{
    jose::SignError,
    json::{self, Extra, JsonError, Members},
    uri::EndpointUrl,
};
use tokio::{sync::Semaphore, time::timeout};
use url::form_urlencoded;

use super::{
    Credential, OAuthClient,
    exchange::{ASSERTION_TYPE, signed},
};
use crate::client::{FetchError, Http, REQUEST_TIMEOUT, answered, host_of};

/// Most questions at once: each holds a connection, and the server has others to answer. More wait.
const AT_ONCE_MAX: usize = 256;

const FORM: &str = "application/x-www-form-urlencoded";

/// How it is shown who asks (RFC 7662 §2.1).
#[derive(Clone, Debug)]
pub(crate) enum AsksWith {
    /// A bearer token.
    Token(SecretString),
    /// What a client has; the text is the `aud` of assertions that it signs.
    Client(Box<OAuthClient>, String),
}

/// The introspection endpoint of an authorization server.
#[derive(Debug)]
pub(crate) struct IntrospectionServer {
    http: Http,
    url: EndpointUrl,
    asks_with: AsksWith,
    places: Semaphore,
}

/// What the server said of a token.
#[derive(Debug)]
pub(crate) struct Introspected {
    /// Whether it counts.
    pub(crate) is_active: bool,
    /// The other members.
    pub(crate) claims: Extra,
    /// The answer as it came.
    pub(crate) body: Vec<u8>,
}

/// The server said nothing of a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntrospectError {
    /// There was no answer, or another than 200.
    #[error("the introspection endpoint says nothing about a token")]
    Unanswered(#[source] FetchError),
    /// There was none in time, or too many asked at once.
    #[error("the introspection endpoint does not answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Late,
    /// The client's assertion cannot be signed.
    #[error("the client's assertion cannot be signed")]
    Assertion(#[source] SignError),
    /// The answer is none; it is not told, since it may be about somebody.
    #[error("the answer of the introspection endpoint is not one of RFC 7662 §2.2")]
    Faulty(#[source] JsonError),
}

impl IntrospectError {
    /// Whether a person has to act, since the server does not let us in.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Unanswered(error) => {
                matches!(
                    error,
                    FetchError::Status {
                        status: 300..=499,
                        ..
                    }
                )
            }
            Self::Assertion(_) | Self::Faulty(_) => true,
            Self::Late => false,
        }
    }
}

impl IntrospectionServer {
    pub(crate) fn new(http: Http, url: EndpointUrl, asks_with: AsksWith) -> Self {
        Self {
            http,
            url,
            asks_with,
            places: Semaphore::new(AT_ONCE_MAX),
        }
    }

    /// Asks whether a token counts; `hint` is a `token_type_hint`.
    pub(crate) async fn ask(
        &self,
        token: &str,
        hint: Option<&str>,
    ) -> Result<Introspected, IntrospectError> {
        let asked = timeout(REQUEST_TIMEOUT, self.answer(token, hint)).await;
        let body = asked.map_err(|_| IntrospectError::Late)??;
        Introspected::parse(body).map_err(IntrospectError::Faulty)
    }

    async fn answer(&self, token: &str, hint: Option<&str>) -> Result<Vec<u8>, IntrospectError> {
        // Nobody closes it.
        let _place = self.places.acquire().await;
        let unanswered = IntrospectError::Unanswered;
        let url = self.url.url().clone();
        let host = host_of(&url);
        let request = self.http.request(Method::POST, url).map_err(unanswered)?;
        let request = self.filled(request, token, hint)?;
        let answer = answered(request, host).await.map_err(unanswered)?;
        answer.expect(&[200]).map_err(unanswered)
    }

    fn filled(
        &self,
        request: RequestBuilder,
        token: &str,
        hint: Option<&str>,
    ) -> Result<RequestBuilder, IntrospectError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token);
        if let Some(hint) = hint {
            form.append_pair("token_type_hint", hint);
        }
        let request = match &self.asks_with {
            AsksWith::Token(token) => request.bearer_auth(token.expose_secret()),
            AsksWith::Client(client, audience) => match &client.credential {
                Credential::Secret(secret) => {
                    // Both parts are encoded as in a form, so that a colon in the name does not end it (RFC 6749 §2.3.1).
                    let (id, secret) = (encoded(&client.id), encoded(secret.expose_secret()));
                    request.basic_auth(id, Some(secret))
                }
                Credential::Key(key) => {
                    let assertion = signed(&client.id, key, audience);
                    let assertion = assertion.map_err(IntrospectError::Assertion)?;
                    form.append_pair("client_id", &client.id)
                        .append_pair("client_assertion_type", ASSERTION_TYPE)
                        .append_pair("client_assertion", assertion.expose_secret());
                    request
                }
            },
        };
        Ok(request
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, FORM)
            .body(form.finish()))
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Introspected {
    fn parse(body: Vec<u8>) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(&body)?)?;
        let is_active = members.required("active", "true or false")?;
        let claims = members.rest();
        Ok(Self {
            is_active,
            claims,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_the_token_counts_and_is_kept_as_it_came() {
        let body = br#"{ "active":true, "sub":"alice","x":[1] }"#;
        let answer = Introspected::parse(body.to_vec()).unwrap();
        assert!(answer.is_active);
        assert_eq!(answer.claims.json("sub"), Some("\"alice\""));
        assert_eq!(answer.body, body);
    }

    #[test]
    fn what_can_be_read_in_two_ways_or_in_none_is_no_answer() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":null}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"sub":"alice","sub":"bob"}"#,
        ] {
            let read = Introspected::parse(body.as_bytes().to_vec());
            assert!(read.is_err(), "{body}");
        }
    }
}

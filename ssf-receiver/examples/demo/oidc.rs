//! How both applications have people sign in: OpenID Connect, by the code flow with PKCE.

use std::pin::Pin;

use actix_session::{
    Session as Cookie, SessionMiddleware, config::CookieContentSecurity,
    storage::CookieSessionStore,
};
use actix_web::{
    HttpResponse as Page,
    cookie::{Key, SameSite},
    http::header,
};
use openidconnect::http::Response as Reply;
use openidconnect::{
    AsyncHttpClient, AuthenticationFlow, AuthorizationCode, ClientId, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpClientError,
    HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
    TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
        CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
        CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use ssf_types::time::Timestamp;

use crate::{BoxError, http_client, provider::Sid};

type DemoTokens = StandardTokenResponse<
    IdTokenFields<
        Sid,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type DemoClient = openidconnect::Client<
    Sid,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    DemoTokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Where the cookie remembers a sign-in that has begun.
const SIGN_IN: &str = "sign_in";

/// An application, as the provider knows it.
#[derive(Clone)]
pub(crate) struct Client {
    client: DemoClient,
    http: reqwest::Client,
}

/// What has to be remembered between the two halves of a sign-in.
#[derive(Deserialize, Serialize)]
struct SignIn {
    state: String,
    nonce: String,
    pkce_verifier: String,
}

/// What the provider sends people back with.
#[derive(Deserialize)]
pub(crate) struct Callback {
    code: String,
    state: String,
}

/// Who has signed in, as the ID token says.
pub(crate) struct SignedIn {
    pub(crate) id_token: String,
    pub(crate) sub: String,
    pub(crate) email: String,
    pub(crate) sid: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) auth_time: Option<Timestamp>,
}

impl Client {
    /// Discovers the provider, for the client `id` whose pages are at `url`.
    pub(crate) async fn discover(
        provider_issuer: &str,
        id: &str,
        url: &str,
    ) -> Result<Self, BoxError> {
        let http = http_client()?;
        let issuer = IssuerUrl::new(provider_issuer.to_owned())?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &Oidc(&http)).await?;
        let id = ClientId::new(id.to_owned());
        let client = DemoClient::from_provider_metadata(metadata, id, None)
            .set_redirect_uri(RedirectUrl::new(format!("{url}/callback"))?);
        Ok(Self { client, http })
    }

    /// The first half of a sign-in: to the provider.
    pub(crate) fn begin(&self, cookie: &Cookie) -> Result<Page, actix_web::Error> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        cookie.insert(
            SIGN_IN,
            SignIn {
                state: state.into_secret(),
                nonce: nonce.secret().clone(),
                pkce_verifier: verifier.into_secret(),
            },
        )?;
        Ok(see_other(url.as_str()))
    }

    /// The second half: the code becomes an ID token.
    pub(crate) async fn finish(
        &self,
        cookie: &Cookie,
        callback: &Callback,
    ) -> Result<SignedIn, actix_web::Error> {
        use actix_web::error::{ErrorBadGateway, ErrorBadRequest};

        let sign_in = cookie.remove_as::<SignIn>(SIGN_IN).and_then(Result::ok);
        let sign_in = sign_in.ok_or_else(|| ErrorBadRequest("no sign-in is under way"))?;
        if sign_in.state != callback.state {
            return Err(ErrorBadRequest("state does not match"));
        }
        let redeemed = self.redeem(&callback.code, sign_in).await;
        redeemed.map_err(ErrorBadGateway)
    }

    async fn redeem(&self, code: &str, sign_in: SignIn) -> Result<SignedIn, BoxError> {
        let tokens = self
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(sign_in.pkce_verifier))
            .request_async(&Oidc(&self.http))
            .await?;
        let id_token = tokens.id_token().ok_or("the provider sent no ID token")?;
        let claims =
            id_token.claims(&self.client.id_token_verifier(), &Nonce::new(sign_in.nonce))?;
        let email = claims.email().ok_or("the ID token has no email")?;
        let seconds = |time: chrono::DateTime<chrono::Utc>| {
            Timestamp::from_secs(time.timestamp().try_into().unwrap_or_default())
        };
        Ok(SignedIn {
            id_token: id_token.to_string(),
            sub: claims.subject().as_str().to_owned(),
            email: email.as_str().to_owned(),
            sid: claims.additional_claims().sid.clone(),
            issued_at: seconds(claims.issue_time()),
            auth_time: claims.auth_time().map(seconds),
        })
    }
}

/// Sends a browser elsewhere, with GET.
pub(crate) fn see_other(location: &str) -> Page {
    let mut response = Page::SeeOther();
    response
        .insert_header((header::LOCATION, location))
        .finish()
}

/// What keeps a signed cookie of this name.
pub(crate) fn cookies(name: &str, key: &Key) -> SessionMiddleware<CookieSessionStore> {
    SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
        .cookie_name(name.to_owned())
        .cookie_content_security(CookieContentSecurity::Signed)
        .cookie_same_site(SameSite::Lax)
        // Plain HTTP on loopback; behind TLS, leave this out.
        .cookie_secure(false)
        .build()
}

/// openidconnect's requests, sent by the one HTTP client of the application.
struct Oidc<'c>(&'c reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Oidc<'_> {
    type Error = HttpClientError<reqwest::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self
                .0
                .execute(request.try_into().map_err(Box::new)?)
                .await
                .map_err(Box::new)?;
            let mut response = Reply::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            let body = answer.bytes().await.map_err(Box::new)?.to_vec();
            response.body(body).map_err(HttpClientError::Http)
        })
    }
}

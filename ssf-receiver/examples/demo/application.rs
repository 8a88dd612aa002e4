//! The application: people sign in through OpenID Connect, and `ssf-receiver` guards their sessions.

use std::{net::TcpListener, pin::Pin};

use actix_session::{
    Session as Cookie, SessionExt, SessionMiddleware, config::CookieContentSecurity,
    storage::CookieSessionStore,
};
use actix_web::{
    App, HttpResponse as Page, HttpServer,
    cookie::{Key, SameSite},
    dev::{ServerHandle, ServiceRequest},
    http::header,
    web,
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
use serde_json::json;
use ssf_receiver::{Receiver, Session};
use ssf_types::time::Timestamp;

use crate::{
    BoxError, http_client, pages,
    provider::{CLIENT_ID, Sid},
    transmitter::Transmitter,
};

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

/// Names of what the cookie holds.
const SESSION: &str = "session";
const PERSON: &str = "person";
const SIGN_IN: &str = "sign_in";

/// The application.
#[derive(Clone)]
pub(crate) struct Application {
    receiver: Receiver,
    client: DemoClient,
    http: reqwest::Client,
    provider_issuer: String,
}

/// What has to be remembered between the two halves of a sign-in.
#[derive(Deserialize, Serialize)]
struct SignIn {
    state: String,
    nonce: String,
    pkce_verifier: String,
}

impl Application {
    /// Discovers the provider and starts the receiver.
    pub(crate) async fn new(
        url: &str,
        provider_issuer: &str,
        transmitter: &Transmitter,
        database: &str,
    ) -> Result<Self, BoxError> {
        let http = http_client()?;
        let metadata = CoreProviderMetadata::discover_async(
            IssuerUrl::new(provider_issuer.to_owned())?,
            &Oidc(&http),
        )
        .await?;
        let client =
            DemoClient::from_provider_metadata(metadata, ClientId::new(CLIENT_ID.to_owned()), None)
                .set_redirect_uri(RedirectUrl::new(format!("{url}/callback"))?);
        let receiver = Receiver::builder(transmitter.issuer(), format!("{url}/ssf/events"))
            .database(database)
            .management_token(transmitter.receiver_token())
            .start()
            .await?;
        Ok(Self {
            receiver,
            client,
            http,
            provider_issuer: provider_issuer.to_owned(),
        })
    }

    /// The receiver that guards the application.
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Serves the application.
    pub(crate) fn serve(self, listener: TcpListener) -> Result<ServerHandle, BoxError> {
        let key = Key::generate();
        let server = HttpServer::new(move || {
            let cookies = SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
                .cookie_content_security(CookieContentSecurity::Signed)
                .cookie_same_site(SameSite::Lax)
                .cookie_secure(false)
                .build();
            App::new()
                .app_data(web::Data::new(self.clone()))
                .service(self.receiver.push_route())
                .service(
                    web::scope("")
                        .wrap(self.receiver.guard(session_of))
                        .wrap(cookies)
                        .route("/", web::get().to(home))
                        .route("/login", web::get().to(login))
                        .route("/callback", web::get().to(callback))
                        .route("/me", web::get().to(me)),
                )
        })
        .workers(1)
        .tcp_nodelay(true)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(handle)
    }
}

/// What the guard looks at: the session that the cookie holds, on the pages that need one.
fn session_of(request: &ServiceRequest) -> Option<Session> {
    if request.path() != "/me" {
        return None;
    }
    request.get_session().get(SESSION).ok().flatten()
}

async fn home() -> Page {
    pages::html(pages::application_home())
}

async fn me(cookie: Cookie) -> Result<Page, actix_web::Error> {
    // Without a session there is nothing to guard, whatever else the cookie says.
    let session = cookie.get::<Session>(SESSION).ok().flatten();
    Ok(
        match cookie.get::<String>(PERSON)?.filter(|_| session.is_some()) {
            Some(person) => Page::Ok().json(json!({ "person": person })),
            None => Page::Unauthorized()
                .json(json!({ "error": "login_required", "reason": "You are not signed in." })),
        },
    )
}

/// The first half of a sign-in: to the provider.
async fn login(
    application: web::Data<Application>,
    cookie: Cookie,
) -> Result<Page, actix_web::Error> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = application
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
    Ok(Page::SeeOther()
        .insert_header((header::LOCATION, url.as_str()))
        .finish())
}

#[derive(Deserialize)]
struct Callback {
    code: String,
    state: String,
}

/// The second half: the code becomes an ID token, and the ID token a session.
async fn callback(
    application: web::Data<Application>,
    cookie: Cookie,
    query: web::Query<Callback>,
) -> Result<Page, actix_web::Error> {
    let Some(sign_in) = cookie.remove_as::<SignIn>(SIGN_IN).and_then(Result::ok) else {
        return Ok(Page::BadRequest().body("no sign-in is under way"));
    };
    if sign_in.state != query.state {
        return Ok(Page::BadRequest().body("state does not match"));
    }
    let (person, session) = application
        .redeem(&query.code, sign_in)
        .await
        .map_err(actix_web::error::ErrorBadGateway)?;
    cookie.renew();
    cookie.insert(PERSON, person)?;
    cookie.insert(SESSION, session)?;
    Ok(Page::SeeOther()
        .insert_header((header::LOCATION, "/"))
        .finish())
}

impl Application {
    async fn redeem(&self, code: &str, sign_in: SignIn) -> Result<(String, Session), BoxError> {
        let tokens = self
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(sign_in.pkce_verifier))
            .request_async(&Oidc(&self.http))
            .await?;
        let id_token = tokens.id_token().ok_or("the provider sent no ID token")?;
        let claims =
            id_token.claims(&self.client.id_token_verifier(), &Nonce::new(sign_in.nonce))?;
        let email = claims.email().ok_or("the ID token has no email")?.as_str();
        let seconds = |time: chrono::DateTime<chrono::Utc>| {
            Timestamp::from_secs(time.timestamp().try_into().unwrap_or_default())
        };
        let mut session = self
            .receiver
            .session(seconds(claims.issue_time()))
            .iss_sub(&self.provider_issuer, claims.subject().as_str())
            .email(email)
            .sid(&claims.additional_claims().sid);
        if let Some(auth_time) = claims.auth_time() {
            session = session.auth_time(seconds(auth_time));
        }
        Ok((email.to_owned(), session))
    }
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

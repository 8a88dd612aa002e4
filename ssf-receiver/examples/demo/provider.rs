//! A small OpenID provider: it exists for the demo and signs in whoever asks.
//!
//! What is real about it is what an application sees: discovery, the code flow with PKCE, and signed ID tokens with
//! `sid` and `auth_time`. Whoever goes on from one application to the other does so in one session. Its console reports to the
//! transmitter as an identity provider would.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    cookie::{Cookie, SameSite},
    dev::Server,
    http::header,
    web,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use chrono::{DateTime, Duration, Utc};
use openidconnect::{
    Audience, AuthUrl, EmptyAdditionalProviderMetadata, EndUserEmail, IdToken, IdTokenClaims,
    IssuerUrl, JsonWebKeyId, JsonWebKeySetUrl, Nonce, PrivateSigningKey, ResponseTypes,
    StandardClaims, SubjectIdentifier, TokenUrl,
    core::{
        CoreEdDsaPrivateSigningKey, CoreGenderClaim, CoreJsonWebKeySet,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
        CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    BoxError, Place,
    console::{self, Console, Deed},
    pages, random,
};

/// People who have an account.
pub(crate) const PEOPLE: [&str; 2] = ["alice", "bob"];

/// The cookie that holds the provider's session.
const COOKIE: &str = "provider";

/// How long an ID token counts: a working day, since one of the applications has it for a session.
const ID_TOKEN_LIFETIME: Duration = Duration::hours(10);

/// The claim that names the provider's session (OpenID Connect Back-Channel Logout 1.0 §2.1).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sid {
    pub(crate) sid: String,
}

impl openidconnect::AdditionalClaims for Sid {}

type DemoIdToken =
    IdToken<Sid, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// A session of somebody at the provider.
#[derive(Clone)]
struct Session {
    person: &'static str,
    sid: String,
    began: DateTime<Utc>,
}

/// A sign-in whose code has not been redeemed yet.
struct Grant {
    session: Session,
    client_id: String,
    nonce: Option<String>,
    code_challenge: String,
    redirect_uri: String,
}

/// The provider.
pub(crate) struct Provider {
    issuer: String,
    /// The applications, and where each has people sent back to.
    clients: HashMap<&'static str, String>,
    key: CoreEdDsaPrivateSigningKey,
    grants: Mutex<HashMap<String, Grant>>,
    /// The oldest first.
    sessions: Mutex<Vec<Session>>,
    console: Console,
}

impl Provider {
    /// Makes a provider with a key of its own, for clients with these names and URLs.
    pub(crate) fn new(
        issuer: &str,
        clients: [(&'static str, &str); 2],
        console: Console,
    ) -> Result<Self, BoxError> {
        let pem = openssl::pkey::PKey::generate_ed25519()?.private_key_to_pem_pkcs8()?;
        let kid = JsonWebKeyId::new(random());
        Ok(Self {
            issuer: issuer.to_owned(),
            clients: clients
                .map(|(id, url)| (id, format!("{url}/callback")))
                .into(),
            key: CoreEdDsaPrivateSigningKey::from_ed25519_pem(&String::from_utf8(pem)?, Some(kid))?,
            grants: Mutex::default(),
            sessions: Mutex::default(),
            console,
        })
    }

    /// Serves the provider.
    pub(crate) fn serve(provider: web::Data<Self>, place: Place) -> Result<Server, BoxError> {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(provider.clone())
                .route("/", web::get().to(home))
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .route("/jwks", web::get().to(jwks))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
                .route("/console/{deed}", web::post().to(perform))
        });
        let server = server.workers(1).tcp_nodelay(true).disable_signals();
        Ok(server.listen(place.listener)?.run())
    }

    /// Does what was done to a person, tells the transmitter, and returns the moment at which that had accepted it for good.
    pub(crate) async fn perform(&self, deed: Deed, person: &str) -> Result<Instant, BoxError> {
        let sid = self.ended_by(deed, person);
        self.console.report(deed, person, sid.as_deref()).await
    }

    /// Ends sessions here; returns the one that a deed is about, if it is about one alone.
    fn ended_by(&self, deed: Deed, person: &str) -> Option<String> {
        let mut sessions = self.sessions();
        match deed {
            Deed::EndSession => {
                let latest = sessions.iter().rposition(|one| one.person == person)?;
                Some(sessions.remove(latest).sid)
            }
            Deed::ChangePassword => {
                sessions.retain(|one| one.person != person);
                None
            }
            Deed::EnrolPasskey => None,
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grants(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that a browser has here.
    fn session_of(&self, request: &HttpRequest) -> Option<Session> {
        let cookie = request.cookie(COOKIE)?;
        let sessions = self.sessions();
        let is_it = |one: &&Session| one.sid == cookie.value();
        sessions.iter().find(is_it).cloned()
    }

    /// Begins a session.
    fn begin(&self, person: &'static str) -> Result<Session, BoxError> {
        let session = Session {
            person,
            sid: random(),
            began: now()?,
        };
        self.sessions().push(session.clone());
        Ok(session)
    }

    /// Returns a code that stands for a session.
    fn grant(&self, session: Session, query: Authorize) -> String {
        let code = random();
        let grant = Grant {
            session,
            client_id: query.client_id,
            nonce: query.nonce,
            code_challenge: query.code_challenge,
            redirect_uri: query.redirect_uri,
        };
        self.grants().insert(code.clone(), grant);
        code
    }

    /// Redeems a code, once, if the PKCE verifier is that of the request (RFC 7636 §4.6).
    fn redeem(&self, request: &TokenRequest) -> Option<Grant> {
        let grant = self.grants().remove(&request.code)?;
        let challenge = BASE64URL.encode(openssl::sha::sha256(request.code_verifier.as_bytes()));
        (challenge == grant.code_challenge
            && grant.redirect_uri == request.redirect_uri
            && grant.client_id == request.client_id)
            .then_some(grant)
    }

    fn metadata(&self) -> Result<CoreProviderMetadata, BoxError> {
        let endpoint = |path: &str| format!("{}{path}", self.issuer);
        Ok(CoreProviderMetadata::new(
            IssuerUrl::new(self.issuer.clone())?,
            AuthUrl::new(endpoint("/authorize"))?,
            JsonWebKeySetUrl::new(endpoint("/jwks"))?,
            vec![ResponseTypes::new(vec![CoreResponseType::Code])],
            vec![CoreSubjectIdentifierType::Public],
            vec![CoreJwsSigningAlgorithm::EdDsa],
            EmptyAdditionalProviderMetadata {},
        )
        .set_token_endpoint(Some(TokenUrl::new(endpoint("/token"))?)))
    }

    fn id_token(&self, grant: Grant) -> Result<DemoIdToken, BoxError> {
        let (now, Session { person, sid, began }) = (now()?, grant.session);
        let email = EndUserEmail::new(console::email_of(person));
        let person = StandardClaims::new(SubjectIdentifier::new(console::subject_of(person)))
            .set_email(Some(email))
            .set_email_verified(Some(true));
        let claims = IdTokenClaims::new(
            IssuerUrl::new(self.issuer.clone())?,
            vec![Audience::new(grant.client_id)],
            now + ID_TOKEN_LIFETIME,
            now,
            person,
            Sid { sid },
        )
        .set_auth_time(Some(began))
        .set_nonce(grant.nonce.map(Nonce::new));
        Ok(IdToken::new(
            claims,
            &self.key,
            CoreJwsSigningAlgorithm::EdDsa,
            None,
            None,
        )?)
    }
}

fn now() -> Result<DateTime<Utc>, BoxError> {
    let now = DateTime::from_timestamp(console::now().try_into()?, 0);
    Ok(now.ok_or("the clock is off")?)
}

#[derive(Deserialize)]
struct Authorize {
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: Option<String>,
    code_challenge: String,
    /// Who clicked; absent when the page is first shown.
    person: Option<String>,
}

#[derive(Deserialize)]
struct TokenRequest {
    client_id: String,
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

#[derive(Deserialize)]
struct DeedForm {
    person: String,
}

async fn home() -> HttpResponse {
    pages::html(pages::provider_home(&PEOPLE))
}

async fn metadata(provider: web::Data<Provider>) -> Result<HttpResponse, actix_web::Error> {
    let metadata = provider
        .metadata()
        .map_err(actix_web::error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(metadata))
}

async fn jwks(provider: web::Data<Provider>) -> HttpResponse {
    HttpResponse::Ok().json(CoreJsonWebKeySet::new(vec![
        provider.key.as_verification_key(),
    ]))
}

/// Asks who it is and, once somebody has clicked, sends them back with a code.
async fn authorize(
    provider: web::Data<Provider>,
    request: HttpRequest,
    query: web::Query<Authorize>,
) -> Result<HttpResponse, actix_web::Error> {
    let query = query.into_inner();
    if provider.clients.get(&*query.client_id) != Some(&query.redirect_uri) {
        return Ok(HttpResponse::BadRequest().body("unknown client_id or redirect_uri"));
    }
    let session = provider.session_of(&request);
    let clicked = query.person.as_deref();
    let Some(person) = PEOPLE.into_iter().find(|one| clicked == Some(*one)) else {
        let known = session.map(|session| session.person);
        let page = pages::choose_person(request.query_string(), &PEOPLE, known);
        return Ok(pages::html(page));
    };
    let session = match session.filter(|session| session.person == person) {
        Some(session) => session,
        None => provider
            .begin(person)
            .map_err(actix_web::error::ErrorInternalServerError)?,
    };
    let cookie = Cookie::build(COOKIE, session.sid.clone())
        .path("/authorize")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    let (redirect_uri, state) = (query.redirect_uri.clone(), query.state.clone());
    let code = provider.grant(session, query);
    let location = url::Url::parse_with_params(&redirect_uri, [("code", &code), ("state", &state)])
        .map_err(actix_web::error::ErrorBadRequest)?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location.as_str()))
        .cookie(cookie)
        .finish())
}

async fn token(
    provider: web::Data<Provider>,
    request: web::Form<TokenRequest>,
) -> Result<HttpResponse, actix_web::Error> {
    let Some(grant) = provider.redeem(&request) else {
        return Ok(HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })));
    };
    let id_token = provider
        .id_token(grant)
        .map_err(actix_web::error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(json!({
        "access_token": random(),
        "token_type": "Bearer",
        "id_token": id_token,
    })))
}

/// A button of the console.
async fn perform(
    provider: web::Data<Provider>,
    deed: web::Path<String>,
    form: web::Form<DeedForm>,
) -> Result<HttpResponse, actix_web::Error> {
    let Some(deed) = Deed::parse(&deed) else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let performed = provider.perform(deed, &form.person).await;
    performed.map_err(actix_web::error::ErrorBadGateway)?;
    Ok(HttpResponse::NoContent().finish())
}

//! A small OpenID provider: it exists for the demo and signs in whoever asks.
//!
//! What is real about it is what an application sees: discovery, the code flow with PKCE, and signed ID tokens with
//! `sid` and `auth_time`. Its console reports to the transmitter as an identity provider would.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use actix_web::{HttpResponse, http::header, web};
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
    BoxError,
    console::{self, Console, Deed},
    pages, random,
};

/// The one client of the provider.
pub(crate) const CLIENT_ID: &str = "demo-application";

/// People who have an account.
pub(crate) const PEOPLE: [&str; 2] = ["alice", "bob"];

/// How long an ID token may be used for signing in.
const ID_TOKEN_LIFETIME: Duration = Duration::minutes(5);

/// The claim that names the provider's session (OpenID Connect Back-Channel Logout 1.0 §2.1).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sid {
    pub(crate) sid: String,
}

impl openidconnect::AdditionalClaims for Sid {}

type DemoIdToken =
    IdToken<Sid, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// A sign-in whose code has not been redeemed yet.
struct Grant {
    person: String,
    sid: String,
    nonce: Option<String>,
    code_challenge: String,
    redirect_uri: String,
}

/// The provider.
pub(crate) struct Provider {
    issuer: String,
    redirect_uri: String,
    key: CoreEdDsaPrivateSigningKey,
    grants: Mutex<HashMap<String, Grant>>,
    /// The latest session of each person.
    sessions: Mutex<HashMap<String, String>>,
    console: Console,
}

impl Provider {
    /// Makes a provider with a key of its own, for the application at `application_url`.
    pub(crate) fn new(
        issuer: &str,
        application_url: &str,
        console: Console,
    ) -> Result<Self, BoxError> {
        let pem = openssl::pkey::PKey::generate_ed25519()?.private_key_to_pem_pkcs8()?;
        let kid = JsonWebKeyId::new(random());
        Ok(Self {
            issuer: issuer.to_owned(),
            redirect_uri: format!("{application_url}/callback"),
            key: CoreEdDsaPrivateSigningKey::from_ed25519_pem(&String::from_utf8(pem)?, Some(kid))?,
            grants: Mutex::default(),
            sessions: Mutex::default(),
            console,
        })
    }

    /// Adds the provider's pages to a server.
    pub(crate) fn configure(config: &mut web::ServiceConfig) {
        config
            .route("/", web::get().to(home))
            .route("/.well-known/openid-configuration", web::get().to(metadata))
            .route("/jwks", web::get().to(jwks))
            .route("/authorize", web::get().to(authorize))
            .route("/token", web::post().to(token))
            .route("/console/{deed}", web::post().to(report));
    }

    /// The latest session of a person.
    pub(crate) fn session_of(&self, person: &str) -> Option<String> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(person)
            .cloned()
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

    /// Begins a session for `person` and returns the code that stands for it.
    fn grant(&self, person: &str, query: &Authorize) -> String {
        let (code, sid) = (random(), random());
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(person.to_owned(), sid.clone());
        let grant = Grant {
            person: person.to_owned(),
            sid,
            nonce: query.nonce.clone(),
            code_challenge: query.code_challenge.clone(),
            redirect_uri: query.redirect_uri.clone(),
        };
        self.grants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(code.clone(), grant);
        code
    }

    /// Redeems a code, once, if the PKCE verifier is that of the request (RFC 7636 §4.6).
    fn redeem(&self, request: &TokenRequest) -> Option<Grant> {
        let grant = self
            .grants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&request.code)?;
        let challenge = BASE64URL.encode(openssl::sha::sha256(request.code_verifier.as_bytes()));
        (challenge == grant.code_challenge && grant.redirect_uri == request.redirect_uri)
            .then_some(grant)
    }

    fn id_token(&self, grant: &Grant) -> Result<DemoIdToken, BoxError> {
        let now = DateTime::<Utc>::from_timestamp(console::now().try_into()?, 0)
            .ok_or("the clock is off")?;
        let email = EndUserEmail::new(console::email_of(&grant.person));
        let person =
            StandardClaims::new(SubjectIdentifier::new(console::subject_of(&grant.person)))
                .set_email(Some(email))
                .set_email_verified(Some(true));
        let claims = IdTokenClaims::new(
            IssuerUrl::new(self.issuer.clone())?,
            vec![Audience::new(CLIENT_ID.to_owned())],
            now + ID_TOKEN_LIFETIME,
            now,
            person,
            Sid {
                sid: grant.sid.clone(),
            },
        )
        .set_auth_time(Some(now))
        .set_nonce(grant.nonce.clone().map(Nonce::new));
        Ok(IdToken::new(
            claims,
            &self.key,
            CoreJwsSigningAlgorithm::EdDsa,
            None,
            None,
        )?)
    }
}

#[derive(Clone, Deserialize)]
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
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

#[derive(Deserialize)]
struct ReportForm {
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
    request: actix_web::HttpRequest,
    query: web::Query<Authorize>,
) -> HttpResponse {
    if query.client_id != CLIENT_ID || query.redirect_uri != provider.redirect_uri {
        return HttpResponse::BadRequest().body("unknown client_id or redirect_uri");
    }
    let Some(person) = query
        .person
        .as_deref()
        .filter(|person| PEOPLE.contains(person))
    else {
        return pages::html(pages::choose_person(request.query_string(), &PEOPLE));
    };
    let code = provider.grant(person, &query);
    let location = url::Url::parse_with_params(
        &query.redirect_uri,
        [("code", &code), ("state", &query.state)],
    );
    match location {
        Ok(location) => HttpResponse::SeeOther()
            .insert_header((header::LOCATION, location.as_str()))
            .finish(),
        Err(_) => HttpResponse::BadRequest().body("redirect_uri is not a URL"),
    }
}

async fn token(
    provider: web::Data<Provider>,
    request: web::Form<TokenRequest>,
) -> Result<HttpResponse, actix_web::Error> {
    let Some(grant) = provider.redeem(&request) else {
        return Ok(HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })));
    };
    let id_token = provider
        .id_token(&grant)
        .map_err(actix_web::error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(json!({
        "access_token": random(),
        "token_type": "Bearer",
        "id_token": id_token,
    })))
}

/// A button of the console.
async fn report(
    provider: web::Data<Provider>,
    deed: web::Path<String>,
    form: web::Form<ReportForm>,
) -> Result<HttpResponse, actix_web::Error> {
    let Some(deed) = Deed::parse(&deed) else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let sid = provider.session_of(&form.person);
    provider
        .console
        .report(deed, &form.person, sid.as_deref())
        .await
        .map_err(actix_web::error::ErrorBadGateway)?;
    Ok(HttpResponse::NoContent().finish())
}

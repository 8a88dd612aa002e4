//! The application that knows nothing of SSF: nginx asks `ssf-receiver` before it passes a request on.
//!
//! Its session is the ID token, in a cookie: whom the program judges is thus whom the application goes by, and nobody can show
//! one of them a session and the other one another.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use actix_session::Session;
use actix_web::{
    App, HttpRequest, HttpResponse as Page, HttpServer,
    cookie::{Cookie, Key, SameSite},
    dev::Server,
    web,
};
use serde_json::json;

use crate::{
    BoxError, Place,
    oidc::{self, Callback, see_other},
    pages,
};

/// What the provider calls it.
pub(crate) const CLIENT_ID: &str = "demo-behind-nginx";

/// The cookie that holds the session.
pub(crate) const COOKIE: &str = "session";

/// The application.
pub(crate) struct Proxied {
    client: oidc::Client,
    /// Who is signed in, by the ID token that they signed in with.
    people: Mutex<HashMap<String, String>>,
}

impl Proxied {
    /// Discovers the provider; `url` is where people reach nginx.
    pub(crate) async fn new(url: &str, provider_issuer: &str) -> Result<Self, BoxError> {
        Ok(Self {
            client: oidc::Client::discover(provider_issuer, CLIENT_ID, url).await?,
            people: Mutex::default(),
        })
    }

    /// Serves the application.
    pub(crate) fn serve(self, place: Place) -> Result<Server, BoxError> {
        let (key, application) = (Key::generate(), web::Data::new(self));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(application.clone())
                .wrap(oidc::cookies("sign_in", &key))
                .route("/", web::get().to(home))
                .route("/me", web::get().to(me))
                .route("/login", web::get().to(login))
                .route("/callback", web::get().to(callback))
        });
        let server = server.workers(1).tcp_nodelay(true).disable_signals();
        Ok(server.listen(place.listener)?.run())
    }

    fn person(&self, request: &HttpRequest) -> Option<String> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.get(request.cookie(COOKIE)?.value()).cloned()
    }
}

async fn home(application: web::Data<Proxied>, request: HttpRequest) -> Page {
    match application.person(&request) {
        Some(person) => pages::html(pages::signed_in(&pages::PROXIED, &person)),
        None => see_other("/login"),
    }
}

async fn me(application: web::Data<Proxied>, request: HttpRequest) -> Page {
    match application.person(&request) {
        Some(person) => Page::Ok().json(json!({ "person": person })),
        None => Page::Unauthorized().finish(),
    }
}

async fn login(
    application: web::Data<Proxied>,
    sign_in: Session,
) -> Result<Page, actix_web::Error> {
    application.client.begin(&sign_in)
}

async fn callback(
    application: web::Data<Proxied>,
    sign_in: Session,
    callback: web::Query<Callback>,
) -> Result<Page, actix_web::Error> {
    let who = application.client.finish(&sign_in, &callback).await?;
    // Plain HTTP on loopback; behind TLS, it is `secure` as well.
    let session = Cookie::build(COOKIE, who.id_token.clone())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    let mut people = application
        .people
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    people.insert(who.id_token, who.email);
    let mut page = see_other("/");
    page.add_cookie(&session)
        .map_err(actix_web::error::ErrorInternalServerError)?;
    Ok(page)
}

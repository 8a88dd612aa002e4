//! The application that embeds the receiver: people sign in through OpenID Connect, and `ssf-receiver` guards their sessions.

use actix_session::{Session as Cookie, SessionExt};
use actix_web::{
    App, HttpRequest, HttpResponse as Page, HttpServer,
    cookie::Key,
    dev::{Server, ServiceRequest},
    http::{StatusCode, header},
    web,
};
use serde_json::json;
use ssf_receiver::{Receiver, Session, guard::Denial};

use crate::{
    BoxError, Place,
    oidc::{self, Callback, SignedIn, see_other},
    pages,
    transmitter::Transmitter,
};

/// What the provider calls it.
pub(crate) const CLIENT_ID: &str = "demo-embedding";

/// Names of what the cookie holds.
const SESSION: &str = "session";
const PERSON: &str = "person";

/// The application.
#[derive(Clone)]
pub(crate) struct Application {
    receiver: Receiver,
    client: oidc::Client,
    provider_issuer: String,
}

impl Application {
    /// Discovers the provider and starts the receiver.
    pub(crate) async fn new(
        url: &str,
        provider_issuer: &str,
        transmitter: &Transmitter,
        token: &str,
        database: &str,
    ) -> Result<Self, BoxError> {
        let receiver = Receiver::builder(transmitter.issuer(), format!("{url}/ssf/events"))
            .database(database)
            .management_token(token)
            .start()
            .await?;
        Ok(Self {
            receiver,
            client: oidc::Client::discover(provider_issuer, CLIENT_ID, url).await?,
            provider_issuer: provider_issuer.to_owned(),
        })
    }

    /// The receiver that guards the application.
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Serves the application.
    pub(crate) fn serve(self, place: Place) -> Result<Server, BoxError> {
        let key = Key::generate();
        let server = HttpServer::new(move || {
            let guard = || self.receiver.guard(session_of).on_deny(refused);
            App::new()
                .app_data(web::Data::new(self.clone()))
                .service(self.receiver.push_route())
                .service(
                    web::scope("")
                        .wrap(oidc::cookies("embedding", &key))
                        .route("/login", web::get().to(login))
                        .route("/callback", web::get().to(callback))
                        .service(web::resource("/").wrap(guard()).get(home))
                        .service(web::resource("/me").wrap(guard()).get(me)),
                )
        });
        let server = server.workers(1).tcp_nodelay(true).disable_signals();
        Ok(server.listen(place.listener)?.run())
    }

    /// What the guard will need to know of a session.
    fn session(&self, who: &SignedIn) -> Session {
        let session = self
            .receiver
            .session(who.issued_at)
            .iss_sub(&self.provider_issuer, &who.sub)
            .email(&who.email)
            .sid(&who.sid);
        match who.auth_time {
            Some(auth_time) => session.auth_time(auth_time),
            None => session,
        }
    }
}

/// What the guard looks at: the session that the cookie holds.
fn session_of(request: &ServiceRequest) -> Option<Session> {
    request.get_session().get(SESSION).ok().flatten()
}

/// What people get whose session has ended, in place of the default answer, which is for programs.
fn refused(request: &HttpRequest, denial: &Denial) -> Page {
    let asked = |name| request.headers().get(name)?.to_str().ok();
    let language = asked(header::ACCEPT_LANGUAGE);
    let status = StatusCode::from_u16(denial.reason().status());
    let mut response = Page::build(status.unwrap_or(StatusCode::UNAUTHORIZED));
    for header in denial.headers(language) {
        response.insert_header(header);
    }
    if asked(header::ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
        let page = pages::refused(denial.message(language));
        return response.content_type(pages::HTML).body(page);
    }
    response.json(denial.to_json(language))
}

/// Who is signed in. Without a session there is nothing to guard, whatever else the cookie says.
fn person(cookie: &Cookie) -> Option<String> {
    cookie.get::<Session>(SESSION).ok().flatten()?;
    cookie.get(PERSON).ok().flatten()
}

async fn home(cookie: Cookie) -> Page {
    match person(&cookie) {
        Some(person) => pages::html(pages::signed_in(&pages::EMBEDDING, &person)),
        None => pages::html(pages::signed_out(&pages::EMBEDDING)),
    }
}

async fn me(cookie: Cookie) -> Page {
    match person(&cookie) {
        Some(person) => Page::Ok().json(json!({ "person": person })),
        None => Page::Unauthorized()
            .json(json!({ "error": "no_session", "reason": "You are not signed in." })),
    }
}

async fn login(
    application: web::Data<Application>,
    cookie: Cookie,
) -> Result<Page, actix_web::Error> {
    application.client.begin(&cookie)
}

async fn callback(
    application: web::Data<Application>,
    cookie: Cookie,
    callback: web::Query<Callback>,
) -> Result<Page, actix_web::Error> {
    let who = application.client.finish(&cookie, &callback).await?;
    cookie.renew();
    cookie.insert(SESSION, application.session(&who))?;
    cookie.insert(PERSON, who.email)?;
    Ok(see_other("/"))
}

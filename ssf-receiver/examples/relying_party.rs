//! A small relying party: sessions in a signed cookie, ended by SETs.
//!
//! Signing in is a form that takes what an ID Token would say; the `demo` example signs in through OpenID Connect.

use std::{error::Error, io::Write, net::TcpListener};

use actix_session::{
    SessionExt, SessionMiddleware, config::CookieContentSecurity, storage::CookieSessionStore,
};
use actix_web::{App, HttpServer, Responder, cookie::Key, dev::ServiceRequest, web};
use clap::Parser;
use serde::Deserialize;
use ssf_receiver::{Receiver, Session};
use ssf_types::time::Timestamp;

/// Where the session's cookie holds the facts that the guard reads.
const FACTS: &str = "facts";

/// Serves an application whose sessions end when the identity provider says so.
#[derive(Parser)]
struct Options {
    /// The identity provider's issuer.
    #[arg(long)]
    issuer: String,
    /// Where to listen, on loopback.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// The URL of the database, such as `sqlite://receiver.db`.
    #[arg(long)]
    database: String,
    /// Bearer token for the stream management API.
    #[arg(long, env = "SSF_MANAGEMENT_TOKEN", hide_env_values = true)]
    management_token: String,
    /// 64 characters or more, from which the key of the cookies is made.
    #[arg(long, env = "COOKIE_SECRET", hide_env_values = true)]
    cookie_secret: String,
}

/// What an ID Token says.
#[derive(Deserialize)]
struct SignIn {
    sub: String,
    email: String,
    sid: String,
    iat: u64,
    auth_time: u64,
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.listen)?;
    let address = listener.local_addr()?;
    let receiver = Receiver::builder(options.issuer, format!("http://{address}/ssf/events"))
        .database(options.database)
        .management_token(options.management_token)
        .start()
        .await?;
    let key = Key::derive_from(options.cookie_secret.as_bytes());
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    let app = move || {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
            .cookie_content_security(CookieContentSecurity::Signed)
            // Plain HTTP on loopback; behind TLS, leave this out.
            .cookie_secure(false)
            .build();
        // The middleware that reads the cookie is wrapped last, so it runs before the guard.
        App::new()
            .app_data(web::Data::new(receiver.clone()))
            .service(receiver.push_route())
            .route("/sign-in", web::post().to(sign_in))
            .service(
                web::resource("/me")
                    .route(web::get().to(me))
                    .wrap(receiver.guard(session_of)),
            )
            .wrap(sessions)
    };
    HttpServer::new(app)
        .workers(2)
        .listen(listener)?
        .run()
        .await?;
    Ok(())
}

fn session_of(request: &ServiceRequest) -> Option<Session> {
    request.get_session().get(FACTS).ok().flatten()
}

async fn sign_in(
    receiver: web::Data<Receiver>,
    cookie: actix_session::Session,
    token: web::Form<SignIn>,
) -> actix_web::Result<impl Responder> {
    let token = token.into_inner();
    let facts = receiver
        .session(Timestamp::from_secs(token.iat))
        .auth_time(Timestamp::from_secs(token.auth_time))
        .iss_sub(receiver.issuer().as_str(), token.sub)
        .email(token.email)
        .sid(token.sid);
    cookie.renew();
    cookie.insert(FACTS, facts)?;
    Ok("signed in")
}

async fn me(cookie: actix_session::Session) -> actix_web::Result<impl Responder> {
    match cookie.get::<Session>(FACTS)? {
        Some(_) => Ok("still signed in"),
        None => Err(actix_web::error::ErrorUnauthorized("nobody has signed in")),
    }
}

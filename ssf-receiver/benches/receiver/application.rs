//! An application that embeds the receiver, as a process of its own.

use std::{
    env,
    io::{self, Write},
    net::TcpListener,
    ops::Range,
    process::Command,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServiceRequest, rt, web};
use ssf_receiver::{Receiver, Session, guard::Decision};
use ssf_types::time::Timestamp;

use crate::Fallible;

/// Have this program be the application, whose SETs are pushed or polled.
pub(crate) const PUSHED: &str = "--pushed";
pub(crate) const POLLING: &str = "--polling";

const ISSUER: &str = "BENCH_ISSUER";
const TOKEN: &str = "BENCH_TOKEN";
const DATABASE: &str = "BENCH_DATABASE";

const COOKIE: &str = "session";

/// When all sessions began.
const BEGAN: u64 = 1_700_000_000;

/// The program in this part, as a Receiver of this issuer.
pub(crate) fn command(part: &str, issuer: &str, token: &str, database: &str) -> Fallible<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(part);
    command.envs([(ISSUER, issuer), (TOKEN, token), (DATABASE, database)]);
    Ok(command)
}

/// The name of the session with this number.
pub(crate) fn session_id(number: u32) -> String {
    format!("session-{number}")
}

/// A request of whoever has that session: 200, or 401 once it is over.
pub(crate) fn asked_by(number: u32) -> String {
    let id = session_id(number);
    format!("GET / HTTP/1.1\r\nhost: localhost\r\ncookie: {COOKIE}={id}\r\n\r\n")
}

/// A request for how many of these sessions are refused.
pub(crate) fn how_many_refused(sessions: &Range<u32>) -> String {
    let Range { start, end } = sessions;
    format!("GET /refused/{start}/{end} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// A request that is answered once the receiver is set up.
pub(crate) const READY: &str = "GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Serves the application until it is ended.
pub(crate) fn serve(part: &str) -> Fallible<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (issuer, token) = (env::var(ISSUER)?, env::var(TOKEN)?);
    let builder = if part == PUSHED {
        Receiver::builder(issuer, format!("http://{address}/ssf/events"))
    } else {
        Receiver::polling(issuer)
    };
    rt::System::new().block_on(async {
        let receiver = builder
            .database(env::var(DATABASE)?)
            .management_token(token)
            .start()
            .await?;
        let embedded = receiver.clone();
        let app = move || {
            let known = embedded.clone();
            let session_of = move |request: &ServiceRequest| {
                let cookie = request.cookie(COOKIE)?;
                Some(session(&known, cookie.value()))
            };
            App::new()
                .app_data(web::Data::new(embedded.clone()))
                .configure(|config| embedded.push_routes(config))
                .route("/ready", web::get().to(ready))
                .route("/refused/{from}/{to}", web::get().to(refused))
                .service(
                    web::resource("/")
                        .wrap(embedded.guard(session_of))
                        .get(HttpResponse::Ok),
                )
        };
        let server = HttpServer::new(app).tcp_nodelay(true).listen(listener)?;
        writeln!(io::stdout(), "listening={address}")?;
        Ok(server.run().await?)
    })
}

fn session(receiver: &Receiver, id: &str) -> Session {
    receiver.session(Timestamp::from_secs(BEGAN)).sid(id)
}

async fn ready(receiver: web::Data<Receiver>) -> HttpResponse {
    receiver.ready().await;
    HttpResponse::Ok().finish()
}

async fn refused(receiver: web::Data<Receiver>, range: web::Path<(u32, u32)>) -> HttpResponse {
    let (from, to) = range.into_inner();
    let is_refused = |number: &u32| {
        let session = session(&receiver, &session_id(*number));
        receiver.decide(&session) != Decision::Allow
    };
    let refused = (from..to).filter(is_refused).count();
    HttpResponse::Ok().body(refused.to_string())
}

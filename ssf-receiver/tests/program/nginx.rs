//! An application that knows nothing of SSF, behind nginx and the program, with the configuration of the documentation.

#[path = "../../examples/demo/nginx.rs"]
mod server;

use std::{collections::HashMap, net::TcpListener, sync::Mutex};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    cookie::Cookie,
    dev::ServerHandle,
    web::{self, Data, Query},
};
use reqwest::{Certificate, Client, Method};
use serde_json::json;
use tempfile::TempDir;

use self::server::{CONFIGURATION, Nginx, Port};
use crate::{
    common::{Lie, TOKEN, Transmitter, now, signed},
    rig::{Answer, Daemon, Installation, PATIENCE},
};

const DOCUMENTATION: &str = include_str!("../../../docs/receiver.md");

/// Who is signed in, by the cookie: what the identity provider gave the application at sign-in, and what it calls them.
type SignedIn = Data<Mutex<HashMap<String, String>>>;

/// The application.
struct Application {
    address: String,
    signed_in: SignedIn,
    server: ServerHandle,
}

impl Application {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let signed_in: SignedIn = Data::new(Mutex::default());
        let data = signed_in.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route(
                    "/login",
                    web::get().to(async || "off to the identity provider"),
                )
                .route("/callback", web::get().to(callback))
                .default_service(web::to(page))
        });
        let server = server.workers(1).disable_signals().listen(listener);
        let server = server.unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            address,
            signed_in,
            server: handle,
        }
    }

    /// What the identity provider will say at the next sign-in.
    fn knows(&self, token: &str, name: &str) {
        let mut signed_in = self.signed_in.lock().unwrap();
        signed_in.insert(token.to_owned(), name.to_owned());
    }
}

/// Comes back from the identity provider, with a token.
async fn callback(query: Query<HashMap<String, String>>) -> HttpResponse {
    let session = Cookie::build("session", query["token"].clone());
    let session = session.path("/").http_only(true).secure(true).finish();
    HttpResponse::NoContent().cookie(session).finish()
}

async fn page(request: HttpRequest, signed_in: SignedIn) -> HttpResponse {
    let session = request.cookie("session");
    let signed_in = signed_in.lock().unwrap();
    let name = session.and_then(|session| signed_in.get(session.value()).cloned());
    let name = name.unwrap_or_else(|| "stranger".to_owned());
    HttpResponse::Ok().body(format!("{} by {name}", request.method()))
}

/// A running nginx, and a client that trusts it.
struct Site {
    base: String,
    client: Client,
    _nginx: Nginx,
    _directory: TempDir,
}

impl Site {
    /// Puts nginx in front of the application, with the file of the documentation.
    async fn start(port: Port, application: &Application, daemon: &Daemon) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let name = "localhost".to_owned();
        let identity = rcgen::generate_simple_self_signed([name]).unwrap();
        std::fs::write(path("crt"), identity.cert.pem()).unwrap();
        std::fs::write(path("key"), identity.signing_key.serialize_pem()).unwrap();
        let listen = format!("listen {} ssl;", port.listen());
        let base = format!("https://localhost:{}", port.number());
        let adapted = [
            ("listen 443 ssl;", listen.as_str()),
            ("/etc/nginx/app.example.com.crt", &path("crt")),
            ("/etc/nginx/app.example.com.key", &path("key")),
            ("127.0.0.1:8080", &application.address),
            ("127.0.0.1:8412", &daemon.address.to_string()),
        ];
        let nginx = Nginx::start(directory.path(), port, &adapted).await;
        let root = Certificate::from_pem(identity.cert.pem().as_bytes()).unwrap();
        let client = Client::builder()
            .tls_certs_only([root])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base,
            client,
            _nginx: nginx.unwrap(),
            _directory: directory,
        }
    }

    /// Signs in, and returns the cookie.
    async fn sign_in(&self, token: &str) -> String {
        let login = self.client.get(format!("{}/login", self.base));
        assert_eq!(login.send().await.unwrap().status(), 200);
        let url = format!("{}/callback?token={token}", self.base);
        let answer = Answer::read(self.client.get(url).send().await.unwrap()).await;
        assert_eq!(answer.status, 204);
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn ask(&self, method: Method, cookie: Option<&str>) -> Answer {
        let url = format!("{}/a/page?x=1", self.base);
        let mut request = self.client.request(method.clone(), url);
        request = request.header("Accept-Language", "de");
        if let Some(cookie) = cookie {
            request = request.header("Cookie", cookie);
        }
        if method == Method::POST {
            request = request.body("a form");
        }
        Answer::read(request.send().await.unwrap()).await
    }

    async fn get(&self, cookie: &str) -> Answer {
        self.ask(Method::GET, Some(cookie)).await
    }
}

/// An installation with the configuration that the documentation shows.
fn installation(transmitter: &Transmitter, base: &str) -> Installation {
    let (_, section) = DOCUMENTATION
        .split_once("## Run it beside nginx\n")
        .unwrap();
    let (_, file) = section.split_once("```toml\n").unwrap();
    let (file, _) = file.split_once("```").unwrap();
    // The address to listen on stands in the environment, which is above the file.
    let installation = Installation::bare()
        .with("LISTEN", "127.0.0.1:0")
        .with("LISTEN_ADMIN", "127.0.0.1:0");
    let token = installation.path("idp.token").display().to_string();
    std::fs::write(&token, TOKEN).unwrap();
    let file = file
        .replace("https://idp.example.com", &transmitter.issuer)
        .replace("https://app.example.com", base)
        .replace("/etc/ssf/idp.token", &token);
    std::fs::write(installation.path("ssf-receiver.toml"), file).unwrap();
    installation
}

/// Says through nginx that all sessions of `sub` were ended half a minute ago.
async fn end(nginx: &Site, daemon: &Daemon, transmitter: &Transmitter, sub: &str) {
    let subject = json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": sub });
    let set = transmitter.claims("1", &subject, now() - 30);
    let request = nginx.client.post(&daemon.endpoint);
    let request = request
        .header("Authorization", transmitter.stream().authorization)
        .header("Content-Type", "application/secevent+jwt")
        .body(signed(&Transmitter::header(), &set));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
}

#[actix_web::test]
async fn a_session_of_an_application_that_knows_nothing_ends_with_the_next_request_and_another_goes_on()
 {
    let (transmitter, application, port) = (
        Transmitter::start(),
        Application::start(),
        Port::new().unwrap(),
    );
    let base = format!("https://localhost:{}", port.number());
    let installation = installation(&transmitter, &base);
    let daemon = installation.serve().await;
    daemon.ready().await;
    let nginx = Site::start(port, &application, &daemon).await;
    let token = |sub: &str| transmitter.token(sub, &json!({ "aud": "app.example.com" }));
    let (alice, bob) = (token("alice"), token("bob"));
    application.knows(&alice, "Alice");
    application.knows(&bob, "Bob");
    let (alice, bob) = (nginx.sign_in(&alice).await, nginx.sign_in(&bob).await);
    assert_eq!(nginx.get(&alice).await.body, "GET by Alice");
    assert_eq!(nginx.get(&bob).await.body, "GET by Bob");
    assert_eq!(
        nginx.ask(Method::POST, Some(&alice)).await.body,
        "POST by Alice"
    );
    let stranger = nginx.ask(Method::GET, None).await;
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.header("x-ssf-reason"), Some("no_session"));
    for path in [
        "/login/",
        "/login/x",
        "/callbacks",
        "/a/callback",
        "/ssf/auth",
        "/ssf/authx",
    ] {
        let answer = nginx.client.get(format!("{}{path}", nginx.base));
        let status = answer.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }

    end(&nginx, &daemon, &transmitter, "alice").await;

    for method in [Method::GET, Method::POST, Method::DELETE] {
        let refused = nginx.ask(method, Some(&alice)).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("x-ssf-reason"), Some("session_revoked"));
        assert_eq!(refused.header("content-language"), Some("de"));
        assert_eq!(refused.json()["reason"], "Vom Administrator abgemeldet");
    }
    assert_eq!(nginx.get(&bob).await.body, "GET by Bob");
    let again = transmitter.token("alice", &json!({ "aud": "app.example.com", "iat": now() }));
    application.knows(&again, "Alice again");
    let again = nginx.sign_in(&again).await;
    assert_eq!(nginx.get(&again).await.body, "GET by Alice again");

    daemon.kill().await;

    for cookie in [&alice, &bob, &again] {
        let answer = nginx.get(cookie).await;
        assert_eq!(answer.status, 502);
        assert!(!answer.body.contains(" by "), "{}", answer.body);
    }
    application.server.stop(false).await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn who_cannot_be_judged_now_is_told_so_and_is_let_in_later() {
    let (transmitter, application, port) = (
        Transmitter::start(),
        Application::start(),
        Port::new().unwrap(),
    );
    *transmitter.state.keys_lie.lock().unwrap() = Some(Lie::Status(500));
    let base = format!("https://localhost:{}", port.number());
    let daemon = installation(&transmitter, &base).serve().await;
    let nginx = Site::start(port, &application, &daemon).await;
    let alice = transmitter.token("alice", &json!({ "aud": "app.example.com" }));
    application.knows(&alice, "Alice");
    let alice = nginx.sign_in(&alice).await;
    let answer = nginx.get(&alice).await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.header("x-ssf-reason"),
        Some("temporarily_unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.body.contains(" by "), "{}", answer.body);

    *transmitter.state.keys_lie.lock().unwrap() = None;

    daemon.ready().await;
    let waiting = async {
        while nginx.get(&alice).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!(nginx.get(&alice).await.body, "GET by Alice");
    application.server.stop(false).await;
    transmitter.stop().await;
}

#[test]
fn what_the_documentation_shows_of_the_file_is_what_stands_in_it() {
    let (_, shown) = DOCUMENTATION.split_once("```nginx\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let parts: Vec<&str> = shown.split("\n\n").collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        assert!(CONFIGURATION.contains(part.trim_end()), "{part}");
    }
}

//! An application that knows nothing of SSF, behind nginx and the program, with the configuration of the documentation.

use std::{
    collections::HashMap,
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::Mutex,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    cookie::Cookie,
    dev::ServerHandle,
    web::{self, Data, Query},
};
use reqwest::{Certificate, Client, Method};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::TcpSocket,
    process::{Child, Command},
};

use crate::{
    common::{Transmitter, now, signed, until},
    rig::{Answer, Daemon, Installation},
};

const CONFIGURATION: &str = include_str!("../../../docs/proxies/nginx.conf");

/// What Debian calls it, where its directory is not searched by everybody.
const NGINX: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

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
                .route("/login", web::get().to(login))
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
async fn login(query: Query<HashMap<String, String>>) -> HttpResponse {
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

/// A port that nginx will listen on, and that nobody else gets meanwhile.
struct Port(TcpSocket);

impl Port {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

/// A running nginx; dropping it kills it.
struct Nginx {
    base: String,
    client: Client,
    _port: Port,
    _child: Child,
    _directory: TempDir,
}

impl Nginx {
    /// Puts nginx in front of the application, with the file of the documentation.
    async fn start(port: Port, application: &Application, daemon: &Daemon) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let name = "localhost".to_owned();
        let identity = rcgen::generate_simple_self_signed([name]).unwrap();
        std::fs::write(path("crt"), identity.cert.pem()).unwrap();
        std::fs::write(path("key"), identity.signing_key.serialize_pem()).unwrap();
        let listen = format!("listen 127.0.0.1:{} ssl reuseport;", port.number());
        let mut configuration = CONFIGURATION.to_owned();
        for (placeholder, value) in [
            ("listen 443 ssl;", listen.as_str()),
            ("/etc/nginx/app.example.com.crt", &path("crt")),
            ("/etc/nginx/app.example.com.key", &path("key")),
            ("127.0.0.1:8080", &application.address),
            ("127.0.0.1:8412", &daemon.address.to_string()),
        ] {
            assert_eq!(
                CONFIGURATION.matches(placeholder).count(),
                1,
                "{placeholder}"
            );
            configuration = configuration.replace(placeholder, value);
        }
        std::fs::write(path("app.conf"), configuration).unwrap();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};", path(kind)))
            .join(" ");
        let around = format!(
            "daemon off; master_process off; pid {}; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {paths} include {}; }}\n",
            path("pid"),
            path("app.conf")
        );
        std::fs::write(path("nginx.conf"), around).unwrap();
        let base = format!("https://localhost:{}", port.number());
        let log = std::fs::File::create(path("stderr.log")).unwrap();
        let mut command = Command::new(program());
        command
            .args(["-p", &path(""), "-c", &path("nginx.conf"), "-e", "stderr"])
            .stdin(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        let child = command.spawn().unwrap();
        let address = ("127.0.0.1", port.number());
        until("nginx listens", || TcpStream::connect(address).is_ok()).await;
        let root = Certificate::from_pem(identity.cert.pem().as_bytes()).unwrap();
        let client = Client::builder()
            .tls_certs_only([root])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            client,
            _port: port,
            _child: child,
            _directory: directory,
        }
    }

    /// Signs in, and returns the cookie.
    async fn sign_in(&self, token: &str) -> String {
        let url = format!("{}/login?token={token}", self.base);
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

fn program() -> &'static str {
    let is_there = |name: &&str| std::process::Command::new(name).arg("-v").output().is_ok();
    // `.ci/setup test` has installed it.
    NGINX.into_iter().find(is_there).unwrap()
}

/// Says through nginx that all sessions of `sub` were ended half a minute ago.
async fn end(nginx: &Nginx, daemon: &Daemon, transmitter: &Transmitter, sub: &str) {
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
    let (transmitter, application, port) =
        (Transmitter::start(), Application::start(), Port::new());
    let public_url = format!("https://localhost:{}/ssf", port.number());
    let installation = Installation::of(&transmitter)
        .with("BEHIND_PROXY", "true")
        .with("PUBLIC_URL", &public_url)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("AUTH_COOKIE", "session");
    let daemon = installation.serve().await;
    daemon.ready().await;
    let nginx = Nginx::start(port, &application, &daemon).await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
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

    end(&nginx, &daemon, &transmitter, "alice").await;

    for method in [Method::GET, Method::POST, Method::DELETE] {
        let refused = nginx.ask(method, Some(&alice)).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("x-ssf-reason"), Some("session_revoked"));
        assert_eq!(refused.header("content-language"), Some("de"));
        assert_eq!(refused.json()["reason"], "Vom Administrator abgemeldet");
    }
    assert_eq!(nginx.get(&bob).await.body, "GET by Bob");
    let again = transmitter.token("alice", &json!({ "iat": now() }));
    application.knows(&again, "Alice again");
    let again = nginx.sign_in(&again).await;
    assert_eq!(nginx.get(&again).await.body, "GET by Alice again");

    daemon.kill().await;

    for cookie in [&alice, &bob, &again] {
        let answer = nginx.get(cookie).await;
        assert_eq!(answer.status, 500);
        assert!(!answer.body.contains(" by "), "{}", answer.body);
    }
    application.server.stop(false).await;
    transmitter.stop().await;
}

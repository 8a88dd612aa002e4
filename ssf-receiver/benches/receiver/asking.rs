//! What a proxy's question costs at `/auth`, beside a handler of actix-web that answers yes to everybody.

use std::{
    io::{self, Write},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{App, HttpResponse, HttpServer, rt, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_types::{jose::SigningKey, set::Algorithm};

use crate::{
    Fallible, TMP,
    connection::request,
    server::{Server, compare},
    taking::published,
};

/// Has this program be the bare server.
pub(crate) const BARE: &str = "--bare";

/// The least share of the bare handler's requests per second that is good enough.
const GOAL: f64 = 0.8;

/// For how long is asked.
pub(crate) struct Scale(Duration);

impl Scale {
    pub(crate) const WHOLE: Self = Self(Duration::from_secs(8));
    pub(crate) const SMALL: Self = Self(Duration::from_millis(1));
}

/// Serves the bare handler until it is ended.
pub(crate) fn serve() -> Fallible<()> {
    rt::System::new().block_on(async {
        let answer = async || {
            let mut response = HttpResponse::Ok();
            response.insert_header(("x-ssf-decision", "allow")).finish()
        };
        let app = move || App::new().route("/auth", web::get().to(answer));
        let server = HttpServer::new(app).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            writeln!(io::stdout(), "listening={address}")?;
        }
        Ok(server.run().await?)
    })
}

pub(crate) fn measure(scale: &Scale) -> Fallible<Vec<Value>> {
    let key = SigningKey::generate(Algorithm::Rs256)?;
    let issuer = published(&key)?;
    let directory = tempfile::tempdir_in(TMP)?;
    let mut program = Command::new(env!("CARGO_BIN_EXE_ssf-receiver"));
    program.arg("serve").current_dir(&directory).env_clear();
    let jwks_url = format!("{issuer}/jwks");
    for (name, value) in [
        ("LISTEN", "127.0.0.1:0"),
        ("LISTEN_ADMIN", "127.0.0.1:0"),
        ("TRANSMITTER_IDP_ISSUER", issuer.as_str()),
        (
            "TRANSMITTER_IDP_AUDIENCE",
            "https://rp.example.com/stream/1",
        ),
        ("TRANSMITTER_IDP_PUSH_AUTHORIZATION", "Bearer secret"),
        ("TOKEN_ISSUER_IDP_ISSUER", &issuer),
        ("TOKEN_ISSUER_IDP_JWKS_URL", &jwks_url),
        ("TOKEN_ISSUER_IDP_AUDIENCE", "application"),
    ] {
        program.env(format!("SSF_RECEIVER_{name}"), value);
    }
    let (ours, bare) = (Server::start(&mut program)?, Server::of_this(BARE)?);
    let asked = request("GET", "/auth", &token(&key, &issuer)?, "");
    for server in [&ours, &bare] {
        server.ask(&asked, 200)?;
    }
    ours.ask(&request("GET", "/auth", "no.to.ken", ""), 401)?;
    let name = "/auth for a token, beside a bare handler";
    Ok(vec![compare(name, &asked, (&ours, &bare), GOAL, scale.0)?])
}

/// An ID token as identity providers issue it.
fn token(key: &SigningKey, issuer: &str) -> Fallible<String> {
    let now = now()?;
    let header = json!({ "alg": "RS256", "kid": key.kid(), "typ": "JWT" });
    let claims = json!({
        "iss": issuer, "aud": "application", "sub": "248289761001", "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "email": "alice@example.com", "iat": now, "auth_time": now, "exp": now + 3600,
    });
    let [header, claims] = [header, claims].map(|part| BASE64URL.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let key = PKey::private_key_from_pem(key.pem().expose_secret().as_bytes())?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    let signature = signer.sign_oneshot_to_vec(input.as_bytes())?;
    Ok(format!("{input}.{}", BASE64URL.encode(signature)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program that is measured has no other clock"
)]
fn now() -> Fallible<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

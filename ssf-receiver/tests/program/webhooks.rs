//! An application that embeds nothing is told of SETs.

use std::{
    env,
    io::{ErrorKind, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::Ordering,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use serde_json::{Value, json};

use crate::{
    common::{
        SESSION_REVOKED, Transmitter, email,
        hooks::{Application, Message},
        push, signed,
    },
    rig::{Answer, Daemon, Installation},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The signature that the specification asks for, by another library than the program's.
fn expected(message: &Message, secret: &str) -> String {
    let secret = BASE64.decode(secret.strip_prefix("whsec_").unwrap());
    let key = PKey::hmac(&secret.unwrap()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let content = format!("{}.{}.{}", message.id, message.timestamp, message.body);
    let signature = signer.sign_oneshot_to_vec(content.as_bytes()).unwrap();
    format!("v1,{}", BASE64.encode(signature))
}

/// The program with a webhook to the application.
async fn daemon(transmitter: &Transmitter, application: &Application) -> (Installation, Daemon) {
    let installation = Installation::of(transmitter)
        .with("WEBHOOK_APP_URL", &application.url)
        .with("WEBHOOK_APP_SECRET", SECRET);
    let daemon = installation.serve().await;
    daemon.ready().await;
    (installation, daemon)
}

async fn pushed(transmitter: &Transmitter, daemon: &Daemon, jti: &str) -> Value {
    let claims = transmitter.claims(jti, &email("alice@example.com"), 1_615_305_159);
    let authorization = transmitter.stream().authorization;
    let set = signed(&Transmitter::header(), &claims);
    let answer = push(&daemon.endpoint, &authorization, set).await;
    assert_eq!(answer.status().as_u16(), 202);
    claims
}

/// Has the JavaScript library of the specification's authors verify a message.
fn judged_by_a_stranger(message: &Message) {
    let Some(directory) = env::var_os("SSF_WITNESSES") else {
        assert!(env::var_os("CI").is_none(), "SSF_WITNESSES is not set");
        return;
    };
    let mut node = Command::new("node")
        .args(["--input-type=module", "--eval"])
        .arg(include_str!("../strangers/webhook.mjs"))
        .current_dir(Path::new(&directory).join("node"))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!({
        "secret": SECRET,
        "headers": {
            "webhook-id": message.id, "webhook-timestamp": message.timestamp,
            "webhook-signature": message.signature,
        },
        "body": message.body,
    });
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    assert!(node.wait().unwrap().success(), "the stranger refuses it");
}

#[actix_web::test]
async fn an_application_is_told_of_each_set_in_a_message_that_strangers_verify() {
    let transmitter = Transmitter::start();
    let application = Application::start();
    let (_installation, daemon) = daemon(&transmitter, &application).await;
    let claims = pushed(&transmitter, &daemon, "1.").await;
    let message = application.told(1).await.remove(0);
    assert_eq!(message.signature, expected(&message, SECRET));
    assert!(
        message.id.starts_with("msg_") && !message.id.contains('.'),
        "{}",
        message.id
    );
    let body = message.json();
    assert_eq!(body["type"], SESSION_REVOKED);
    assert_eq!(body["data"], claims);
    let timestamp = body["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 20 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    judged_by_a_stranger(&message);
    pushed(&transmitter, &daemon, "2").await;
    let second = application.told(2).await.remove(1);
    assert_ne!(second.id, message.id);
    application.server.stop(false).await;
}

#[actix_web::test]
async fn t06_proxies_of_the_environment_are_not_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let transmitter = Transmitter::start();
    let application = Application::start();
    let installation = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ]
    .into_iter()
    .fold(Installation::of(&transmitter), |installation, name| {
        installation.with_variable(name, &url)
    })
    .with("WEBHOOK_APP_URL", &application.url)
    .with("WEBHOOK_APP_SECRET", SECRET);
    let daemon = installation.serve().await;
    // By now it has asked for the metadata and the keys, and has made a stream.
    daemon.ready().await;
    pushed(&transmitter, &daemon, "1").await;
    assert_eq!(application.told(1).await.len(), 1);
    proxy.set_nonblocking(true).unwrap();
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    application.server.stop(false).await;
}

#[actix_web::test]
async fn a_message_that_is_not_taken_comes_again_under_its_id() {
    let transmitter = Transmitter::start();
    let application = Application::start();
    let (_installation, daemon) = daemon(&transmitter, &application).await;
    application.told.status.store(307, Ordering::SeqCst);
    pushed(&transmitter, &daemon, "1").await;
    let messages = application.told(2).await;
    let [first, second] = messages.as_slice() else {
        panic!("{} messages", messages.len())
    };
    assert_eq!(first.id, second.id);
    assert_eq!(first.body, second.body);
    assert_eq!(second.signature, expected(second, SECRET));
    let handled = r#"ssf_receiver_handled_total{handler="webhook-app",result="done"} 1"#;
    let is_counted = |answer: &Answer| answer.body.contains(handled);
    daemon.probe_until("/metrics", is_counted).await;
    application.server.stop(false).await;
}

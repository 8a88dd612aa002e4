//! The command line.

use std::net::TcpListener;

use crate::rig::{Installation, text};

fn sound() -> Installation {
    Installation::bare()
        .with("TRANSMITTER_IDP_ISSUER", "https://idp.example.com")
        .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", "s3cret")
}

#[actix_web::test]
async fn a_sound_configuration_is_told_with_where_to_push_and_nothing_is_started() {
    let installation = sound()
        .with("BEHIND_PROXY", "true")
        .with("PUBLIC_URL", "https://app.example.com/ssf");
    let output = installation.run(&["config", "check"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "issuer.idp=https://idp.example.com\nendpoint.idp=https://app.example.com/ssf/events/idp\nconfiguration=ok\n"
    );
    assert!(!installation.path("ssf-receiver.db").exists());
}

#[actix_web::test]
async fn a_faulty_configuration_is_told_and_not_served() {
    let installation = sound().with("TRANSMITTER_IDP_ISSUER", "idp-s3cret");
    std::fs::write(installation.path("ssf-receiver.toml"), "colour = 'blue'").unwrap();
    for arguments in [&["config", "check"][..], &["serve"]] {
        let output = installation.run(arguments).await;
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.starts_with("error: the configuration cannot be used"));
        assert!(told.contains("colour (file ssf-receiver.toml): there is no such setting"));
        assert!(told.contains("transmitter.idp.issuer (environment SSF_RECEIVER_"));
        assert!(!told.contains("s3cret"), "{told}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[actix_web::test]
async fn a_named_file_has_to_be_there() {
    let output = sound()
        .run(&["config", "check", "--config", "absent.toml"])
        .await;
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("the configuration file absent.toml cannot be read"),
        "{told}"
    );
}

#[actix_web::test]
async fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["LISTEN", "LISTEN_ADMIN"] {
        let installation = sound()
            .with("LISTEN", "127.0.0.1:0")
            .with("LISTEN_ADMIN", "127.0.0.1:0")
            .with(key, &address);
        let output = installation.run(&["serve"]).await;
        assert_eq!(output.status.code(), Some(1), "{key}");
        let told = text(&output.stderr);
        assert!(
            told.contains(&format!("{address} cannot be listened on")),
            "{told}"
        );
    }
}

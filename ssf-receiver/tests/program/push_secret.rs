//! Changing the push secret by a command.

use crate::{
    common::{Transmitter, until},
    rig::{Installation, text},
};

#[actix_web::test]
async fn a_command_begins_a_change_of_the_push_secret_and_whoever_serves_ends_it() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter)
        .with("PUBLIC_URL", "https://app.example.com/ssf")
        .with("BEHIND_PROXY", "true");
    let output = installation.run(&["rotate-push-secret"]).await;
    assert_eq!(output.status.code(), Some(1), "nobody has served yet");

    let daemon = installation.serve().await;
    daemon.ready().await;
    daemon.kill().await;
    let former = transmitter.stream().authorization;
    let output = installation.run(&["rotate-push-secret"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "push_secret=begun\n");

    let daemon = installation.serve().await;
    until("the secret is another one", || {
        transmitter.stream().authorization != former
    })
    .await;
    daemon.kill().await;
    assert!(!installation.log().contains("Bearer"));
    transmitter.stop().await;
}

//! What two people and an administrator do, with the timeline of it.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use ssf_receiver::Receiver;

use crate::{
    BoxError,
    browser::Browser,
    console::{self, Console, Deed},
    pages::say,
    provider::Provider,
};

/// How long a revocation may take before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Plays the scenario and prints it; an error is something that must not happen.
pub(crate) async fn play(
    application_url: &str,
    provider: &Provider,
    console: &Console,
    receiver: &Receiver,
) -> Result<(), BoxError> {
    let mut alice = Browser::new("alice", application_url)?;
    let mut bob = Browser::new("bob", application_url)?;
    say("Alice and Bob sign in to the application through OpenID Connect.");
    alice.sign_in().await?;
    bob.sign_in().await?;
    expect(&mut alice, "Alice's session", StatusCode::OK).await?;
    expect(&mut bob, "Bob's session", StatusCode::OK).await?;

    say("\nThe identity provider ends Alice's session (CAEP session-revoked).");
    let sid = provider.session_of("alice");
    end(
        Deed::EndSession,
        sid.as_deref(),
        console,
        &mut alice,
        &mut bob,
    )
    .await?;
    say("Alice signs in again.");
    alice.sign_in().await?;
    expect(&mut alice, "Alice's session", StatusCode::OK).await?;

    say("\nAlice changes her password (CAEP credential-change): whatever began before it ends.");
    end(Deed::ChangePassword, None, console, &mut alice, &mut bob).await?;
    next_second().await;
    say("Alice signs in again.");
    alice.sign_in().await?;
    expect(&mut alice, "Alice's session", StatusCode::OK).await?;

    say("\nAlice enrols a passkey (CAEP credential-change): nobody is logged out.");
    let known = receiver.status().acknowledged;
    console.report(Deed::EnrolPasskey, "alice", None).await?;
    arrived(receiver, known + 1).await?;
    say("              the application has been told of it");
    expect(&mut alice, "Alice's session", StatusCode::OK).await?;
    expect(&mut bob, "Bob's session", StatusCode::OK).await
}

/// Waits until the receiver has taken in so many SETs.
async fn arrived(receiver: &Receiver, sets: u64) -> Result<(), BoxError> {
    let begun = Instant::now();
    while receiver.status().acknowledged < sets {
        if begun.elapsed() > PATIENCE {
            return Err("the event does not reach the application".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Reports a deed, waits until Alice's session is refused, and looks at Bob's all the while.
async fn end(
    deed: Deed,
    sid: Option<&str>,
    console: &Console,
    alice: &mut Browser,
    bob: &mut Browser,
) -> Result<(), BoxError> {
    let accepted = console.report(deed, "alice", sid).await?;
    rejected(alice, accepted).await?;
    expect(bob, "Bob's session", StatusCode::OK).await
}

async fn rejected(browser: &mut Browser, accepted: Instant) -> Result<(), BoxError> {
    say("      0.0 ms  accepted by the transmitter: durable from here on");
    loop {
        let (status, reason) = browser.use_session().await?;
        let elapsed = accepted.elapsed();
        if status == StatusCode::UNAUTHORIZED {
            let millis = elapsed.as_secs_f64() * 1000.0;
            say(&format!(
                "  {millis:>7.1} ms  rejected by the application: 401 {}",
                reason.unwrap_or_default()
            ));
            return Ok(());
        }
        if elapsed > PATIENCE {
            return Err(format!("the session still answers {status} after {PATIENCE:?}").into());
        }
    }
}

async fn expect(browser: &mut Browser, what: &str, expected: StatusCode) -> Result<(), BoxError> {
    let (status, _) = browser.use_session().await?;
    if status != expected {
        return Err(format!("{what} answers {status} instead of {expected}").into());
    }
    say(&format!("              {what}: {}", status.as_u16()));
    Ok(())
}

/// ID tokens count whole seconds, so a sign-in in the second of a revocation counts as begun before it.
async fn next_second() {
    let second = console::now();
    while console::now() == second {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

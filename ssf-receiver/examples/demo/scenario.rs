//! What two people and an administrator do, with the timeline of it.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use ssf_receiver::Receiver;
use url::Url;

use crate::{
    BoxError,
    browser::Browser,
    console::{self, Deed},
    daemon::Daemon,
    pages::say,
    provider::Provider,
};

/// How long a revocation may take before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the two have signed in.
pub(crate) struct Stage<'s> {
    pub(crate) provider: &'s Provider,
    /// The application that embeds the receiver, and its receiver.
    pub(crate) embedding: (Url, &'s Receiver),
    /// The one behind nginx, and the program that nginx asks.
    pub(crate) proxied: (Url, &'s Daemon),
}

struct Actors {
    alice: Browser,
    bob: Browser,
}

impl Stage<'_> {
    /// Plays the scenario and prints it; an error is something that must not happen.
    pub(crate) async fn play(&self) -> Result<(), BoxError> {
        let mut actors = Actors {
            alice: Browser::new("alice")?,
            bob: Browser::new("bob")?,
        };
        say(
            "Alice and Bob sign in through OpenID Connect: to an application that embeds the receiver,",
        );
        say("and to one that knows nothing of it, behind nginx and ssf-receiver.");
        self.sign_in(&mut actors.alice).await?;
        self.sign_in(&mut actors.bob).await?;
        self.expect("Alice", &mut actors.alice).await?;
        self.expect("Bob", &mut actors.bob).await?;

        say("\nThe identity provider ends Alice's session (CAEP session-revoked).");
        self.end(Deed::EndSession, &mut actors).await?;
        say("Alice signs in again.");
        self.sign_in(&mut actors.alice).await?;
        self.expect("Alice", &mut actors.alice).await?;

        say(
            "\nAlice changes her password (CAEP credential-change): whatever began before it ends.",
        );
        self.end(Deed::ChangePassword, &mut actors).await?;
        next_second().await;
        say("Alice signs in again.");
        self.sign_in(&mut actors.alice).await?;
        self.expect("Alice", &mut actors.alice).await?;

        say("\nAlice enrols a passkey (CAEP credential-change): nobody is logged out.");
        let known = self.known().await?;
        self.provider.perform(Deed::EnrolPasskey, "alice").await?;
        self.told_since(known).await?;
        say("              both have been told of it");
        self.expect("Alice", &mut actors.alice).await?;
        self.expect("Bob", &mut actors.bob).await
    }

    async fn sign_in(&self, browser: &mut Browser) -> Result<(), BoxError> {
        browser.sign_in(&self.embedding.0).await?;
        browser.sign_in(&self.proxied.0).await
    }

    /// How many SETs either side has taken in.
    async fn known(&self) -> Result<(u64, u64), BoxError> {
        let acknowledged = self.embedding.1.status().acknowledged;
        Ok((acknowledged, self.proxied.1.noted().await?))
    }

    /// Waits until both have taken in another one.
    async fn told_since(&self, (embedding, proxied): (u64, u64)) -> Result<(), BoxError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let known = self.known().await?;
            if known.0 > embedding && known.1 > proxied {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("the event does not reach both applications".into())
    }

    /// Does something to Alice, waits until her sessions are refused, and looks at Bob's then.
    async fn end(&self, deed: Deed, actors: &mut Actors) -> Result<(), BoxError> {
        let accepted = self.provider.perform(deed, "alice").await?;
        say("      0.0 ms  accepted by the transmitter: durable from here on");
        let mut waiting = vec![
            (&self.embedding.0, "the application that embeds it"),
            (&self.proxied.0, "nginx, in front of the other one"),
        ];
        while !waiting.is_empty() {
            let mut goes_on = Vec::new();
            for (application, name) in waiting {
                let (status, reason) = actors.alice.use_session(application).await?;
                let elapsed = accepted.elapsed();
                if status == StatusCode::UNAUTHORIZED {
                    let (millis, reason) =
                        (elapsed.as_secs_f64() * 1000.0, reason.unwrap_or_default());
                    say(&format!(
                        "  {millis:>7.1} ms  refused by {name}: 401 {reason}"
                    ));
                    continue;
                }
                if elapsed > PATIENCE {
                    let told = format!("{name} still answers {status} after {PATIENCE:?}");
                    return Err(told.into());
                }
                goes_on.push((application, name));
            }
            waiting = goes_on;
        }
        self.expect("Bob", &mut actors.bob).await
    }

    /// Demands that somebody is let in by both.
    async fn expect(&self, who: &str, browser: &mut Browser) -> Result<(), BoxError> {
        for application in [&self.embedding.0, &self.proxied.0] {
            let (status, _) = browser.use_session(application).await?;
            if status != StatusCode::OK {
                return Err(format!("{who} gets {status} from {application}").into());
            }
        }
        say(&format!("              {who}'s sessions: 200, 200"));
        Ok(())
    }
}

/// ID tokens count whole seconds, so a sign-in in the second of a revocation counts as begun before it.
async fn next_second() {
    let second = console::now();
    while console::now() == second {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

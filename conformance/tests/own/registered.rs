//! Receivers that are registered at our own transmitter.

use ssf_transmitter::{
    app::{
        clock::SystemClock,
        receivers::{self, NewCredential, NewReceiver, Secrets},
    },
    config::Config,
    domain::{issuer::IssuerName, receiver::Receiver},
    ports::Clock,
    server::open_store,
    store::Access,
};
use ssf_types::audience::Audience;

/// Registers a receiver of this name with these credentials.
pub(crate) async fn registered(
    config: &Config,
    name: &str,
    credentials: Vec<NewCredential>,
) -> (Receiver, Secrets) {
    let (store, sealer) = open_store(config, Access::Administer).await.unwrap();
    let audience = Audience::new([format!("https://{name}.example.com")]).unwrap();
    let new = NewReceiver::new(IssuerName::default(), name, audience, credentials);
    let added = receivers::add(&store, &sealer, new, SystemClock.now()).await;
    added.unwrap()
}

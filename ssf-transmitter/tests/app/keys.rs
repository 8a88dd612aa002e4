//! Signing with keys that change, and changing them by schedule.

use std::{collections::BTreeMap, time::Duration};

use ssf_transmitter::{
    app::keys::{self, KeyPlan, MakesKeys},
    domain::{
        id::ReceiverId,
        issuer::{IssuerName, Issuers},
        key::{KeyPolicy, KeyRing, KeyState},
        mint::Minted,
        profile::Profile,
    },
    keys::{FRESH, SigningKeys, keep},
    ports::{Clock, KeyStore, SignError, Signer},
};
use ssf_types::{
    audience::Audience,
    event::caep::SessionRevoked,
    id::{Jti, Kid},
    jose::KeySet,
    set::{Algorithm, CompactSet, Expectation, SET_BYTES_MAX, SetClaims, UnverifiedSet},
    subject::SimpleSubject,
    time::Timestamp,
    uri::{EndpointUrl, Issuer},
};
use uuid::Uuid;

use super::fixture::World;

const DAY: Duration = Duration::from_hours(24);

fn main_name() -> IssuerName {
    IssuerName::default()
}

fn acme_name() -> IssuerName {
    IssuerName::parse("acme").unwrap()
}

fn issuers() -> Issuers {
    let main = Issuer::parse("https://tr.example.com").unwrap();
    let acme = Issuer::parse("https://tr.example.com/acme").unwrap();
    Issuers::new(main, [(acme_name(), acme)]).unwrap()
}

fn plan() -> KeyPlan {
    let policy = KeyPolicy::new(DAY, 7 * DAY);
    KeyPlan::new(Algorithm::Es256, policy, BTreeMap::new())
}

fn minted() -> Minted {
    minted_about("1", "7")
}

fn minted_about(jti: &str, subject: &str) -> Minted {
    let claims = SetClaims::new(
        Issuer::parse("https://tr.example.com").unwrap(),
        Jti::parse(jti).unwrap(),
        Timestamp::from_secs(1_800_000_000),
        Audience::new(["https://rp.example.com"]).unwrap(),
        SimpleSubject::Opaque { id: subject.into() }.into(),
        SessionRevoked::default().into(),
    );
    let receiver = ReceiverId::new(Uuid::from_u128(1));
    Minted::new(claims, receiver, Profile::Strict)
}

/// Keys of two issuers, as a server has them that has just started.
async fn started(world: &World) -> SigningKeys {
    let now = world.clock.now();
    keys::prepare(&world.store, &issuers(), &plan(), now)
        .await
        .unwrap();
    SigningKeys::load(&world.store, &world.clock, Algorithm::Es256)
        .await
        .unwrap()
}

/// Does something while the keys are kept.
async fn kept<T>(
    world: &World,
    keys: &SigningKeys,
    plan: &KeyPlan,
    does: impl Future<Output = T>,
) -> T {
    tokio::select! {
        () = keep(keys, &world.store, &world.clock, plan) => unreachable!("it keeps on"),
        done = does => done,
    }
}

/// Signs for an issuer; the key's name.
async fn signer(keys: &SigningKeys, issuer: &IssuerName) -> Result<Kid, SignError> {
    let token = keys.sign(issuer, None, minted()).await?;
    let set = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();
    Ok(set.header().kid.clone().unwrap())
}

fn published(keys: &SigningKeys, issuer: &IssuerName) -> Vec<Kid> {
    let keys = KeySet::parse(keys.jwks(issuer).as_bytes()).unwrap();
    keys.keys()
        .iter()
        .map(|key| key.kid().unwrap().clone())
        .collect()
}

async fn ring(world: &World, issuer: &IssuerName) -> KeyRing {
    world
        .store
        .key_rings()
        .await
        .unwrap()
        .remove(issuer)
        .unwrap()
}

#[tokio::test]
async fn each_issuer_signs_with_a_key_of_its_own_that_it_publishes() {
    let world = World::new();
    let keys = started(&world).await;
    let main = signer(&keys, &main_name()).await.unwrap();
    let acme = signer(&keys, &acme_name()).await.unwrap();
    assert_eq!(published(&keys, &main_name()), [main]);
    assert_eq!(published(&keys, &acme_name()), [acme]);
}

#[tokio::test]
async fn a_second_start_makes_no_second_key() {
    let world = World::new();
    let first = signer(&started(&world).await, &main_name()).await.unwrap();
    let second = signer(&started(&world).await, &main_name()).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn every_algorithm_can_be_the_one_that_signs_and_a_new_one_gets_a_key() {
    let world = World::new();
    let now = world.clock.now();
    for algorithm in Algorithm::ALL {
        let plan = KeyPlan::new(*algorithm, plan().policy, BTreeMap::new());
        keys::prepare(&world.store, &issuers(), &plan, now)
            .await
            .unwrap();
        let keys = SigningKeys::load(&world.store, &world.clock, *algorithm).await;
        let keys = keys.unwrap();
        let token = keys.sign(&main_name(), None, minted()).await.unwrap();
        let token = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();
        assert_eq!(token.header().alg, *algorithm);
    }
    assert_eq!(ring(&world, &main_name()).await.keys().len(), 4);
}

#[tokio::test]
async fn sets_that_are_signed_together_come_in_their_order_and_one_that_is_too_long_fails_alone() {
    let keys = started(&World::new()).await;
    let too_long = "x".repeat(SET_BYTES_MAX);
    let all = (0..20).map(|number| {
        let subject = if number == 11 { &too_long } else { "7" };
        minted_about(&number.to_string(), subject)
    });
    let signed = keys.sign_all(&main_name(), None, all.collect()).await;
    let published = KeySet::parse(keys.jwks(&main_name()).as_bytes()).unwrap();
    let claims = minted().claims;
    let expectation = Expectation::new(claims.iss, claims.aud);
    let jti = |set: &Result<CompactSet, SignError>| {
        let set = UnverifiedSet::parse(set.as_ref().ok()?.as_str().as_bytes()).unwrap();
        let set = set.verify(&published, &expectation, claims.iat).unwrap();
        Some(set.claims().jti.as_str().to_owned())
    };
    let expected = (0..20).map(|number| (number != 11).then(|| number.to_string()));
    let signed: Vec<Option<String>> = signed.iter().map(jti).collect();
    assert_eq!(signed, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn the_published_document_holds_nothing_private() {
    let keys = started(&World::new()).await;
    let jwks: serde_json::Value = serde_json::from_str(&keys.jwks(&main_name())).unwrap();
    let members = jwks["keys"][0].as_object().unwrap().keys();
    let mut members: Vec<&str> = members.map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let debug = format!("{keys:?}");
    assert!(!debug.contains("PRIVATE"), "{debug}");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_without_keys_signs_nothing_and_publishes_an_empty_set() {
    let world = World::new();
    let keys = started(&world).await;
    let other = IssuerName::parse("other").unwrap();
    let refused = kept(&world, &keys, &plan(), signer(&keys, &other)).await;
    let refused = std::error::Error::source(&refused.unwrap_err())
        .unwrap()
        .to_string();
    assert_eq!(refused, "no key of the issuer other signs with ES256");
    assert_eq!(&*keys.jwks(&other), r#"{"keys":[]}"#);
}

#[tokio::test]
async fn an_issuer_whose_keys_are_published_elsewhere_gets_none() {
    let world = World::new();
    let mut plan = plan();
    let uri = EndpointUrl::parse("https://idp.example.com/jwks").unwrap();
    plan.jwks_uris.insert(acme_name(), uri);
    let now = world.clock.now();
    keys::prepare(&world.store, &issuers(), &plan, now)
        .await
        .unwrap();
    let rings = world.store.key_rings().await.unwrap();
    let names: Vec<&IssuerName> = rings.keys().collect();
    assert_eq!(names, [&main_name()]);
}

/// Removes the key that signs.
async fn remove_signing(world: &World, makes: MakesKeys) -> KeyRing {
    let (policy, now) = (plan().policy, world.clock.now());
    let before = ring(world, &main_name()).await;
    let kid = before.signing(Algorithm::Es256, now).unwrap().kid.clone();
    keys::remove(&world.store, &main_name(), &kid, makes, &policy, now)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_does_not_sign_on_a_node_that_has_not_noticed() {
    let world = World::new();
    let keys = started(&world).await;
    signer(&keys, &main_name()).await.unwrap();
    remove_signing(&world, MakesKeys::Yes).await;
    // Nobody looks into the store here, as on a node that has lost its database.
    tokio::time::advance(FRESH).await;
    let refused = signer(&keys, &main_name()).await.unwrap_err();
    let refused = std::error::Error::source(&refused).unwrap().to_string();
    assert!(refused.contains("is too old"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn where_a_key_was_removed_another_one_signs_and_is_published_alone() {
    let world = World::new();
    let keys = started(&world).await;
    let first = signer(&keys, &main_name()).await.unwrap();
    let removed = remove_signing(&world, MakesKeys::Yes).await;
    let plan = plan();
    let signs = kept(&world, &keys, &plan, async {
        keys.caught_up().await.unwrap();
        signer(&keys, &main_name()).await.unwrap()
    });
    let signs = signs.await;
    assert_ne!(signs, first);
    assert_eq!(published(&keys, &main_name()), std::slice::from_ref(&signs));
    let now = world.clock.now();
    assert_eq!(removed.signing(Algorithm::Es256, now).unwrap().kid, signs);
    assert_eq!(removed.find(&first).unwrap().state(now), KeyState::Gone);
}

#[tokio::test(start_paused = true)]
async fn where_keys_are_published_elsewhere_a_removed_one_is_followed_by_none() {
    let world = World::new();
    let keys = started(&world).await;
    let ring = remove_signing(&world, MakesKeys::No).await;
    assert!(ring.signing(Algorithm::Es256, world.clock.now()).is_none());
    let plan = plan();
    let refused = kept(&world, &keys, &plan, async {
        keys.caught_up().await.unwrap();
        signer(&keys, &main_name()).await
    });
    assert!(refused.await.is_err());
}

/// Has a stream of the main issuer ask for an algorithm.
async fn provide(world: &World, keys: &SigningKeys, algorithm: Algorithm) {
    let (policy, now) = (plan().policy, world.clock.now());
    keys.provide(&world.store, &main_name(), algorithm, &policy, now)
        .await
        .unwrap();
}

/// Signs for the main issuer as a stream asks for it.
async fn signed_with(keys: &SigningKeys, algorithm: Option<Algorithm>) -> (Algorithm, Kid) {
    let token = keys.sign(&main_name(), algorithm, minted()).await.unwrap();
    let set = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();
    (set.header().alg, set.header().kid.clone().unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_that_is_asked_for_gets_a_published_key_and_the_default_keeps_its_own() {
    let world = World::new();
    let keys = started(&world).await;
    let plan = plan();
    let (default, own) = kept(&world, &keys, &plan, async {
        let (_, before) = signed_with(&keys, None).await;
        provide(&world, &keys, Algorithm::EdDsa).await;
        assert_eq!(published(&keys, &main_name()).len(), 2);
        let own = signed_with(&keys, Some(Algorithm::EdDsa)).await;
        assert!(published(&keys, &main_name()).contains(&own.1));
        let default = signed_with(&keys, None).await;
        assert_eq!(default.1, before);
        (default.0, own.0)
    })
    .await;
    assert_eq!((default, own), (Algorithm::Es256, Algorithm::EdDsa));
    assert_eq!(published(&keys, &acme_name()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn streams_that_ask_for_an_algorithm_at_the_same_time_share_a_key() {
    let world = World::new();
    let keys = started(&world).await;
    let plan = plan();
    let asking = || provide(&world, &keys, Algorithm::EdDsa);
    kept(&world, &keys, &plan, async {
        tokio::join!(asking(), asking(), asking());
        asking().await;
    })
    .await;
    assert_eq!(ring(&world, &main_name()).await.keys().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_keys_are_made_here_again_a_start_makes_those_that_streams_may_have_asked_for() {
    let world = World::new();
    let keys = started(&world).await;
    let plan = plan();
    let asking = provide(&world, &keys, Algorithm::EdDsa);
    kept(&world, &keys, &plan, asking).await;
    let now = world.clock.now();
    let before = ring(&world, &main_name()).await;
    let lost = before.signing(Algorithm::EdDsa, now).unwrap().kid.clone();
    let (store, policy) = (&world.store, &plan.policy);
    keys::remove(store, &main_name(), &lost, MakesKeys::No, policy, now)
        .await
        .unwrap();
    keys::prepare(store, &issuers(), &plan, now).await.unwrap();
    let after = ring(&world, &main_name()).await;
    assert_ne!(after.signing(Algorithm::EdDsa, now).unwrap().kid, lost);
    assert!(after.signing(Algorithm::Rs256, now).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_replaces_the_key_of_each_algorithm() {
    let world = World::new();
    let keys = started(&world).await;
    let mut plan = plan();
    plan.policy.rotate_every = Some(90 * DAY);
    let asking = provide(&world, &keys, Algorithm::EdDsa);
    kept(&world, &keys, &plan, asking).await;
    let algorithms = [None, Some(Algorithm::EdDsa)];
    let signers = || {
        kept(&world, &keys, &plan, async {
            keys.caught_up().await.unwrap();
            let [default, asked] = algorithms;
            [
                signed_with(&keys, default).await,
                signed_with(&keys, asked).await,
            ]
        })
    };
    let before = signers().await;
    world.clock.advance(89 * DAY);
    until(&world, &keys, &plan, |ring| ring.keys().len() == 4).await;
    assert_eq!(signers().await, before);
    world.clock.advance(DAY);
    let after = signers().await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0);
        assert_ne!(before.1, after.1);
    }
}

/// Lets the keys be kept until `is_so`, for a bounded time.
async fn until(
    world: &World,
    keys: &SigningKeys,
    plan: &KeyPlan,
    is_so: impl Fn(&KeyRing) -> bool,
) {
    let waited = kept(world, keys, plan, async {
        for _ in 0..100 {
            keys.caught_up().await.unwrap();
            if is_so(&ring(world, &main_name()).await) {
                // What was stored since the last look is known, too.
                keys.caught_up().await.unwrap();
                return true;
            }
            tokio::time::sleep(FRESH).await;
        }
        false
    });
    assert!(waited.await);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_replaces_a_key_and_destroys_it_in_the_end() {
    let world = World::new();
    let keys = started(&world).await;
    let mut plan = plan();
    plan.policy.rotate_every = Some(90 * DAY);
    let first = signer(&keys, &main_name()).await.unwrap();
    world.clock.advance(89 * DAY);
    until(&world, &keys, &plan, |ring| ring.keys().len() == 2).await;
    assert_eq!(published(&keys, &main_name()).len(), 2);
    let signs = kept(&world, &keys, &plan, signer(&keys, &main_name())).await;
    assert_eq!(signs.unwrap(), first);

    world.clock.advance(DAY);
    let second = kept(&world, &keys, &plan, async {
        keys.caught_up().await.unwrap();
        signer(&keys, &main_name()).await.unwrap()
    });
    let second = second.await;
    assert_ne!(second, first);
    assert_eq!(
        published(&keys, &main_name()),
        [second.clone(), first.clone()]
    );

    world.clock.advance(7 * DAY);
    let is_destroyed = |ring: &KeyRing| ring.find(&first).unwrap().pem.is_none();
    until(&world, &keys, &plan, is_destroyed).await;
    assert_eq!(published(&keys, &main_name()), [second]);
    assert_eq!(ring(&world, &main_name()).await.keys().len(), 2);
}

#[tokio::test]
async fn two_nodes_that_find_a_key_due_make_one() {
    let world = World::new();
    started(&world).await;
    let mut policy = plan().policy;
    policy.rotate_every = Some(90 * DAY);
    world.clock.advance(89 * DAY);
    let now = world.clock.now();
    for _ in 0..2 {
        let store = &world.store;
        keys::rotate_if_due(store, &main_name(), Algorithm::Es256, &policy, now)
            .await
            .unwrap();
    }
    assert_eq!(ring(&world, &main_name()).await.keys().len(), 2);
}

//! Choosing a profile.

use serde_json::Value;

use super::Served;
use crate::rig::{Endpoint, Installation, SESSION_REVOKED, claims_of, stream_for, text};

fn profile_in_list(installation: &Installation) -> String {
    let list = text(&installation.run(&["receiver", "list"]).stdout);
    let line = list.lines().next().unwrap();
    line.split('\t').nth(6).unwrap().to_owned()
}

#[test]
fn a_receiver_has_the_strict_profile_unless_it_was_given_another() {
    let installation = Installation::new();
    installation.add_receiver("rp");
    assert_eq!(profile_in_list(&installation), "ssf-1.0");
    for name in ["caep-dev", "Apple", ""] {
        let refused = installation.run(&["receiver", "set-profile", "rp", name]);
        assert_eq!(refused.status.code(), Some(2));
        let told = text(&refused.stderr);
        assert!(
            told.contains("ssf-1.0, ssf-id3, ssf-id2, sse-id1, apple"),
            "{told}"
        );
    }
    let set = installation.run(&["receiver", "set-profile", "rp", "okta"]);
    assert!(set.status.success(), "{}", text(&set.stderr));
    assert!(text(&set.stdout).ends_with("profile=okta\n"));
    assert_eq!(profile_in_list(&installation), "okta");
    let nobody = installation.run(&["receiver", "set-profile", "nobody", "okta"]);
    assert_eq!(nobody.status.code(), Some(1));
    let log = text(&installation.run(&["audit", "tail"]).stdout);
    assert!(log.contains(r#""action":"receiver.profile""#), "{log}");
    assert!(log.contains(r#""details":{"profile":"okta"}"#), "{log}");
}

#[tokio::test]
async fn another_profile_holds_for_streams_that_are_there() {
    let served = Served::strictly();
    let endpoint = Endpoint::answering(202);
    served.create(&stream_for(&endpoint.url)).await;
    served.happen_to_alice().await;
    let before = claims_of(&endpoint.next().set);
    assert_eq!(before["sub_id"]["email"], "alice@example.com");
    served.acknowledged(1).await;
    let set = ["receiver", "set-profile", "rp", "okta"];
    assert!(served.installation.run(&set).status.success());
    served.happen_to_alice().await;
    let after = claims_of(&endpoint.next().set);
    assert_eq!(after["sub_id"], Value::Null);
    let subject = &after["events"][SESSION_REVOKED]["subject"];
    assert_eq!(subject["user"]["email"], "alice@example.com");
}

#[tokio::test]
async fn only_202_acknowledges_in_the_strict_profile() {
    let served = Served::strictly();
    let endpoint = Endpoint::answering(200);
    served.create(&stream_for(&endpoint.url)).await;
    served.happen_to_alice().await;
    let first = claims_of(&endpoint.next().set);
    endpoint.answer(202);
    let second = claims_of(&endpoint.next().set);
    assert_eq!(first["jti"], second["jti"]);
    served.installation.logged("another 2xx than 202").await;
    served.acknowledged(1).await;
    assert_eq!(served.counted("other_success").await, 1);
}

#[tokio::test]
async fn any_2xx_acknowledges_in_every_other_profile() {
    for (profile, status) in [("ssf-id3", 200), ("ssf-id2", 204), ("okta", 200)] {
        let served = Served::with_profile(profile, "https://rp.example.com");
        let endpoint = Endpoint::answering(status);
        served.create(&stream_for(&endpoint.url)).await;
        served.happen_to_alice().await;
        endpoint.next();
        served.acknowledged(1).await;
        assert_eq!(served.counted("other_success").await, 0, "{profile}");
    }
}

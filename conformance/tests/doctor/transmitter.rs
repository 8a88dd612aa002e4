//! Of a transmitter.

use ssf_conformance::{
    doctor::{Finding, State, of_transmitter},
    peer::Peer,
    run::Given,
    target_file::{AdapterAddress, Token},
};

use super::nobody;

async fn findings(change: impl FnOnce(&mut Given)) -> Vec<Finding> {
    let peer = Peer::start(None).unwrap();
    let mut given = peer.given();
    change(&mut given);
    of_transmitter(&given).await
}

fn faults(findings: &[Finding]) -> Vec<(&str, &str)> {
    let faulty = findings.iter().filter_map(|one| {
        let State::Faulty(fix) = &one.state else {
            return None;
        };
        Some((one.of.as_str(), fix.as_str()))
    });
    faulty.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_target_that_is_in_order_nothing_is_to_be_fixed() {
    let findings = findings(|_| {}).await;
    assert_eq!(faults(&findings), []);
    for of in [
        "address",
        "metadata",
        "clock",
        "keys",
        "credentials.token",
        "adapters.emit",
    ] {
        let one = findings.iter().find(|one| one.of == of).unwrap();
        assert!(matches!(one.state, State::Fine(_)), "{one}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_not_in_order_is_told_at_once() {
    let findings = findings(|given| {
        let tokens = &mut given.secrets.tokens;
        tokens.insert(Token::Receiver, "nobodys".to_owned());
        let url = format!("http://{}/", nobody());
        given.file.adapters.emit = Some(AdapterAddress::Hook {
            url,
            token_env: None,
        });
        let command = |program: &str| AdapterAddress::Command {
            command: vec![program.to_owned()],
        };
        given.file.adapters.restart = Some(command("no-such-program-anywhere"));
        // It is there, and no program.
        given.file.adapters.rotate_key =
            Some(command(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    })
    .await;
    let faults = faults(&findings);
    let of: Vec<&str> = faults.iter().map(|(of, _)| *of).collect();
    assert_eq!(
        of,
        [
            "credentials.token",
            "adapters.emit",
            "adapters.rotate_key",
            "adapters.restart"
        ]
    );
    assert!(faults[0].1.contains("401"), "{faults:?}");
    assert!(!faults[0].1.contains("nobodys"), "{faults:?}");
    assert!(
        faults[2].1.contains("Cargo.toml is not executable"),
        "{faults:?}"
    );
    assert!(
        faults[3].1.contains("no-such-program-anywhere"),
        "{faults:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_reached_is_told_apart() {
    let untrusted = findings(|given| given.authorities = None).await;
    let [("address", why), ..] = faults(&untrusted)[..] else {
        panic!("{untrusted:?}")
    };
    assert!(why.contains("takes connections, but"), "{why}");
    let absent = findings(|given| {
        given.file.issuer = format!("http://{}", nobody());
    });
    let absent = absent.await;
    let [("address", why), ..] = faults(&absent)[..] else {
        panic!("{absent:?}")
    };
    assert!(why.contains("nobody takes connections"), "{why}");
    let nameless = findings(|given| {
        given.file.issuer = "https://no-such-host.invalid".to_owned();
    });
    let nameless = nameless.await;
    let [("address", why), ..] = faults(&nameless)[..] else {
        panic!("{nameless:?}")
    };
    assert!(why.contains("has no address"), "{why}");
}

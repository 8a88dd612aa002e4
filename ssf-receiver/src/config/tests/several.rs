use ssf_types::uri::Issuer;

use super::*;
use crate::config::ChoiceError;

/// Another transmitter, which is polled.
const OTHER: &str =
    "[[transmitter]]\nname = 'okta'\nissuer = 'https://okta.example.com'\ndelivery = 'poll'\n";

const TOKENS: [(&str, &str); 2] = [
    TOKEN,
    (
        "SSF_RECEIVER_TRANSMITTER_OKTA_MANAGEMENT_TOKEN",
        "other-s3cret",
    ),
];

fn both(file: &str) -> Result<Config, ConfigError> {
    read(&format!("{file}\n{TABLE}{OTHER}"), &TOKENS)
}

fn faults_of_both(file: &str) -> Vec<String> {
    faults(&format!("{file}\n{TABLE}{OTHER}"), &TOKENS)
}

fn texts(issuers: &[Issuer]) -> Vec<&str> {
    issuers.iter().map(Issuer::as_str).collect()
}

#[test]
fn each_transmitter_has_its_own_settings_and_its_own_faults() {
    let config = both("").unwrap();
    let names: Vec<&str> = config
        .transmitters
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["idp", "okta"]);
    let bound = "127.0.0.1:40001".parse().unwrap();
    let endpoint = |place: usize| config.transmitters[place].endpoint(&config.listen, bound);
    assert!(
        endpoint(0)
            .unwrap()
            .unwrap()
            .as_str()
            .ends_with("/events/idp")
    );
    assert!(endpoint(1).unwrap().is_none());
    let misspelt = ("SSF_RECEIVER_TRANSMITTER_IPD_DIALECT", "okta");
    let told = faults(TABLE, &[TOKEN, misspelt]);
    assert!(
        told.iter().all(|line| line.starts_with("transmitter.ipd.")),
        "{told:?}"
    );
}

#[test]
fn two_transmitters_have_two_issuers() {
    for other in ["https://idp.example.com", "https://idp.example.com/"] {
        let other = OTHER.replace("https://okta.example.com", other);
        assert_eq!(
            faults(&format!("{TABLE}{other}"), &TOKENS),
            ["transmitter.okta.issuer (default): must not be that of another table"]
        );
    }
}

#[test]
fn a_command_is_about_one_transmitter() {
    let config = both("").unwrap();
    assert_eq!(config.transmitter(Some("okta")).unwrap().name, "okta");
    let several = ChoiceError::Several("idp, okta".to_owned());
    assert_eq!(config.transmitter(None).unwrap_err(), several);
    let missing = ChoiceError::NotThere("idp, okta".to_owned());
    assert_eq!(config.transmitter(Some("o")).unwrap_err(), missing);
    let config = read(TABLE, &[TOKEN]).unwrap();
    assert_eq!(config.transmitter(None).unwrap().name, "idp");
}

#[test]
fn tokens_are_of_the_transmitter_with_their_issuer_or_of_those_that_are_named() {
    let of = |issuer: &str, more: &str| {
        let table = format!("[[token_issuer]]\nname = 't'\nissuer = '{issuer}'\n{more}");
        let auth = both(&table).map(|config| config.auth.unwrap());
        auth.map(|mut auth| auth.token_issuers.remove(0).scopes)
    };
    let own = of("https://okta.example.com", "").unwrap();
    assert_eq!(texts(&own), ["https://okta.example.com"]);
    let named = "transmitters = ['okta', 'idp', 'okta']";
    let named = of("https://as.example", named).unwrap();
    assert_eq!(
        texts(&named),
        ["https://okta.example.com", "https://idp.example.com"]
    );
    let told = |more| of("https://as.example", more).unwrap_err().to_string();
    let unclear = "must be set, since none of the transmitters has the issuer of the sessions: those that end them, of idp, okta";
    assert!(told("").contains(&format!("token_issuer.t.transmitters (default): {unclear}")));
    for faulty in [
        "transmitters = []",
        "transmitters = ['o']",
        "transmitters = 7",
    ] {
        let expected = "must be a list of names of transmitters, of which there are idp, okta";
        assert!(told(faulty).contains(expected), "{faulty}");
    }
}

#[test]
fn session_headers_are_of_the_transmitters_that_are_named() {
    let headers = "session_headers = ['X-User=user/iss_sub']\nsession_began_header = 'X-Began'\ntrusted_proxies = ['127.0.0.1']";
    let of = |more: &str| {
        let config = both(&format!("{headers}\n{more}")).unwrap();
        config.auth.unwrap().session_headers.unwrap().scopes
    };
    assert_eq!(
        texts(&of("session_issuer = 'https://idp.example.com'")),
        ["https://idp.example.com"]
    );
    assert_eq!(
        texts(&of("session_transmitters = ['okta']")),
        ["https://okta.example.com"]
    );
    let told = faults_of_both(headers);
    assert!(told[0].starts_with("session_transmitters (default): must be set, since none"));
    let lonely = "session_transmitters = ['okta']";
    let expected = "session_transmitters (file t.toml): must stand beside session_headers";
    assert_eq!(faults_of_both(lonely), [expected]);
}

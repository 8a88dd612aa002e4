//! What may be said of a client of an authorization server.

use super::*;

#[test]
fn a_client_has_an_id_and_either_a_secret_or_a_key() {
    let secret = (
        "SSF_RECEIVER_TRANSMITTER_IDP_CLIENT_SECRET",
        "client-s3cret",
    );
    let config = read(
        &format!("{TABLE}client_id = 'app'\nscopes = ['a', 'b']"),
        &[secret],
    );
    let config = config.unwrap();
    assert!(matches!(
        config.transmitters[0].stream,
        StreamSettings::Pushed(Credentials::Client(_))
    ));
    assert!(!format!("{config:?}").contains("s3cret"));

    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let path = directory.path().join("key.pem");
    std::fs::write(&path, key.pem().expose_secret()).unwrap();
    let with_key = format!("client_id = 'app'\nclient_key_file = '{}'", path.display());
    assert!(read(&format!("{TABLE}{with_key}"), &[]).is_ok());

    let told = "transmitter.idp.";
    for (file, environment, expected) in [
        (
            "client_id = 'app'",
            &[][..],
            "client_secret_file (default): must be set beside client_id",
        ),
        (
            &with_key,
            &[secret][..],
            "client_secret_file (default): must be set beside client_id",
        ),
        ("", &[secret], "client_id (default): must be set beside"),
        (
            "scopes = ['a']",
            &[],
            "client_id (default): must be set beside",
        ),
        (
            "client_id = 'app'",
            &[secret, TOKEN],
            "management_token (default): must not stand beside client_id",
        ),
    ] {
        let faults = faults_within(file, environment);
        assert!(
            faults[0].starts_with(&format!("{told}{expected}")),
            "{faults:?}"
        );
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
}

#[test]
fn what_a_client_has_is_told_by_its_key_if_it_is_faulty() {
    let told = "transmitter.idp.";
    for (line, expected) in [
        (
            "client_id = ''",
            "client_id (file t.toml): must be 1 to 255",
        ),
        ("scopes = ['a b']", "scopes (file t.toml): must be a list"),
        ("scopes = 'a\"b'", "scopes (file t.toml): must be a list"),
        (
            "authorization_server = 'http://as.example.com'",
            "authorization_server (file t.toml): must be the issuer",
        ),
        (
            "client_key_file = '/nowhere/key'",
            "client_key_file (file t.toml): cannot be read",
        ),
        (
            "client_key_file = '/dev/null'",
            "client_key_file (file t.toml): must be a private key",
        ),
    ] {
        let faults = faults_within(line, &[]);
        let found = faults
            .iter()
            .any(|fault| fault.starts_with(&format!("{told}{expected}")));
        assert!(found, "{faults:?}");
    }
}

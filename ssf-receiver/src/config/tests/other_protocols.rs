//! What may be said of other protocols that end sessions.

use super::*;

#[test]
fn logout_tokens_are_for_clients_whose_sessions_they_can_name() {
    let of = |lines: &str| format!("{TOKEN_ISSUER}logout_audience = ['app', 'other']\n{lines}\n");
    for lines in [
        "",
        "identifiers = ['sub=user/opaque']",
        "identifiers = ['sid=session/opaque']",
    ] {
        let config = read(&format!("{}{TABLE}", of(lines)), &[TOKEN]).unwrap();
        let issuer = config.auth.unwrap().token_issuers.remove(0);
        let audience = issuer.logout_audience.unwrap();
        assert!(audience.values().eq(["app", "other"]), "{lines}");
    }
    for lines in [
        "identifiers = ['email=user/email']",
        "identifiers = ['sub=tenant/opaque', 'email=user/email']",
    ] {
        let told = faults_before(&of(lines));
        assert!(
            told[0].starts_with("token_issuer.idp.logout_audience (file t.toml): must stand beside identifiers that have sub or sid"),
            "{told:?}"
        );
    }
}

#[test]
fn who_ends_sessions_of_a_transmitter_has_a_secret_of_its_own() {
    let secret = (
        "SSF_RECEIVER_TRANSMITTER_IDP_REVOCATION_SECRET",
        "revocation-s3cret",
    );
    let config = read(TABLE, &[TOKEN, secret]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let told = faults_within("revocation_secret = 'x'\n", &[TOKEN]);
    assert!(
        told[0].starts_with("transmitter.idp.revocation_secret (file t.toml): must not stand here"),
        "{told:?}"
    );
}

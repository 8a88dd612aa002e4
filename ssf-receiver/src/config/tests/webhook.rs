//! What `[webhook]` may say.

use super::*;

const WEBHOOK: &str = "[[webhook]]\nname = 'app'\nurl = 'https://app.example.com/hooks?of=ssf'\n";

fn webhook_secret(key: &'static str) -> (&'static str, &'static str) {
    (key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

#[test]
fn a_webhook_has_a_url_and_a_secret_and_perhaps_the_one_before() {
    let file = format!("{TABLE}{WEBHOOK}");
    let secret = webhook_secret("SSF_RECEIVER_WEBHOOK_APP_SECRET");
    let config = read(&file, &[TOKEN, secret]).unwrap();
    let [webhook] = config.webhooks.as_slice() else {
        panic!("{:?}", config.webhooks)
    };
    assert_eq!(webhook.name, "app");
    assert_eq!(webhook.url.as_str(), "https://app.example.com/hooks?of=ssf");
    assert_eq!(webhook.secrets.len(), 1);
    assert!(webhook.events.is_none());
    assert!(!format!("{config:?}").contains("MfKQ9r8"));
    let former = webhook_secret("SSF_RECEIVER_WEBHOOK_APP_FORMER_SECRET");
    let config = read(&file, &[TOKEN, secret, former]).unwrap();
    assert_eq!(config.webhooks[0].secrets.len(), 2);
}

#[test]
fn a_webhook_without_what_it_needs_is_told_what_to_fix() {
    let secret = ("SSF_RECEIVER_WEBHOOK_APP_SECRET", "s3cret-s3cret");
    let file = format!("{TABLE}[[webhook]]\nname = 'app'\nurl = 'http://app.example.com/'\n");
    let told = faults(&file, &[TOKEN, secret]);
    let [secret, url] = told.as_slice() else {
        panic!("{told:?}")
    };
    let expected = "webhook.app.secret (default): must be whsec_ and the base64 of 24 to 64 random bytes: openssl rand -base64 32 makes them";
    assert_eq!(secret, expected);
    let expected = "webhook.app.url (file t.toml): must be set: an https URL without fragment";
    assert!(url.starts_with(expected), "{url}");
    let told = faults(&format!("{TABLE}{WEBHOOK}"), &[TOKEN]);
    let expected = "webhook.app.secret_file (default): must be set";
    assert!(told[0].starts_with(expected), "{told:?}");
}

//! What `[redis]` may say.

use super::*;

const REDIS: &str = "[redis]\nurl = 'redis://app:s3cret@localhost:6379/1'\n";

fn told(lines: &str) -> Vec<String> {
    faults(&format!("[redis]\n{lines}\n{TABLE}"), &[TOKEN])
}

#[test]
fn a_url_is_enough_and_its_password_is_not_shown() {
    let config = read(&format!("{REDIS}{TABLE}"), &[TOKEN]).unwrap();
    let redis = config.redis.unwrap();
    assert_eq!(
        redis.url.expose_secret(),
        "redis://app:s3cret@localhost:6379/1"
    );
    assert_eq!(redis.prefix, "ssf");
    assert_eq!(redis.secret_file, None);
    assert!(!format!("{redis:?}").contains("s3cret"));
    assert!(read(TABLE, &[TOKEN]).unwrap().redis.is_none());
}

#[test]
fn redis_may_stand_in_the_environment_alone() {
    let environment = [
        TOKEN,
        ("SSF_RECEIVER_REDIS_URL", "redis+unix:///run/redis.sock"),
        ("SSF_RECEIVER_REDIS_PREFIX", "{ssf}:app"),
        ("SSF_RECEIVER_REDIS_SECRET_FILE", "/run/ssf/redis.secret"),
    ];
    let redis = read(TABLE, &environment).unwrap().redis.unwrap();
    assert_eq!(redis.url.expose_secret(), "redis+unix:///run/redis.sock");
    assert_eq!(redis.prefix, "{ssf}:app");
    let path = redis.secret_file.unwrap();
    assert_eq!(path, Path::new("/run/ssf/redis.secret"));
}

#[test]
fn whatever_is_wrong_with_redis_is_told_by_its_key() {
    for (lines, fault) in [
        ("prefix = 'a'", "redis.url (default): must be set: redis://"),
        (
            "url = 'rediss://localhost'",
            "redis.url (file t.toml): must be set: redis://",
        ),
        (
            "url = 'redis://localhost'\nprefix = 'a b'",
            "redis.prefix (file t.toml): must be 1 to 100 visible ASCII characters",
        ),
        (
            "url = 'redis://localhost'\nsecret_file = ''",
            "redis.secret_file (file t.toml): must be the path of a file",
        ),
        (
            "url = 'redis://localhost'\nchannel = 'a'",
            "redis.channel (file t.toml): there is no such setting; there are prefix, secret_file, url",
        ),
    ] {
        let told = told(lines);
        assert!(told.iter().any(|one| one.starts_with(fault)), "{told:?}");
    }
}

#[test]
fn its_page_has_every_setting_of_redis_and_no_other() {
    let page = include_str!("../../../../docs/redis.md");
    let known = known(&told("colour = 'blue'"), "redis.colour");
    assert_eq!(known, documented_in(page, "| key of `[redis]` |"));
}

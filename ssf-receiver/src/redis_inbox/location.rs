//! Where an inbox in Redis is: its URL.

use redis::Client;
use url::Url;

use super::opening::OpenError;
use crate::publication::is_prefix;

/// What keys begin with unless told otherwise.
const PREFIX_DEFAULT: &str = "ssf-inbox";

/// `redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]` or `redis+unix:///PATH`, perhaps with `prefix` and `durability` behind a `?`.
pub(super) struct Location {
    pub(super) client: Client,
    /// What keys begin with.
    pub(super) prefix: String,
    /// Whether somebody says that what is answered is durable, so that it is not asked for.
    pub(super) is_vouched_for: bool,
}

/// Whether a URL is one of Redis.
pub(crate) fn is_meant(url: &str) -> bool {
    ["redis://", "redis+unix://", "rediss://", "unix://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self, OpenError> {
        let mut url = Url::parse(text).map_err(|_| OpenError::Url)?;
        let mut prefix = PREFIX_DEFAULT.to_owned();
        let mut is_vouched_for = false;
        let mut others = Vec::new();
        for (name, value) in url.query_pairs() {
            match &*name {
                "prefix" if is_prefix(&value) => prefix = value.into_owned(),
                "prefix" => return Err(OpenError::Prefix),
                "durability" if value == "vouched" => is_vouched_for = true,
                "durability" => return Err(OpenError::Durability),
                _ => others.push((name.into_owned(), value.into_owned())),
            }
        }
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        // What is wrong with it might be its password.
        let client = Client::open(url.as_str()).map_err(|_| OpenError::Url)?;
        Ok(Self {
            client,
            prefix,
            is_vouched_for,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_name_the_prefix_and_vouch_for_durability() {
        let plain = Location::parse("redis://user:s3cret@localhost:6379/2").unwrap();
        assert_eq!((&*plain.prefix, plain.is_vouched_for), ("ssf-inbox", false));
        let database =
            |location: &Location| location.client.get_connection_info().redis_settings().db();
        assert_eq!(database(&plain), 2);
        let url = "redis+unix:///run/redis.sock?db=3&prefix=shop&durability=vouched";
        let told = Location::parse(url).unwrap();
        assert_eq!((&*told.prefix, told.is_vouched_for), ("shop", true));
        assert_eq!(database(&told), 3);
    }

    #[test]
    fn what_is_no_url_of_redis_is_told_what_to_fix_and_nothing_of_it_is_repeated() {
        for (url, fix) in [
            ("redis://localhost?prefix=a%20b", "prefix"),
            ("redis://localhost?durability=maybe", "durability=vouched"),
            ("rediss://:s3cret@localhost", "redis://HOST:PORT/NUMBER"),
            ("redis://:s3cret@localhost/x", "redis://HOST:PORT/NUMBER"),
        ] {
            let error = Location::parse(url).err().unwrap().to_string();
            assert!(error.contains(fix) && !error.contains("s3cret"), "{error}");
        }
    }
}

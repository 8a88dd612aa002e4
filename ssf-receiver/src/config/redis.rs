//! `[redis]`: where what is revoked is published for other processes.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{layers::Value, reader::Reader, secret::Faulty};
use crate::publication::{PREFIX_BYTES_MAX, PREFIX_DEFAULT, is_prefix};

/// What the program publishes in Redis.
#[derive(Debug)]
#[non_exhaustive]
pub struct RedisSettings {
    /// Where: a URL, which may have a password in it.
    pub url: SecretString,
    /// What keys begin with.
    pub prefix: String,
    /// The file that whoever reads finds the secret in.
    pub secret_file: Option<PathBuf>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Option<RedisSettings>, Faulty> {
    let Some(mut table) = reader.table("redis")? else {
        return Ok(None);
    };
    let url = table.value("url", |value| {
        let text = value.and_then(Value::text).unwrap_or_default();
        let is_redis = ["redis://", "redis+unix://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if is_redis {
            return Ok(SecretString::from(text));
        }
        Err("must be set: redis://HOST:PORT/NUMBER or redis+unix:///PATH".to_owned())
    });
    let prefix = table.value("prefix", |value| match value.map(Value::text) {
        None => Ok(PREFIX_DEFAULT.to_owned()),
        Some(Some(text)) if is_prefix(text) => Ok(text.to_owned()),
        Some(_) => Err(format!(
            "must be 1 to {PREFIX_BYTES_MAX} visible ASCII characters"
        )),
    });
    let secret_file = table.value("secret_file", |value| match value.map(Value::text) {
        None => Ok(None),
        Some(Some(path)) if !path.is_empty() => Ok(Some(PathBuf::from(path))),
        Some(_) => Err("must be the path of a file, which is written".to_owned()),
    });
    reader.close(table);
    let (Some(url), Some(prefix), Some(secret_file)) = (url, prefix, secret_file) else {
        return Err(Faulty);
    };
    Ok(Some(RedisSettings {
        url,
        prefix,
        secret_file,
    }))
}

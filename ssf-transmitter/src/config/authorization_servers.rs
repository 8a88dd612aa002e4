//! `[authorization_servers.NAME]`: tables of external authorization servers.

use secrecy::SecretString;
use ssf_types::{jwt::NAME_BYTES_MAX, uri::Issuer};

use super::layers::{Reader, Value};
use crate::domain::{
    authorization_server::{AUTHORIZATION_SERVERS_MAX, AuthorizationServer, IntrospectionClient},
    issuer::IssuerName,
};

/// Longest name of a table, in bytes.
const TABLE_NAME_BYTES_MAX: usize = 32;

/// Longest secret of this server as a client, in bytes: it is sent in a header, as which servers take a few thousand.
const CLIENT_SECRET_BYTES_MAX: usize = 1024;

/// The settings of one table.
const KEYS: [&str; 6] = [
    "audience",
    "client_claim",
    "for_issuer",
    "introspection_client_id",
    "issuer",
    "token_type",
];

/// A table that was read; the secret that may belong to it stands elsewhere.
struct Entry {
    name: String,
    server: AuthorizationServer,
    introspection_client_id: Option<String>,
}

impl Entry {
    /// Whether both are the same server at one issuer.
    fn repeats(&self, other: &Self) -> bool {
        self.server.for_issuer == other.server.for_issuer
            && self.server.issuer == other.server.issuer
    }

    /// Whether both are asked about tokens at one issuer.
    fn competes(&self, other: &Self) -> bool {
        self.server.for_issuer == other.server.for_issuer
            && self.introspection_client_id.is_some()
            && other.introspection_client_id.is_some()
    }
}

/// Reads the tables, and from the environment the secrets that belong to them.
pub(super) fn read(
    reader: &mut Reader,
    others: Option<&[(IssuerName, String)]>,
) -> Option<Vec<AuthorizationServer>> {
    let others = others.unwrap_or_default().iter();
    let issuers: Vec<&IssuerName> = others.map(|(name, _)| name).collect();
    let entries = reader.value("authorization_servers", |value| match value {
        None => Ok(Vec::new()),
        Some(value) => tables(value, &issuers),
    })?;
    let mut servers = Vec::with_capacity(entries.len());
    let mut are_complete = true;
    for entry in entries {
        let mut server = entry.server;
        if let Some(client_id) = entry.introspection_client_id {
            let key = format!("authorization_server_{}_client_secret", entry.name);
            let secret = reader.value(&key, secret);
            are_complete &= secret.is_some();
            let client = |secret| IntrospectionClient::new(client_id, secret);
            server.introspection = secret.map(client);
        }
        servers.push(server);
    }
    are_complete.then_some(servers)
}

fn secret(value: Option<&Value>) -> Result<SecretString, String> {
    match value {
        Some(value) if value.is_from_environment() => {
            let text = value.text().unwrap_or_default();
            if !(1..=CLIENT_SECRET_BYTES_MAX).contains(&text.len()) {
                return Err(format!(
                    "must be the client's secret, 1 to {CLIENT_SECRET_BYTES_MAX} bytes of text"
                ));
            }
            Ok(text.into())
        }
        Some(_) => Err("must not stand here: set it in the environment".to_owned()),
        None => {
            Err("must be set in the environment, because introspection_client_id is set".to_owned())
        }
    }
}

fn tables(value: &Value, issuers: &[&IssuerName]) -> Result<Vec<Entry>, String> {
    let tables = value.table().ok_or(
        "must be tables in the file, such as [authorization_servers.corp] with issuer = \"https://…\"",
    )?;
    if tables.len() > AUTHORIZATION_SERVERS_MAX {
        return Err(format!(
            "must be at most {AUTHORIZATION_SERVERS_MAX} tables"
        ));
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(tables.len());
    for (name, table) in tables {
        if !is_table_name(name) {
            return Err(format!(
                "must have names of 1 to {TABLE_NAME_BYTES_MAX} of the characters a-z, 0-9 and _"
            ));
        }
        let table = table.as_table();
        let entry = table
            .ok_or_else(|| format!("{name} must be a table"))
            .and_then(|table| entry(name, table, issuers))?;
        if entries.iter().any(|other| entry.repeats(other)) {
            return Err(format!("{name}.issuer is that of another table already"));
        }
        if entries.iter().any(|other| entry.competes(other)) {
            return Err(format!(
                "{name}.introspection_client_id must stand in one table of an issuer alone: a token does not say whom to ask"
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn is_table_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= TABLE_NAME_BYTES_MAX && name.bytes().all(is_plain)
}

fn entry(name: &str, table: &toml::Table, issuers: &[&IssuerName]) -> Result<Entry, String> {
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{name}.{key}: there is no such setting"));
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if (1..=NAME_BYTES_MAX).contains(&text.len()) => {
            Ok(Some(text.as_str()))
        }
        Some(_) => Err(format!(
            "{name}.{key} must be a text of 1 to {NAME_BYTES_MAX} bytes"
        )),
    };
    let issuer = text("issuer")?.ok_or_else(|| format!("{name}.issuer must be set"))?;
    let issuer = Issuer::parse(issuer).map_err(|error| {
        format!("{name}.issuer must be an https URL without query and fragment: {error}")
    })?;
    let for_issuer = match text("for_issuer")? {
        None => IssuerName::default(),
        Some(text) => IssuerName::parse(text)
            .ok()
            .filter(|name| *name == IssuerName::default() || issuers.contains(&name))
            .ok_or_else(|| format!("{name}.for_issuer must be the name of an issuer"))?,
    };
    let mut server = AuthorizationServer::new(for_issuer, issuer);
    server.audience = text("audience")?.map(str::to_owned);
    if let Some(claim) = text("client_claim")? {
        claim.clone_into(&mut server.client_claim);
    }
    if let Some(token_type) = text("token_type")? {
        token_type.clone_into(&mut server.token_type);
    }
    Ok(Entry {
        name: name.to_owned(),
        server,
        introspection_client_id: text("introspection_client_id")?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, ConfigError, Layers};
    use super::*;

    fn read(file: &str) -> Result<Config, ConfigError> {
        Config::read(Layers::default().file(Path::new("t.toml"), file))
    }

    fn told(file: &str) -> String {
        let faults: Vec<String> = read(file)
            .unwrap_err()
            .faults()
            .iter()
            .map(|fault| format!("{}: {}", fault.key, fault.problem))
            .collect();
        faults.join("; ")
    }

    #[test]
    fn an_authorization_server_keeps_to_rfc_9068_unless_it_is_described() {
        let table = "[authorization_servers.corp]\nissuer = 'https://as.example.com/'";
        let config = read(table).unwrap();
        let [server] = &config.authorization_servers[..] else {
            panic!("{:?}", config.authorization_servers)
        };
        assert_eq!(server.issuer.as_str(), "https://as.example.com/");
        assert_eq!(server.for_issuer, IssuerName::default());
        assert_eq!(server.client_claim, "client_id");
        assert_eq!(server.token_type, "at+jwt");
        assert_eq!(server.audience, None);

        let more =
            "for_issuer = 'acme'\naudience = 'ssf'\nclient_claim = 'azp'\ntoken_type = 'JWT'";
        let config = read(&format!("issuers = ['acme=/acme']\n{table}\n{more}")).unwrap();
        let server = &config.authorization_servers[0];
        assert_eq!(server.for_issuer.as_str(), "acme");
        assert_eq!(server.audience.as_deref(), Some("ssf"));
        assert_eq!(server.client_claim, "azp");
        assert_eq!(server.token_type, "JWT");
    }

    #[test]
    fn the_secret_with_which_a_server_is_asked_comes_from_the_environment_alone() {
        let table = "[authorization_servers.corp]\nissuer = 'https://as.example.com'\n\
                     introspection_client_id = 'us'";
        let key = "authorization_server_corp_client_secret";
        let expected = format!(
            "{key}: must be set in the environment, because introspection_client_id is set"
        );
        assert_eq!(told(table), expected);
        let in_file = format!("{key} = 's3cret'\n{table}");
        let expected = format!("{key}: must not stand here: set it in the environment");
        assert_eq!(told(&in_file), expected);
        let secret = "SSF_TRANSMITTER_AUTHORIZATION_SERVER_CORP_CLIENT_SECRET";
        let layers = Layers::default()
            .file(Path::new("t.toml"), table)
            .environment([(secret.into(), "s3cret".into())]);
        let config = Config::read(layers).unwrap();
        let client = config.authorization_servers[0].introspection.as_ref();
        assert_eq!(client.unwrap().client_id, "us");
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn one_server_of_an_issuer_is_asked() {
        let table = |name: &str| {
            format!(
                "[authorization_servers.{name}]\nissuer = 'https://{name}.example.com'\n\
                 introspection_client_id = 'us'\n"
            )
        };
        let both = table("a") + &table("b");
        assert!(told(&both).contains("b.introspection_client_id must stand in one table"));
    }

    #[test]
    fn a_faulty_authorization_server_is_told_without_its_values() {
        let of = |table: &str| told(&format!("[authorization_servers.corp]\n{table}"));
        let issuer = "issuer = 'https://as.example.com'";
        for (table, expected) in [
            (String::new(), "corp.issuer must be set"),
            (
                "issuer = 7".to_owned(),
                "corp.issuer must be a text of 1 to 255 bytes",
            ),
            (
                format!("{issuer}\nsecret = 'x'"),
                "corp.secret: there is no such setting",
            ),
            (
                format!("{issuer}\nfor_issuer = 'acme'"),
                "corp.for_issuer must be the name of an issuer",
            ),
        ] {
            assert_eq!(of(&table), format!("authorization_servers: {expected}"));
        }
        let told_of = of("issuer = 'http://as.example.com'");
        let expected = "authorization_servers: corp.issuer must be an https URL";
        assert!(told_of.starts_with(expected), "{told_of}");
        let twice =
            format!("[authorization_servers.a]\n{issuer}\n[authorization_servers.b]\n{issuer}");
        let expected = "authorization_servers: b.issuer is that of another table already";
        assert_eq!(told(&twice), expected);
        assert!(told("authorization_servers = 'x'").contains("must be tables in the file"));
        let name = format!("[authorization_servers.Corp]\n{issuer}");
        assert!(told(&name).contains("must have names of 1 to 32"));
    }
}

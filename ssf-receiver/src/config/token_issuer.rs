//! `[[token_issuer]]`: whose tokens sessions are read from.

use ssf_types::{
    audience::Audience,
    uri::{EndpointUrl, Issuer},
};

use super::{
    Source, TransmitterSettings,
    identifier::{IdentifierRule, read_rules},
    reader::{Reader, is_name},
    scopes,
    transmitter::read_audience,
};

/// Most issuers of tokens: each has keys that are fetched every 10 min.
const TOKEN_ISSUERS_MAX: usize = 16;

/// What was said of one issuer of tokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenIssuerSettings {
    /// The `iss` of its tokens, byte for byte.
    pub issuer: Issuer,
    /// Where its keys are; `None` for where its metadata says.
    pub jwks_url: Option<EndpointUrl>,
    /// Whom tokens have to be for; `None` for anybody.
    pub audience: Option<Audience>,
    /// The clients that its logout tokens are for; `None` if it sends none.
    pub logout_audience: Option<Audience>,
    /// What is an identifier of the session.
    pub identifiers: Vec<IdentifierRule>,
    /// The issuers of the transmitters whose SETs end the sessions; at least one.
    pub scopes: Vec<Issuer>,
}

/// Reads the tables, of which there may be none.
pub(super) fn read(
    reader: &mut Reader,
    transmitters: &[TransmitterSettings],
) -> Option<Vec<TokenIssuerSettings>> {
    let tables = reader.tables("token_issuer")?;
    if tables.len() > TOKEN_ISSUERS_MAX {
        let problem = format!("must be at most {TOKEN_ISSUERS_MAX} tables");
        reader.fault("token_issuer", Source::Default, problem);
    }
    let mut issuers: Vec<Option<TokenIssuerSettings>> = Vec::new();
    for (name, mut table) in tables {
        if !is_name(&name) {
            let problem = "must have a name of the characters a-z and 0-9".to_owned();
            table.fault("name", Source::Default, problem);
        }
        let settings = one(&mut table, transmitters);
        let is_there = |other: &&TokenIssuerSettings| {
            settings.as_ref().map(|one| &one.issuer) == Some(&other.issuer)
        };
        if issuers.iter().flatten().any(|other| is_there(&other)) {
            let problem = "must not be that of another table".to_owned();
            table.fault("issuer", Source::Default, problem);
        }
        issuers.push(settings);
        reader.close(table);
    }
    issuers.into_iter().collect()
}

fn one(table: &mut Reader, transmitters: &[TransmitterSettings]) -> Option<TokenIssuerSettings> {
    let issuer = table.value("issuer", |value| {
        let text = value.ok_or("must be set: an https URL, byte for byte as in the tokens")?;
        let text = text.text().ok_or("must be an https URL")?;
        Issuer::parse(text)
            .map_err(|error| format!("must be an https URL without query and fragment: {error}"))
    });
    let jwks_url = table.value("jwks_url", |value| {
        let Some(value) = value else { return Ok(None) };
        let url = EndpointUrl::parse(value.text().unwrap_or_default());
        url.map(Some)
            .map_err(|error| format!("must be an https URL: {error}"))
    });
    let audience = table.value("audience", |value| value.map(read_audience).transpose());
    let identifiers = table.value("identifiers", |value| match value {
        None => Ok(IdentifierRule::of_tokens()),
        Some(value) => read_rules(value),
    });
    let scopes = table.value("transmitters", |value| {
        if transmitters.is_empty() {
            return Ok(Vec::new());
        }
        scopes::read(value, issuer.as_ref(), transmitters)
    });
    let names_somebody = |rules: &Vec<IdentifierRule>| {
        let is_named = |rule: &IdentifierRule| rule.is_of("sub") || rule.is_of("sid");
        rules.iter().any(is_named)
    };
    let is_named = identifiers.as_ref().is_none_or(names_somebody);
    let logout_audience = table.value("logout_audience", |value| match value {
        Some(_) if !is_named => Err(
            "must stand beside identifiers that have sub or sid, which is all that logout tokens tell"
                .to_owned(),
        ),
        value => value.map(read_audience).transpose(),
    });
    Some(TokenIssuerSettings {
        issuer: issuer?,
        jwks_url: jwks_url?,
        audience: audience?,
        logout_audience: logout_audience?,
        identifiers: identifiers?,
        scopes: scopes?,
    })
}

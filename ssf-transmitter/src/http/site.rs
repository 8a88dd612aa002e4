//! One issuer as it is served: resolved once, from the path of a request, and never changed after that.

use actix_web::web::Data;
use ssf_types::uri::{EndpointUrl, Issuer};

use super::AppState;
use crate::{
    access::ExternalServer,
    domain::{
        issuer::{IssuerName, path_of},
        stream::Terms,
    },
};

/// An issuer with all that its handlers work with.
#[derive(Debug)]
pub(super) struct Site {
    /// What the database calls it.
    pub(super) name: IssuerName,
    /// Who it is.
    pub(super) issuer: Issuer,
    /// What all issuers share.
    pub(super) app: Data<AppState>,
}

impl Site {
    pub(super) const JWKS: &str = "/jwks.json";
    pub(super) const STREAM: &str = "/ssf/stream";
    pub(super) const ADD_SUBJECT: &str = "/ssf/subjects/add";
    pub(super) const REMOVE_SUBJECT: &str = "/ssf/subjects/remove";
    pub(super) const STATUS: &str = "/ssf/status";
    pub(super) const VERIFY: &str = "/ssf/verify";
    pub(super) const REPLAY: &str = "/ssf/replay";
    pub(super) const TOKEN: &str = "/oauth/token";

    /// All issuers, those with deeper paths first: the path of one may begin with that of another.
    pub(super) fn all(app: &Data<AppState>) -> Vec<Data<Self>> {
        let site = |(name, issuer): (&IssuerName, &Issuer)| {
            Data::new(Self {
                name: name.clone(),
                issuer: issuer.clone(),
                app: app.clone(),
            })
        };
        let mut sites: Vec<Data<Self>> = app.issuers.iter().map(site).collect();
        sites.sort_by_key(|site| std::cmp::Reverse(site.base().len()));
        sites
    }

    /// The issuer that is configured as `issuer`.
    pub(super) fn main(app: &Data<AppState>) -> Self {
        Self {
            name: IssuerName::default(),
            issuer: app.issuers.main().clone(),
            app: app.clone(),
        }
    }

    /// The issuer's own path, behind which its endpoints are; empty or with a slash in front.
    pub(super) fn base(&self) -> String {
        path_of(&self.issuer)
    }

    /// The issuers of those who issue tokens for this issuer: itself, if it does, and others.
    pub(super) fn authorization_servers(&self) -> Vec<&str> {
        let own = self.app.granting.life.map(|_| self.issuer.as_str());
        let others = self.external().map(|server| server.issuer().as_str());
        own.into_iter().chain(others).collect()
    }

    /// The external authorization servers whose tokens count at this issuer.
    pub(super) fn external(&self) -> impl Iterator<Item = &ExternalServer> {
        self.app.external.at(&self.name)
    }

    /// What every stream of this issuer is supplied with.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            issuer: &self.issuer,
            events_supported: &self.app.events_supported,
            min_verification_interval: self.app.min_verification_interval,
            inactivity_timeout: self.app.activity.timeout(),
        }
    }
}

/// Where `path` of an issuer is from outside.
#[expect(
    clippy::expect_used,
    reason = "a configured issuer has at most 1024 bytes, and a path behind an issuer leaves it a URL"
)]
pub(super) fn endpoint(issuer: &Issuer, path: &str) -> EndpointUrl {
    let issuer = issuer.as_str();
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    EndpointUrl::parse(format!("{base}{path}")).expect("the issuer leaves room for a path")
}

//! The issuer of a run, served to the Receiver: metadata and one key.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{HttpRequest, HttpResponse, web};
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::keys::{Key, KeyError, Keys};
use crate::{
    authority::{Authority, AuthorityError, Flaw},
    serving::{Door, Serving},
    target::{Target, TargetError},
};

/// Where keys are that the issuer does not name: whoever asks for them follows what a SET says.
pub(crate) const LURE: &str = "/ssf-conformance-lure.json";

/// The issuer cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The address is taken, or not this machine's.
    #[error("{0} cannot be listened on; choose another address with --serve")]
    Listen(SocketAddr, #[source] io::Error),
    /// The public URL is none of an issuer.
    #[error("--issuer")]
    Url(#[source] TargetError),
    /// There is no certificate.
    #[error("the issuer cannot be served over https")]
    Authority(#[source] AuthorityError),
    /// There is no key.
    #[error("there is no key to sign with")]
    Key(#[source] KeyError),
}

/// How an issuer is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security {
    /// Over plain http, for Receivers on the same machine, or with somebody in front who ends TLS.
    Plain,
    /// Over https, with a certificate by an authority that is made for the run.
    OwnAuthority,
}

impl Security {
    /// The scheme of its URL, where nobody stands in front.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::OwnAuthority => "https",
        }
    }

    /// What serves `target` over TLS, and the authority that has to be trusted, in PEM; neither over plain http.
    ///
    /// # Errors
    /// There is no certificate.
    pub(crate) fn tls(
        self,
        target: &Target,
    ) -> Result<Option<(ServerConfig, String)>, AuthorityError> {
        match self {
            Self::Plain => Ok(None),
            Self::OwnAuthority => {
                let host = target.url().host_str().unwrap_or_default();
                let authority = Authority::new()?;
                let root = authority.root().to_owned();
                Ok(Some((authority.server(host, Flaw::None)?, root)))
            }
        }
    }
}

/// An issuer that serves until it is dropped.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    root: Option<String>,
    keys: Arc<Keys>,
    lured: Arc<AtomicUsize>,
    /// Ends with this.
    _serving: Serving,
}

#[derive(Clone)]
struct Pages {
    metadata_path: String,
    jwks_path: String,
    metadata: Value,
    jwks: Value,
    lure: Value,
    lured: Arc<AtomicUsize>,
}

impl Issuer {
    /// Serves an issuer with a key of its own. Its URL is `public`, or the address.
    ///
    /// # Errors
    /// The address cannot be had, or the URL is none.
    pub fn serve(
        address: SocketAddr,
        public: Option<&str>,
        security: Security,
    ) -> Result<Self, IssuerError> {
        let unheard = |error| IssuerError::Listen(address, error);
        let listener = TcpListener::bind(address).map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let scheme = security.scheme();
        let issuer = public.map_or_else(|| format!("{scheme}://{address}"), str::to_owned);
        let target = Target::parse(&issuer).map_err(IssuerError::Url)?;
        let own = Key::generate().map_err(IssuerError::Key)?;
        let keys = Keys::of(own).map_err(IssuerError::Key)?;
        let jwks_uri = format!("{}/jwks.json", issuer.trim_end_matches('/'));
        let lured = Arc::new(AtomicUsize::new(0));
        let path = target.url().path().trim_end_matches('/');
        let pages = Pages {
            metadata_path: target.metadata_url().path().to_owned(),
            jwks_path: format!("{path}/jwks.json"),
            metadata: json!({
                "spec_version": "1_0",
                "issuer": issuer,
                "jwks_uri": jwks_uri,
                "delivery_methods_supported": ["urn:ietf:rfc:8935"],
                "default_subjects": "NONE",
            }),
            jwks: json!({ "keys": [keys.own.jwk()] }),
            lure: json!({ "keys": [keys.foreign.jwk()] }),
            lured: Arc::clone(&lured),
        };
        let tls = security.tls(&target).map_err(IssuerError::Authority)?;
        let (tls, root) = tls.unzip();
        let pages = web::Data::new(pages);
        let serving = Serving::at([Door::of(listener, tls)], move |app| {
            app.app_data(pages.clone()).default_service(web::to(answer));
        });
        Ok(Self {
            name: issuer,
            root,
            keys: Arc::new(keys),
            lured,
            _serving: serving.map_err(unheard)?,
        })
    }

    /// The issuer, as it stands in `iss`.
    pub fn issuer(&self) -> &str {
        &self.name
    }

    /// The authority that has to be trusted, in PEM, if it is served over https.
    pub fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Where the lure is, for a SET to name.
    pub(super) fn lure(&self) -> String {
        format!("{}{LURE}", self.name.trim_end_matches('/'))
    }

    /// How often somebody asked for the lure.
    pub(super) fn lured(&self) -> usize {
        self.lured.load(Ordering::SeqCst)
    }
}

async fn answer(request: HttpRequest, pages: web::Data<Pages>) -> HttpResponse {
    let path = request.path();
    if path.ends_with(LURE) {
        pages.lured.fetch_add(1, Ordering::SeqCst);
        HttpResponse::Ok().json(&pages.lure)
    } else if path == pages.metadata_path {
        HttpResponse::Ok().json(&pages.metadata)
    } else if path == pages.jwks_path {
        HttpResponse::Ok().json(&pages.jwks)
    } else {
        HttpResponse::NotFound().finish()
    }
}

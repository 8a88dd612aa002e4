//! Where connections come in, who ends TLS, and under which URL that is reached.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ssf_types::uri::{EndpointUrl, UriError};

use super::{layers::Value, reader::Reader};

/// Where SETs come in unless told otherwise.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8412));

/// Where probes and metrics are unless told otherwise.
pub const LISTEN_ADMIN_DEFAULT: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8413));

/// Longest base of URLs, in bytes: what is put behind it leaves a URL that everybody takes.
const BASE_BYTES_MAX: usize = 1024;

/// Most connections that may be allowed: each has a file descriptor, and some 20 KiB while it is busy.
const CONNECTIONS_MAX: u64 = 1_000_000;

/// Who ends TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// Nobody, since nobody can listen in: everything is on this machine.
    Loopback,
    /// A proxy in front of this, which is the only one that reaches the addresses.
    BehindProxy,
}

/// How connections come in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listen {
    /// Address and port for SETs; port 0 lets the system choose one.
    pub address: SocketAddr,
    /// Address and port for probes and metrics.
    pub admin: SocketAddr,
    /// Who ends TLS.
    pub transport: Transport,
    /// Most connections to `address` at the same time.
    pub connections_max: usize,
    /// The base of URLs under which others reach `address`; `None` for the address itself.
    base: Option<String>,
}

impl Listen {
    /// Where the transmitter called `name` pushes to, if the address that was bound is `bound`.
    pub(super) fn endpoint(&self, bound: SocketAddr, name: &str) -> Result<EndpointUrl, UriError> {
        let path = super::push_path(name);
        match &self.base {
            Some(base) => EndpointUrl::parse(format!("{base}{path}")),
            None => EndpointUrl::parse(format!("http://{bound}{path}")),
        }
    }
}

pub(super) fn read(reader: &mut Reader) -> Option<Listen> {
    let behind_proxy = reader.flag("behind_proxy", false);
    let transport = behind_proxy.map(|is_behind| {
        if is_behind {
            Transport::BehindProxy
        } else {
            Transport::Loopback
        }
    });
    let address = reader.value("listen", |value| {
        read_address(value, LISTEN_DEFAULT, transport)
    });
    let admin = reader.value("listen_admin", |value| {
        read_address(value, LISTEN_ADMIN_DEFAULT, transport)
    });
    let connections = reader.number("connections_max", 10_000, 1..=CONNECTIONS_MAX);
    let base = reader.value("public_url", |value| read_base(value, transport));
    Some(Listen {
        address: address?,
        admin: admin?,
        transport: transport?,
        connections_max: usize::try_from(connections?).ok()?,
        base: base?,
    })
}

fn read_address(
    value: Option<&Value>,
    default: SocketAddr,
    transport: Option<Transport>,
) -> Result<SocketAddr, String> {
    let Some(value) = value else {
        return Ok(default);
    };
    let text = value.text().and_then(|text| text.trim().parse().ok());
    let address: SocketAddr =
        text.ok_or_else(|| format!("must be an address with a port, such as {default}"))?;
    match transport {
        Some(Transport::Loopback) if !address.ip().is_loopback() => Err(
            "must be a loopback address, unless behind_proxy = true says that a proxy in front ends TLS"
                .to_owned(),
        ),
        // What is wrong with the transport is told elsewhere.
        Some(Transport::Loopback | Transport::BehindProxy) | None => Ok(address),
    }
}

fn read_base(
    value: Option<&Value>,
    transport: Option<Transport>,
) -> Result<Option<String>, String> {
    let is_behind_proxy = transport == Some(Transport::BehindProxy);
    let Some(value) = value else {
        if is_behind_proxy {
            return Err("must be set, as an https URL, because behind_proxy is set".to_owned());
        }
        return Ok(None);
    };
    let text = value.text().unwrap_or_default();
    let base = text.strip_suffix('/').unwrap_or(text);
    if base.len() > BASE_BYTES_MAX || base.contains('?') {
        return Err(format!(
            "must be an https URL of at most {BASE_BYTES_MAX} bytes without query and fragment"
        ));
    }
    let url = EndpointUrl::parse(base)
        .map_err(|error| format!("must be an https URL without query and fragment: {error}"))?;
    if is_behind_proxy && url.url().scheme() != "https" {
        return Err("must be an https URL, because behind_proxy is set".to_owned());
    }
    Ok(Some(base.to_owned()))
}

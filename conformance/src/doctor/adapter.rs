//! Whether an adapter can be reached.

use std::{
    env,
    path::{Path, PathBuf},
};

use tokio::{net::TcpStream, time::timeout};
use url::Url;

use super::{State, address::CONNECT_TIMEOUT};
use crate::target_file::AdapterAddress;

/// Nothing is asked of it, since that would have it do something.
pub(super) async fn adapter_at(address: Option<&AdapterAddress>) -> State {
    match address {
        None => State::Absent("none: cases that need it are not run".into()),
        Some(AdapterAddress::Hook { url, .. }) => hook(url).await,
        Some(AdapterAddress::Command { command }) => program(command),
    }
}

async fn hook(url: &str) -> State {
    let parsed = Url::parse(url).ok();
    let place = parsed
        .as_ref()
        .and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let Some((host, port)) = place else {
        return State::Faulty("its url is not a URL".into());
    };
    let named = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((named, port))).await {
        Ok(Ok(_)) => State::Fine(format!("{host}, port {port}, takes connections")),
        Ok(Err(error)) => State::Faulty(format!("{host}, port {port}: {error}")),
        Err(_) => State::Faulty(format!(
            "{host}, port {port}, does not take a connection within 5 s"
        )),
    }
}

fn program(command: &[String]) -> State {
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return State::Faulty("its command is empty".into());
    };
    let found = if program.contains('/') {
        Some(PathBuf::from(program)).filter(|path| path.is_file())
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).map(|directory| directory.join(program));
        places.find(|path| path.is_file())
    };
    match found {
        None => State::Faulty(format!("there is no program {program}")),
        Some(path) if !is_executable(&path) => {
            State::Faulty(format!("{program} is not executable: chmod +x makes it so"))
        }
        Some(_) => State::Fine(format!("{program} is there")),
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

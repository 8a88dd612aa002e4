//! What a name leads to, for each connection anew, and never to where nothing may be sent.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{sync::Semaphore, task};

use super::fault::AddressRefused;
use crate::domain::push_address::PushAddresses;

/// Most addresses of IPv4, and as many of IPv6, that are tried for one connection: what is offered beyond them does not
/// make a host more reachable, and each costs a share of the time to connect.
const PER_FAMILY_MAX: usize = 3;

/// Most look-ups of one client under way: each holds a thread of the pool on which SETs are signed, for as long as a name server keeps
/// silent, and the pool has 512.
const LOOKUPS_MAX: usize = 64;

/// Resolves names, and passes on what the rule allows.
pub(super) struct VettedNames {
    rule: Arc<PushAddresses>,
    names: Arc<dyn Resolve>,
}

impl VettedNames {
    pub(super) fn new(rule: Arc<PushAddresses>, names: Arc<dyn Resolve>) -> Self {
        Self { rule, names }
    }
}

impl Resolve for VettedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.rule);
        let host = name.as_str().to_owned();
        let resolving = self.names.resolve(name);
        Box::pin(async move {
            let answers: Vec<SocketAddr> = resolving.await?.collect();
            if answers.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            let vetted = vetted(&rule, &host, answers);
            if vetted.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

/// Those of `answers` that may be called, at most [`PER_FAMILY_MAX`] of each family, in their order.
fn vetted(rule: &PushAddresses, host: &str, answers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (mut v4, mut v6) = (0, 0);
    let has_room = |address: &SocketAddr| {
        let family = if address.is_ipv4() { &mut v4 } else { &mut v6 };
        *family += 1;
        *family <= PER_FAMILY_MAX
    };
    let is_allowed = |address: &SocketAddr| rule.allows_for(host, address.ip());
    answers
        .into_iter()
        .filter(is_allowed)
        .filter(has_room)
        .collect()
}

/// The names that the operating system knows: `/etc/hosts` and name servers.
pub(super) struct SystemNames {
    lookups: Arc<Semaphore>,
}

impl SystemNames {
    pub(super) fn new() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let lookups = Arc::clone(&self.lookups);
        Box::pin(async move {
            let lookup = lookups.acquire_owned().await?;
            // The thread goes on when nobody waits any more, and keeps its place until it ends.
            let answers = task::spawn_blocking(move || {
                let answers = (name.as_str(), 0).to_socket_addrs();
                drop(lookup);
                answers
            });
            Ok(Box::new(answers.await??) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::push_address::OwnMachine;

    fn vet(answers: &[&str]) -> Vec<String> {
        let rule = PushAddresses::new(OwnMachine::Refused, Vec::new());
        let answers = answers.iter().map(|text| text.parse().unwrap()).collect();
        let vetted = vetted(&rule, "rp.example.com", answers);
        vetted.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_mixed_answers_those_that_may_be_called_are_left_in_their_order() {
        let answers = [
            "10.0.0.1:0",
            "8.8.8.8:0",
            "[::1]:0",
            "[2606:4700::1111]:0",
            "[::ffff:8.8.4.4]:0",
            "9.9.9.9:0",
        ];
        let expected = ["8.8.8.8:0", "[2606:4700::1111]:0", "9.9.9.9:0"];
        assert_eq!(vet(&answers), expected);
        assert!(vet(&["127.0.0.1:0", "[fd00::1]:0"]).is_empty());
    }

    #[test]
    fn of_each_family_so_many_addresses_are_tried_and_no_more() {
        let answers = [
            "8.8.8.1:0",
            "8.8.8.2:0",
            "10.0.0.1:0",
            "8.8.8.3:0",
            "8.8.8.4:0",
            "[2606::1]:0",
        ];
        let expected = ["8.8.8.1:0", "8.8.8.2:0", "8.8.8.3:0", "[2606::1]:0"];
        assert_eq!(vet(&answers), expected);
    }
}

//! Who is at the other end of a connection, before anything is said on it.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Extensions;
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower_layer::Layer;
use tower_service::Service;

use super::fault::AddressRefused;
use crate::domain::push_address::PushAddresses;

type BoxError = Box<dyn Error + Send + Sync>;

/// Has each new connection judged by the address to which its socket is connected: whatever chose that address, a
/// connection that may not be is closed without a request.
#[derive(Clone, Debug)]
pub(super) struct PeerCheck(pub(super) Arc<PushAddresses>);

impl<S> Layer<S> for PeerCheck {
    type Service = PeerChecked<S>;

    fn layer(&self, connector: S) -> PeerChecked<S> {
        PeerChecked {
            connector,
            rule: Arc::clone(&self.0),
        }
    }
}

/// A connector that has been given [`PeerCheck`].
#[derive(Clone, Debug)]
pub(super) struct PeerChecked<S> {
    connector: S,
    rule: Arc<PushAddresses>,
}

impl<S, R> Service<R> for PeerChecked<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Connection,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.connector.call(to);
        let rule = Arc::clone(&self.rule);
        Box::pin(async move {
            let connection = connecting.await?;
            let mut known = Extensions::new();
            connection.connected().get_extras(&mut known);
            // One that does not say where it leads is not trusted either.
            let peer = known.get::<HttpInfo>().map(|info| info.remote_addr().ip());
            match peer {
                Some(peer) if rule.allows(peer) => Ok(connection),
                Some(_) | None => Err(AddressRefused.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{future, net::Ipv4Addr};

    use hyper_util::{client::legacy::connect::Connected, rt::TokioIo};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::domain::push_address::OwnMachine;

    /// A connector that was deceived: it has connected to this machine.
    struct Deceived(Option<TokioIo<TcpStream>>);

    impl Service<()> for Deceived {
        type Response = TokioIo<TcpStream>;
        type Error = BoxError;
        type Future = future::Ready<Result<Self::Response, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            future::ready(Ok(self.0.take().unwrap()))
        }
    }

    async fn connected(rule: PushAddresses) -> Result<TokioIo<TcpStream>, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let deceived = Deceived(Some(TokioIo::new(stream.unwrap())));
        PeerCheck(Arc::new(rule)).layer(deceived).call(()).await
    }

    #[tokio::test]
    async fn t02_a_connection_that_leads_where_it_must_not_is_not_used() {
        let refused = connected(PushAddresses::new(OwnMachine::Refused, Vec::new())).await;
        assert!(refused.unwrap_err().is::<AddressRefused>());
        let allowed = connected(PushAddresses::new(OwnMachine::Allowed, Vec::new())).await;
        assert!(allowed.is_ok());
    }

    /// A connection that tells nothing about itself.
    struct Silent;

    impl Connection for Silent {
        fn connected(&self) -> Connected {
            Connected::new()
        }
    }

    struct Mute;

    impl Service<()> for Mute {
        type Response = Silent;
        type Error = BoxError;
        type Future = future::Ready<Result<Silent, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            future::ready(Ok(Silent))
        }
    }

    #[tokio::test]
    async fn t02_a_connection_that_does_not_tell_where_it_leads_is_not_used() {
        let rule = PushAddresses::new(OwnMachine::Allowed, Vec::new());
        let refused = PeerCheck(Arc::new(rule)).layer(Mute).call(()).await;
        assert!(refused.err().unwrap().is::<AddressRefused>());
    }
}

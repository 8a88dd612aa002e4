//! The guard as a layer of tower: for axum, and whatever else is made of `tower_service::Service`.

use std::{
    future::{Ready, ready},
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, Either, FutureExt};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts,
};
use tower_layer::Layer;
use tower_service::Service;

use super::{Decision, Denial, Presented, Renewed};
use crate::{answer::Answer, receiver::Receiver, session::SessionKeys};

/// A layer that lets a request pass only while its session was not revoked.
///
/// It finds the session with the application's own function and lets requests without one pass: whether they may be
/// anonymous is for the application to say. It decides from memory, and waits for nothing but a renewal. Whatever reads the
/// session has to run before it: in axum, add it to the router *after* the guard.
pub struct GuardLayer<F, D = DefaultAnswer, N = WithoutRenewal>(Arc<Inner<F, D, N>>);

struct Inner<F, D, N> {
    receiver: Receiver,
    session_of: Arc<F>,
    on_deny: Arc<D>,
    on_renew: Arc<N>,
}

impl<F> GuardLayer<F> {
    pub(crate) fn new(receiver: Receiver, session_of: F) -> Self {
        Self(Arc::new(Inner {
            receiver,
            session_of: Arc::new(session_of),
            on_deny: Arc::new(DefaultAnswer(())),
            on_renew: Arc::new(WithoutRenewal(())),
        }))
    }
}

impl<F, D, N> GuardLayer<F, D, N> {
    /// Replaces the default answer: with a redirect to the sign-in page, for example. The function is given the headers of the
    /// request.
    ///
    /// For [`Reason::Reauthenticate`](super::Reason::Reauthenticate), ask the identity provider for `max_age=0` or
    /// `prompt=login`; without, one that kept its own session would send the user back unchanged, for ever.
    #[must_use]
    pub fn on_deny<A, R>(self, answer: A) -> GuardLayer<F, OwnAnswer<A>, N>
    where
        A: Fn(&HeaderMap, &Denial) -> Response<R>,
    {
        GuardLayer(Arc::new(Inner {
            receiver: self.0.receiver.clone(),
            session_of: Arc::clone(&self.0.session_of),
            on_deny: Arc::new(OwnAnswer(answer)),
            on_renew: Arc::clone(&self.0.on_renew),
        }))
    }

    /// Has a session that may have been ended renewed, unnoticed by its user, instead of refused
    /// ([`Reason::Renew`](super::Reason::Renew)): with its refresh token, by introspection, or by a sign-in with `prompt=none`.
    ///
    /// What `ask` needs of the request has to be taken from it before the future begins. It is called once for all requests
    /// of a session that come at a time, gets 5 s, and may be called again whenever more was forgotten. The service behind the
    /// guard is cloned for such a request.
    #[must_use]
    pub fn on_renew<A, U>(self, ask: A) -> GuardLayer<F, D, Renewing<A>>
    where
        A: Fn(&Parts, &SessionKeys) -> U,
        U: Future<Output = Renewed>,
    {
        GuardLayer(Arc::new(Inner {
            receiver: self.0.receiver.clone(),
            session_of: Arc::clone(&self.0.session_of),
            on_deny: Arc::clone(&self.0.on_deny),
            on_renew: Arc::new(Renewing(ask)),
        }))
    }
}

impl<F, D, N> Clone for GuardLayer<F, D, N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, F, D, N> Layer<S> for GuardLayer<F, D, N> {
    type Service = Guarded<S, F, D, N>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

impl<F, D, N> Inner<F, D, N> {
    /// Decides about the session of a request; `None` if it has none.
    fn decided<B, P>(&self, request: &Request<B>) -> Option<(SessionKeys, Decision)>
    where
        F: Fn(&Request<B>) -> Option<P>,
        P: Into<Presented>,
    {
        let presented = (self.session_of)(request)?;
        let keys = self.receiver.keys_of(presented.into());
        let decision = self.receiver.decide_by_keys(&keys);
        Some((keys, decision))
    }
}

/// What [`GuardLayer`] makes of the service that it stands before.
pub struct Guarded<S, F, D = DefaultAnswer, N = WithoutRenewal> {
    inner: S,
    guard: GuardLayer<F, D, N>,
}

impl<S: Clone, F, D, N> Clone for Guarded<S, F, D, N> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: self.guard.clone(),
        }
    }
}

type Answered<R, E> = Result<Response<R>, E>;
type Refused<R, E> = Ready<Answered<R, E>>;

impl<S, F, P, D, B, R> Service<Request<B>> for Guarded<S, F, D>
where
    S: Service<Request<B>, Response = Response<R>>,
    F: Fn(&Request<B>) -> Option<P>,
    P: Into<Presented>,
    D: Denying<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<S::Future, Refused<R, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let guard = &self.guard.0;
        match guard.decided(&request) {
            Some((_, Decision::Deny(denial))) => {
                let answer = guard.on_deny.answer(request.headers(), &denial);
                Either::Right(ready(Ok(answer)))
            }
            Some((_, Decision::Allow)) | None => Either::Left(self.inner.call(request)),
        }
    }
}

impl<S, F, P, D, B, R, A, U> Service<Request<B>> for Guarded<S, F, D, Renewing<A>>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
    F: Fn(&Request<B>) -> Option<P> + Send + Sync + 'static,
    P: Into<Presented>,
    D: Denying<R> + Send + Sync + 'static,
    B: Send + 'static,
    A: Fn(&Parts, &SessionKeys) -> U + Send + Sync + 'static,
    U: Future<Output = Renewed> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future =
        Either<S::Future, Either<Refused<R, S::Error>, BoxFuture<'static, Answered<R, S::Error>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let guard = &self.guard.0;
        match guard.decided(&request) {
            Some((keys, decision)) if decision.asks_for_renewal() => {
                // The one that is ready answers, and leaves another one here.
                let other = self.inner.clone();
                let inner = mem::replace(&mut self.inner, other);
                let answered = renewed(Arc::clone(guard), inner, request, keys);
                Either::Right(Either::Right(answered.boxed()))
            }
            Some((_, Decision::Deny(denial))) => {
                let answer = guard.on_deny.answer(request.headers(), &denial);
                Either::Right(Either::Left(ready(Ok(answer))))
            }
            Some((_, Decision::Allow)) | None => Either::Left(self.inner.call(request)),
        }
    }
}

/// Has the session of a request renewed, and then answers.
async fn renewed<S, F, D, B, R, A, U>(
    guard: Arc<Inner<F, D, Renewing<A>>>,
    mut inner: S,
    request: Request<B>,
    keys: SessionKeys,
) -> Answered<R, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: Denying<R>,
    A: Fn(&Parts, &SessionKeys) -> U,
    U: Future<Output = Renewed>,
{
    let (parts, body) = request.into_parts();
    let Renewing(on_renew) = &*guard.on_renew;
    let ask = || on_renew(&parts, &keys);
    match guard.receiver.renewed(&keys, ask).await {
        Decision::Allow => inner.call(Request::from_parts(parts, body)).await,
        Decision::Deny(denial) => Ok(guard.on_deny.answer(&parts.headers, &denial)),
    }
}

/// What [`GuardLayer`] does about sessions that may have been ended: it refuses them.
#[derive(Debug)]
pub struct WithoutRenewal(());

/// What [`GuardLayer::on_renew`] was given.
#[derive(Debug)]
pub struct Renewing<A>(A);

/// What answers a request that is refused.
pub trait Denying<R>: sealed::Sealed {
    #[doc(hidden)]
    fn answer(&self, headers: &HeaderMap, denial: &Denial) -> Response<R>;
}

mod sealed {
    pub trait Sealed {}
}

/// 401 or 403 with the reason, in JSON.
#[derive(Debug)]
pub struct DefaultAnswer(());

/// What [`GuardLayer::on_deny`] was given.
#[derive(Debug)]
pub struct OwnAnswer<A>(A);

impl sealed::Sealed for DefaultAnswer {}
impl<A> sealed::Sealed for OwnAnswer<A> {}

impl<R: From<String>> Denying<R> for DefaultAnswer {
    fn answer(&self, headers: &HeaderMap, denial: &Denial) -> Response<R> {
        let accept_language = headers.get(header::ACCEPT_LANGUAGE);
        let accept_language = accept_language.and_then(|value| value.to_str().ok());
        let body = denial.to_json(accept_language).to_string();
        let headers = denial.headers(accept_language);
        response(denial.reason().status(), headers, body)
    }
}

impl<A, R> Denying<R> for OwnAnswer<A>
where
    A: Fn(&HeaderMap, &Denial) -> Response<R>,
{
    fn answer(&self, headers: &HeaderMap, denial: &Denial) -> Response<R> {
        (self.0)(headers, denial)
    }
}

impl<R: From<String>> From<Answer> for Response<R> {
    fn from(answer: Answer) -> Self {
        response(answer.status(), answer.headers(), answer.body())
    }
}

fn response<R: From<String>>(
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
) -> Response<R> {
    let mut response = Response::new(R::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // Names and values are our own, and languages are tags.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

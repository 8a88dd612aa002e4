//! The guard as a layer of tower: for axum, and whatever else is made of `tower_service::Service`.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tower_layer::Layer;
use tower_service::Service;

use super::{Decision, Denial, Presented};
use crate::{answer::Answer, receiver::Receiver};

/// A layer that lets a request pass only while its session was not revoked.
///
/// It finds the session with the application's own function and lets requests without one pass: whether they may be
/// anonymous is for the application to say. It decides from memory, and waits for nothing. Whatever reads the session has to
/// run before it: in axum, add it to the router *after* the guard.
pub struct GuardLayer<F, D = DefaultAnswer>(Arc<Inner<F, D>>);

struct Inner<F, D> {
    receiver: Receiver,
    session_of: F,
    on_deny: D,
}

impl<F> GuardLayer<F> {
    pub(crate) fn new(receiver: Receiver, session_of: F) -> Self {
        let on_deny = DefaultAnswer(());
        Self(Arc::new(Inner {
            receiver,
            session_of,
            on_deny,
        }))
    }

    /// Replaces the default answer: with a redirect to the sign-in page, for example. The function is given the headers of the
    /// request.
    ///
    /// For [`Reason::Reauthenticate`](super::Reason::Reauthenticate), ask the identity provider for `max_age=0` or
    /// `prompt=login`; without, one that kept its own session would send the user back unchanged, for ever.
    #[must_use]
    pub fn on_deny<A, R>(self, answer: A) -> GuardLayer<F, OwnAnswer<A>>
    where
        F: Clone,
        A: Fn(&HeaderMap, &Denial) -> Response<R>,
    {
        GuardLayer(Arc::new(Inner {
            receiver: self.0.receiver.clone(),
            session_of: self.0.session_of.clone(),
            on_deny: OwnAnswer(answer),
        }))
    }
}

impl<F, D> Clone for GuardLayer<F, D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, F, D> Layer<S> for GuardLayer<F, D> {
    type Service = Guarded<S, F, D>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// What [`GuardLayer`] makes of the service that it stands before.
pub struct Guarded<S, F, D = DefaultAnswer> {
    inner: S,
    guard: GuardLayer<F, D>,
}

impl<S: Clone, F, D> Clone for Guarded<S, F, D> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: self.guard.clone(),
        }
    }
}

type Refused<R, E> = Ready<Result<Response<R>, E>>;

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
        let presented = (guard.session_of)(&request).map(Into::into);
        let decision = presented.map(|presented| guard.receiver.decide_presented(&presented));
        match decision {
            Some(Decision::Deny(denial)) => {
                let answer = guard.on_deny.answer(request.headers(), &denial);
                Either::Right(ready(Ok(answer)))
            }
            Some(Decision::Allow) | None => Either::Left(self.inner.call(request)),
        }
    }
}

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

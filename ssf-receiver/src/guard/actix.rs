//! The guard as middleware for actix-web.

use std::{
    future::{Ready, ready},
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{StatusCode, header},
};
use futures_util::{
    TryFutureExt,
    future::{Either, MapOk},
};

use super::{Decision, Denial, Presented};
use crate::receiver::Receiver;

type OnDeny = dyn Fn(&HttpRequest, &Denial) -> HttpResponse;

/// Middleware that lets a request pass only while its session was not revoked.
///
/// It finds the session with the application's own function and lets requests without one pass: whether they may be
/// anonymous is for the application to say. It decides from memory, and waits for nothing. Wrap whatever reads the
/// session (`SessionMiddleware` of actix-session, say) *after* the guard, so that it runs before it.
pub struct Guard<F> {
    receiver: Receiver,
    session_of: Rc<F>,
    on_deny: Rc<OnDeny>,
}

impl<F> Guard<F> {
    pub(crate) fn new(receiver: Receiver, session_of: F) -> Self {
        Self {
            receiver,
            session_of: Rc::new(session_of),
            on_deny: Rc::new(default_answer),
        }
    }

    /// Replaces the default answer: with a redirect to the sign-in page, for example.
    ///
    /// For [`Reason::Reauthenticate`](super::Reason::Reauthenticate), ask the identity provider for `max_age=0` or
    /// `prompt=login`; without, one that kept its own session would send the user back unchanged, for ever.
    #[must_use]
    pub fn on_deny(
        mut self,
        answer: impl Fn(&HttpRequest, &Denial) -> HttpResponse + 'static,
    ) -> Self {
        self.on_deny = Rc::new(answer);
        self
    }
}

/// 401 or 403 with the reason, in JSON.
fn default_answer(request: &HttpRequest, denial: &Denial) -> HttpResponse {
    let accept_language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let status = StatusCode::from_u16(denial.reason().status());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::UNAUTHORIZED));
    for header in denial.headers(accept_language) {
        response.insert_header(header);
    }
    response.json(denial.to_json(accept_language))
}

impl<S, B, F, P> Transform<S, ServiceRequest> for Guard<F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
    F: Fn(&ServiceRequest) -> Option<P> + 'static,
    P: Into<Presented>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = GuardService<S, F>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(GuardService {
            inner,
            receiver: self.receiver.clone(),
            session_of: Rc::clone(&self.session_of),
            on_deny: Rc::clone(&self.on_deny),
        }))
    }
}

/// What [`Guard`] makes of the service it wraps.
pub struct GuardService<S, F> {
    inner: S,
    receiver: Receiver,
    session_of: Rc<F>,
    on_deny: Rc<OnDeny>,
}

type Passed<Fut, B> = MapOk<Fut, fn(ServiceResponse<B>) -> ServiceResponse<EitherBody<B>>>;
type Refused<B> = Ready<Result<ServiceResponse<EitherBody<B>>, Error>>;

impl<S, B, F, P> Service<ServiceRequest> for GuardService<S, F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
    F: Fn(&ServiceRequest) -> Option<P> + 'static,
    P: Into<Presented>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Passed<S::Future, B>, Refused<B>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let decision = (self.session_of)(&request)
            .map(|presented| self.receiver.decide_presented(&presented.into()));
        match decision {
            Some(Decision::Deny(denial)) => {
                let answer = (self.on_deny)(request.request(), &denial);
                let response = request.into_response(answer.map_into_right_body());
                Either::Right(ready(Ok(response)))
            }
            Some(Decision::Allow) | None => {
                let pass: fn(ServiceResponse<B>) -> _ = ServiceResponse::map_into_left_body;
                Either::Left(self.inner.call(request).map_ok(pass))
            }
        }
    }
}

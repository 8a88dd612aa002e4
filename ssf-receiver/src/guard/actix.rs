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
    future::{Either, FutureExt, LocalBoxFuture, MapOk},
};

use super::{Decision, Denial, Presented, Renewed};
use crate::{receiver::Receiver, session::SessionKeys};

type OnDeny = dyn Fn(&HttpRequest, &Denial) -> HttpResponse;
type OnRenew = dyn Fn(&HttpRequest, &SessionKeys) -> LocalBoxFuture<'static, Renewed>;

/// Middleware that lets a request pass only while its session was not revoked.
///
/// It finds the session with the application's own function and lets requests without one pass: whether they may be
/// anonymous is for the application to say. It decides from memory, and waits for nothing but a renewal. Wrap whatever reads
/// the session (`SessionMiddleware` of actix-session, say) *after* the guard, so that it runs before it.
pub struct Guard<F> {
    receiver: Receiver,
    session_of: Rc<F>,
    on_deny: Rc<OnDeny>,
    on_renew: Option<Rc<OnRenew>>,
}

impl<F> Guard<F> {
    pub(crate) fn new(receiver: Receiver, session_of: F) -> Self {
        Self {
            receiver,
            session_of: Rc::new(session_of),
            on_deny: Rc::new(default_answer),
            on_renew: None,
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

    /// Has a session that may have been ended renewed, unnoticed by its user, instead of refused
    /// ([`Reason::Renew`](super::Reason::Renew)): with its refresh token, by introspection, or by a sign-in with `prompt=none`.
    ///
    /// What `ask` needs of the request has to be taken from it before the future begins. It is called once for all requests
    /// of a session that come at a time, gets 5 s, and may be called again whenever more was forgotten.
    #[must_use]
    pub fn on_renew<A>(mut self, ask: impl Fn(&HttpRequest, &SessionKeys) -> A + 'static) -> Self
    where
        A: Future<Output = Renewed> + 'static,
    {
        self.on_renew = Some(Rc::new(move |request, keys| {
            ask(request, keys).boxed_local()
        }));
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
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
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
            inner: Rc::new(inner),
            receiver: self.receiver.clone(),
            session_of: Rc::clone(&self.session_of),
            on_deny: Rc::clone(&self.on_deny),
            on_renew: self.on_renew.clone(),
        }))
    }
}

/// What [`Guard`] makes of the service it wraps.
pub struct GuardService<S, F> {
    inner: Rc<S>,
    receiver: Receiver,
    session_of: Rc<F>,
    on_deny: Rc<OnDeny>,
    on_renew: Option<Rc<OnRenew>>,
}

type Answered<B> = Result<ServiceResponse<EitherBody<B>>, Error>;
type Passed<Fut, B> = MapOk<Fut, fn(ServiceResponse<B>) -> ServiceResponse<EitherBody<B>>>;
type Refused<B> = Ready<Answered<B>>;

impl<S, B, F, P> Service<ServiceRequest> for GuardService<S, F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    F: Fn(&ServiceRequest) -> Option<P> + 'static,
    P: Into<Presented>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future =
        Either<Passed<S::Future, B>, Either<Refused<B>, LocalBoxFuture<'static, Answered<B>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let pass: fn(ServiceResponse<B>) -> _ = ServiceResponse::map_into_left_body;
        let presented = (self.session_of)(&request);
        let Some(keys) = presented.map(|presented| self.receiver.keys_of(presented.into())) else {
            return Either::Left(self.inner.call(request).map_ok(pass));
        };
        let decision = self.receiver.decide_by_keys(&keys);
        if decision.asks_for_renewal()
            && let Some(on_renew) = &self.on_renew
        {
            let answered = self.renewed(request, keys, Rc::clone(on_renew));
            return Either::Right(Either::Right(answered));
        }
        match decision {
            Decision::Allow => Either::Left(self.inner.call(request).map_ok(pass)),
            Decision::Deny(denial) => {
                let answer = (self.on_deny)(request.request(), &denial);
                let response = request.into_response(answer.map_into_right_body());
                Either::Right(Either::Left(ready(Ok(response))))
            }
        }
    }
}

impl<S, B, F> GuardService<S, F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    /// Has the session of a request renewed, and then answers.
    fn renewed(
        &self,
        request: ServiceRequest,
        keys: SessionKeys,
        on_renew: Rc<OnRenew>,
    ) -> LocalBoxFuture<'static, Answered<B>> {
        let (inner, receiver) = (Rc::clone(&self.inner), self.receiver.clone());
        let on_deny = Rc::clone(&self.on_deny);
        let answered = async move {
            let ask = || on_renew(request.request(), &keys);
            match receiver.renewed(&keys, ask).await {
                Decision::Allow => {
                    let response = inner.call(request).await?;
                    Ok(response.map_into_left_body())
                }
                Decision::Deny(denial) => {
                    let answer = on_deny(request.request(), &denial);
                    Ok(request.into_response(answer.map_into_right_body()))
                }
            }
        };
        answered.boxed_local()
    }
}

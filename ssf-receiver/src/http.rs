//! The push endpoint for actix-web.

pub(crate) mod body;

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use ssf_types::set::SET_BYTES_MAX;

use self::body::BodyError;
use crate::{answer::Answer, receiver::Receiver};

/// The route that takes pushes at each of these paths; without any, it matches no request.
pub(crate) fn push_route(receiver: Receiver, paths: Vec<String>) -> Resource {
    web::resource(paths)
        .app_data(web::Data::new(receiver))
        .route(web::post().to(push))
        .default_service(web::to(wrong_method))
}

async fn push(
    request: HttpRequest,
    body: web::Payload,
    receiver: web::Data<Receiver>,
) -> HttpResponse {
    let authorization = text_of(&request, &header::AUTHORIZATION);
    let content_type = text_of(&request, &header::CONTENT_TYPE);
    // Before the body is read: a stranger gets no memory.
    if let Some(refusal) = receiver.refusal(authorization, content_type) {
        return response(&receiver.counted(refusal));
    }
    let refusal = match body::read(body, SET_BYTES_MAX).await {
        Ok(body) => return response(&receiver.accept(authorization, content_type, &body).await),
        Err(BodyError::TooLong { .. }) => Answer::too_long(),
        Err(BodyError::Unreadable) => Answer::unreadable(),
    };
    response(&receiver.counted(refusal))
}

async fn wrong_method(receiver: web::Data<Receiver>) -> HttpResponse {
    response(&receiver.counted(Answer::wrong_method()))
}

fn text_of<'r>(request: &'r HttpRequest, name: &header::HeaderName) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

fn response(answer: &Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for header in answer.headers() {
        response.insert_header(header);
    }
    response.body(answer.body())
}

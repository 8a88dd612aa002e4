//! The push endpoint for actix-web.

pub(crate) mod body;

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use ssf_types::set::SET_BYTES_MAX;

use self::body::BodyError;
use crate::{answer::Answer, transmitter::Transmitter};

/// The route that takes pushes at each of these paths; without any, it matches no request.
pub(crate) fn push_route(transmitter: Transmitter, paths: Vec<String>) -> Resource {
    web::resource(paths)
        .app_data(web::Data::new(transmitter))
        .route(web::post().to(push))
        .default_service(web::to(wrong_method))
}

async fn push(
    request: HttpRequest,
    body: web::Payload,
    transmitter: web::Data<Transmitter>,
) -> HttpResponse {
    let authorization = text_of(&request, &header::AUTHORIZATION);
    let content_type = text_of(&request, &header::CONTENT_TYPE);
    // Before the body is read: a stranger gets no memory.
    if let Some(refusal) = transmitter.shared().refusal(authorization, content_type) {
        return response(&transmitter.shared().counted(refusal));
    }
    let refusal = match body::read(body, SET_BYTES_MAX).await {
        Ok(body) => return response(&transmitter.accept(authorization, content_type, &body).await),
        Err(BodyError::TooLong { .. }) => Answer::too_long(),
        Err(BodyError::Unreadable) => Answer::unreadable(),
    };
    response(&transmitter.shared().counted(refusal))
}

async fn wrong_method(transmitter: web::Data<Transmitter>) -> HttpResponse {
    response(&transmitter.shared().counted(Answer::wrong_method()))
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

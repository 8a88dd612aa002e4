//! The push endpoint for actix-web.

use std::{pin::pin, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt;
use ssf_types::set::SET_BYTES_MAX;
use tokio::time::timeout;

use crate::{answer::Answer, receiver::Receiver};

/// How long a body may take to arrive; Transmitters give up at about the same time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

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
    let body = timeout(BODY_TIMEOUT, read_capped(body)).await;
    match body.unwrap_or_else(|_| Err(Answer::unreadable())) {
        Ok(body) => response(&receiver.accept(authorization, content_type, &body).await),
        Err(refusal) => response(&receiver.counted(refusal)),
    }
}

async fn wrong_method(receiver: web::Data<Receiver>) -> HttpResponse {
    response(&receiver.counted(Answer::wrong_method()))
}

/// Reads the body, up to the length of the longest SET.
async fn read_capped(body: web::Payload) -> Result<Vec<u8>, Answer> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Answer::unreadable())?;
        if bytes.len() + chunk.len() > SET_BYTES_MAX {
            return Err(Answer::too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
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

//! Parameters of a query.

use actix_web::HttpRequest;
use url::form_urlencoded;

use super::problem::Problem;

/// The value of the parameter `name`, which stands once or not at all.
pub(super) fn parameter(
    request: &HttpRequest,
    name: &'static str,
) -> Result<Option<String>, Problem> {
    let mut found = form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned());
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Problem::bad_request(format!(
            "the query must not have {name} twice"
        ))),
        (first, _) => Ok(first),
    }
}

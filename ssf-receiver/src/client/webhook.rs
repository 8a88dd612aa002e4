//! Telling others of SETs.

use reqwest::{Method, header};
use url::Url;

use super::{DOCUMENT_BYTES_MAX, FetchError, Http, host_of, read_capped, sent};

impl Http {
    /// POSTs JSON with further headers; returns the status of the answer.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: [(&'static str, String); 3],
        body: Vec<u8>,
    ) -> Result<u16, FetchError> {
        let host = host_of(&url);
        let mut request = self.request(Method::POST, url)?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let response = sent(request.body(body), &host).await?;
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be used again; what it says does not matter.
        read_capped(response, &host, DOCUMENT_BYTES_MAX).await?;
        Ok(status)
    }
}

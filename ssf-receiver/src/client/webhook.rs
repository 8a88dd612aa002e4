//! Telling others of SETs.

use reqwest::{Method, header};
use ssf_types::set::MEDIA_TYPE;
use url::Url;

use super::{DOCUMENT_BYTES_MAX, FetchError, Http, host_of, read_capped, sent};

impl Http {
    /// POSTs a SET as a transmitter would (RFC 8935 §2.1); returns the status of the answer, and its body.
    pub(crate) async fn forward(&self, url: Url, set: &str) -> Result<(u16, Vec<u8>), FetchError> {
        let host = host_of(&url);
        let request = self.request(Method::POST, url)?;
        let request = request
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::ACCEPT, "application/json");
        let response = sent(request.body(set.to_owned()), &host).await?;
        let status = response.status().as_u16();
        Ok((
            status,
            read_capped(response, &host, DOCUMENT_BYTES_MAX).await?,
        ))
    }

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

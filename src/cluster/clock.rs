//! What time it is in a cluster. Times of its objects are by its clock, and ours may be minutes off.

use axum::http::header::DATE;
use axum::http::{HeaderValue, Request};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kube::client::Body;

use super::access::Cluster;
use super::error::ClusterError;

/// Answered to everybody; a refusal has a date as well.
const ANYTHING: &str = "/version";

impl Cluster {
    /// The time by the API server's clock, cut off to seconds as those of its objects; ours where it does not tell.
    pub async fn now(&self) -> Result<Timestamp, ClusterError> {
        let request = Request::get(ANYTHING)
            .body(Body::empty())
            .map_err(|error| self.unexpected(error))?;
        let sent = self.client().send(request).await;
        let answer = sent.map_err(|error| self.fail(&error))?;
        let told = answer.headers().get(DATE).and_then(read);
        Ok(told.unwrap_or_else(Timestamp::now))
    }
}

fn read(date: &HeaderValue) -> Option<Timestamp> {
    let parser = rfc2822::DateTimeParser::new();
    parser.parse_timestamp(date.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let date = HeaderValue::from_static("Mon, 01 Jun 2026 00:03:07 GMT");
        assert_eq!(read(&date), Some("2026-06-01T00:03:07Z".parse().unwrap()));
        assert_eq!(read(&HeaderValue::from_static("soon")), None);
    }
}

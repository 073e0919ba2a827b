//! A picture from a web server: https, or http to this host.

use std::time::Duration;

use url::Url;

use crate::address::is_loopback;

/// For everything, the last byte included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why it could not be fetched. Names no more of the address than scheme, host and path: the rest may let somebody in.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// An address that is not fetched from.
    #[error("{0}: a snapshot is fetched over https, or over http from this host")]
    Address(String),
    /// No usable answer.
    #[error("{address} did not answer with a snapshot")]
    Http {
        /// From where.
        address: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// An answer of another kind.
    #[error("{address} answered {status}")]
    Status {
        /// From where.
        address: String,
        /// The code.
        status: u16,
    },
    /// Longer than any snapshot.
    #[error("{address} answered with more than {} MiB", most / 1024 / 1024)]
    TooLarge {
        /// From where.
        address: String,
        /// What is accepted, in bytes.
        most: u64,
    },
}

/// Fetches at most `most` bytes; redirections are not followed. Also gives the address, fit for display.
pub async fn fetch(text: &str, most: u64) -> Result<(String, Vec<u8>), FetchError> {
    let url = Url::parse(text).map_err(|_| FetchError::Address("not a URL".to_owned()))?;
    let address = shown(&url);
    let local = is_loopback(&url);
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(FetchError::Address(address));
    }
    let failed = |error: reqwest::Error| FetchError::Http {
        address: address.clone(),
        source: error.without_url(),
    };
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if local {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(failed)?;
    let response = client.get(url).send().await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        let status = response.status().as_u16();
        return Err(FetchError::Status { address, status });
    }
    match bounded(response, most).await.map_err(failed)? {
        Some(bytes) => Ok((address, bytes)),
        None => Err(FetchError::TooLarge { address, most }),
    }
}

/// The body of an answer; none where it is longer than that.
pub async fn bounded(
    mut response: reqwest::Response,
    most: u64,
) -> reqwest::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        bytes.extend_from_slice(&chunk);
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}

/// Neither user nor query, where passwords and tokens are.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok();
    url.set_password(None).ok();
    url.to_string()
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn server() -> MockServer {
        let server = MockServer::start().await;
        for (place, answer) in [
            (
                "/world.json",
                ResponseTemplate::new(200).set_body_string("picture"),
            ),
            (
                "/moved",
                ResponseTemplate::new(302).insert_header("location", "/world.json"),
            ),
        ] {
            Mock::given(path(place))
                .respond_with(answer)
                .mount(&server)
                .await;
        }
        server
    }

    #[tokio::test]
    async fn what_this_host_serves_is_fetched_whole_or_not_at_all() {
        let server = server().await;
        let world = format!("{}/world.json?token=canary", server.uri());
        let (address, bytes) = fetch(&world, 7).await.unwrap();
        assert_eq!(bytes, b"picture");
        assert!(!address.contains("canary"), "{address}");
        let refused = async |text: &str, most| fetch(text, most).await.unwrap_err().to_string();
        let large = refused(&world, 6).await;
        assert!(
            large.contains("more than") && !large.contains("canary"),
            "{large}"
        );
        let moved = refused(&format!("{}/moved", server.uri()), 7).await;
        assert!(moved.ends_with("answered 302"), "{moved}");
        let absent = refused(&format!("{}/nothing", server.uri()), 7).await;
        assert!(absent.ends_with("answered 404"), "{absent}");
    }

    #[tokio::test]
    async fn plain_http_to_another_host_is_refused_before_anything_is_sent() {
        for text in [
            "http://user:canary@192.0.2.1/world.json?canary",
            "ftp://127.0.0.1/world.json",
            "http://localhost.example.org/x",
            "file:///etc/passwd",
            "://",
        ] {
            let error = fetch(text, 7).await.unwrap_err();
            assert!(matches!(error, FetchError::Address(_)), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}

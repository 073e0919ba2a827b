//! Who may ask a listener of this host. Loopback keeps other hosts out, not the browsers of this one: a page anywhere may
//! have its own name point here (DNS rebinding) and read or delete what it finds.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Refuses what was meant for another name, and what a page of another place asks.
pub(super) async fn guard(local: SocketAddr, request: Request, next: Next) -> Response {
    match objection(local, request.headers()) {
        None => next.run(request).await,
        Some(refusal) => refusal.into_response(),
    }
}

fn objection(local: SocketAddr, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let host = text(HOST);
    if local.ip().is_loopback() && host.is_some_and(|host| !is_local(host)) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this is served to localhost alone; ask it by that name or its address\n",
        ));
    }
    let origin = text(ORIGIN)?;
    let from = origin.parse::<Uri>().ok();
    let from = from
        .as_ref()
        .and_then(Uri::authority)
        .map(Authority::as_str);
    (from.is_none() || from != host).then_some((
        StatusCode::FORBIDDEN,
        "pages of other places may not ask here\n",
    ))
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(local: &str, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        objection(local.parse().unwrap(), &map).map(|(status, _)| status.as_u16())
    }

    #[rstest::rstest]
    #[case(&[], None)]
    #[case(&[("host", "127.0.0.1:8000")], None)]
    #[case(&[("host", "localhost:8000")], None)]
    #[case(&[("host", "[::1]:8000")], None)]
    #[case(&[("host", "evil.example")], Some(421))]
    #[case(&[("host", "10.0.0.1:8000")], Some(421))]
    #[case(&[("host", "")], Some(421))]
    #[case(&[("host", "localhost:8000"), ("origin", "http://localhost:8000")], None)]
    #[case(&[("host", "localhost:8000"), ("origin", "https://evil.example")], Some(403))]
    #[case(&[("host", "localhost:8000"), ("origin", "null")], Some(403))]
    fn browsers_are_kept_out(
        #[case] headers: &[(&'static str, &'static str)],
        #[case] refused: Option<u16>,
    ) {
        assert_eq!(status("127.0.0.1:8000", headers), refused);
    }

    #[test]
    fn a_public_address_has_whatever_name() {
        assert_eq!(status("192.0.2.1:8000", &[("host", "natsx.example")]), None);
    }
}

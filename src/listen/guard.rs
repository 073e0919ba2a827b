//! Who may ask a listener of this host. Loopback keeps other hosts out, not the browsers of this one: a page anywhere may
//! have its own name point here (DNS rebinding) and read or delete what it finds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Refuses what was meant for another name, and what a page of another place asks.
pub(super) async fn guard(
    local: SocketAddr,
    names: Arc<[String]>,
    request: Request,
    next: Next,
) -> Response {
    match objection(local, &names, request.headers()) {
        None => next.run(request).await,
        Some(refusal) => refusal.into_response(),
    }
}

fn objection(
    local: SocketAddr,
    names: &[String],
    headers: &HeaderMap,
) -> Option<(StatusCode, &'static str)> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let host = text(HOST);
    let limited = local.ip().is_loopback() || !names.is_empty();
    if limited && host.is_some_and(|host| !is_local(host) && !is_named(host, names)) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this is not served under that name; ask localhost, or a name the settings list\n",
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
    let Some(name) = name(host) else {
        return false;
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_named(host: &str, names: &[String]) -> bool {
    name(host).is_some_and(|host| names.iter().any(|name| name.eq_ignore_ascii_case(&host)))
}

/// Without port and brackets.
fn name(host: &str) -> Option<String> {
    let authority = host.parse::<Authority>().ok()?;
    let name = authority.host();
    Some(
        name.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(local: &str, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        status_as(local, &[], headers)
    }

    fn status_as(
        local: &str,
        names: &[&str],
        headers: &[(&'static str, &'static str)],
    ) -> Option<u16> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        objection(local.parse().unwrap(), &names, &map).map(|(status, _)| status.as_u16())
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

    #[rstest::rstest]
    #[case("127.0.0.1:9465", "hooks.example.org", None)]
    #[case("127.0.0.1:9465", "Hooks.Example.org:443", None)]
    #[case("127.0.0.1:9465", "localhost:9465", None)]
    #[case("127.0.0.1:9465", "example.org", Some(421))]
    #[case("192.0.2.1:9465", "hooks.example.org", None)]
    #[case("192.0.2.1:9465", "evil.example", Some(421))]
    fn a_name_of_the_settings_is_served(
        #[case] local: &str,
        #[case] host: &'static str,
        #[case] refused: Option<u16>,
    ) {
        let names = ["hooks.example.org"];
        assert_eq!(status_as(local, &names, &[("host", host)]), refused);
    }

    #[test]
    fn a_public_address_has_whatever_name() {
        assert_eq!(status("192.0.2.1:8000", &[("host", "natsx.example")]), None);
    }
}

//! Where an address leads.

use url::{Host, Url};

/// Whether it is on this host: what is sent there in the clear, nobody else can read.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_this_host() {
        let is_here = |url: &str| is_loopback(&url.parse().unwrap());
        for here in [
            "http://localhost:80/x",
            "http://127.3.2.1",
            "http://[::1]:8000/",
        ] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in [
            "http://localhost.example.org",
            "http://127.0.0.1.example.org/",
            "http://user@192.0.2.1",
            "http://0.0.0.0",
            "http://[::]/",
            "http://127.0.0.1@example.org/",
            "file:///localhost",
        ] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}

//! Whatever we serve over HTTP: where it listens, and how much of it there can be.

mod board;
mod guard;
mod serve;
mod status;
mod webhook;

pub use board::{Board, Seen};
pub use serve::{serve, serve_named};
pub use status::router as status_router;
pub use webhook::{Hook, SecretError, Secrets, router as webhook_router};

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::settings::ListenSettings;

/// Ports tried after a default one that is taken.
const NEXT_PORTS: u16 = 100;

/// Which port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Exactly this one: a person chose it.
    Exact,
    /// The next free one if it is taken: it is a default.
    NextFree,
}

impl Port {
    /// Exact, unless the address is the default.
    pub fn of(address: SocketAddr, default: SocketAddr) -> Self {
        if address == default {
            Self::NextFree
        } else {
            Self::Exact
        }
    }
}

/// Listens on an address.
pub async fn bind(address: SocketAddr, port: Port) -> io::Result<TcpListener> {
    let first = TcpListener::bind(address).await;
    match first {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && port == Port::NextFree => {
            for next in 1..=NEXT_PORTS {
                let Some(number) = address.port().checked_add(next) else {
                    break;
                };
                // Whoever delivers to the webhook knows its one port.
                if number == ListenSettings::default().webhook.port() {
                    continue;
                }
                if let Ok(listener) = TcpListener::bind((address.ip(), number)).await {
                    return Ok(listener);
                }
            }
            Err(error)
        }
        first => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_free_port_is_never_the_webhooks() {
        let webhook = ListenSettings::default().webhook;
        let before = SocketAddr::new(webhook.ip(), webhook.port() - 1);
        // Taken by us or by another, it is taken.
        let _taken = TcpListener::bind(before).await;
        let listener = bind(before, Port::NextFree).await.unwrap();
        assert_ne!(listener.local_addr().unwrap(), webhook);
    }
}

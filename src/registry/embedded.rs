//! The registry inside our own process, or, when another process has its store open, the way to that one.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::RegistryAccess;
use super::local::{PAUSE, TRIES};
use super::lock::address_of;
use super::server::serve;
use super::store::{Store, StoreError};
use crate::listen::{Port, bind};

/// Why there is no embedded registry.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Its store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its address cannot be listened on.
    #[error("the registry cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Its address is none a client can ask at.
    #[error("the registry's address is not usable")]
    Address(#[from] url::ParseError),
}

/// An embedded registry: served here, or found at the process that serves it.
#[derive(Debug)]
pub struct Embedded {
    /// Where it answers.
    pub address: SocketAddr,
    /// None when another process serves it.
    served: Option<Served>,
}

/// What is served here.
#[derive(Debug)]
struct Served {
    task: JoinHandle<io::Result<()>>,
    ending: CancellationToken,
    store: Store,
}

impl Embedded {
    /// Serves the registry of a state folder, or finds who does.
    pub async fn open(
        state_dir: &Path,
        address: SocketAddr,
        port: Port,
        instance: &str,
    ) -> Result<Self, EmbeddedError> {
        let store = match opened(state_dir).await? {
            Found::Ours(store) => store,
            Found::Elsewhere(address) => {
                return Ok(Self {
                    address,
                    served: None,
                });
            }
        };
        let listener = bind(address, port).await;
        let listener = listener.map_err(|source| EmbeddedError::Listen { address, source })?;
        let bound = listener.local_addr();
        let address = bound.map_err(|source| EmbeddedError::Listen { address, source })?;
        let (ending, instance) = (CancellationToken::new(), instance.to_owned());
        let ended = ending.clone().cancelled_owned();
        let shared = store.clone();
        let task = async move { serve(listener, shared, &instance, None, ended).await };
        Ok(Self {
            address,
            served: Some(Served {
                task: tokio::spawn(task),
                ending,
                store,
            }),
        })
    }

    /// How a client reaches it.
    pub fn access(&self) -> Result<RegistryAccess, EmbeddedError> {
        access(self.address)
    }

    /// Whether it is still where it was opened or found.
    pub(super) fn is_there(&self, state_dir: &Path) -> bool {
        match &self.served {
            Some(served) => !served.task.is_finished(),
            None => address_of(state_dir) == Some(self.address),
        }
    }

    /// Whether this process serves it.
    pub fn is_ours(&self) -> bool {
        self.served.is_some()
    }

    /// The store, where this process has it.
    pub(super) fn store(&self) -> Option<&Store> {
        self.served.as_ref().map(|served| &served.store)
    }

    /// Finishes what is under way and lets go of the store.
    pub async fn close(mut self) -> io::Result<()> {
        match self.served.take() {
            Some(served) => {
                served.ending.cancel();
                served.task.await.map_err(io::Error::other)?
            }
            None => Ok(()),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(served) = &self.served {
            served.ending.cancel();
        }
    }
}

/// How a client reaches a registry of this host.
pub(super) fn access(address: SocketAddr) -> Result<RegistryAccess, EmbeddedError> {
    Ok(RegistryAccess {
        url: Url::parse(&format!("http://{address}"))?,
        token_file: None,
        ca_file: None,
    })
}

enum Found {
    Ours(Store),
    Elsewhere(SocketAddr),
}

async fn opened(state_dir: &Path) -> Result<Found, StoreError> {
    let mut tries = 0;
    loop {
        match Store::open(state_dir) {
            Ok(store) => return Ok(Found::Ours(store)),
            Err(StoreError::Held {
                address: Some(address),
                ..
            }) => {
                return Ok(Found::Elsewhere(address));
            }
            Err(StoreError::Held { .. }) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

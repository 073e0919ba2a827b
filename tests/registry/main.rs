//! The registry's client against a twin of the original and against our own server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod client;
mod server;
mod traps;
mod twin;

use std::time::Duration;

use natsx_sync::listen::Port;
use natsx_sync::observe::observed::Record;
use natsx_sync::registry::{Embedded, Pace, Registry, RegistryAccess};
use serde_json::{Value, json};

/// Waits short enough for tests, long enough for a busy machine.
fn pace() -> Pace {
    Pace {
        connect: Duration::from_secs(5),
        total: Duration::from_millis(700),
        retries: 2,
        delay: Duration::from_millis(10),
    }
}

fn client(url: &str) -> Registry {
    let access = RegistryAccess {
        url: url.parse().unwrap(),
        token_file: None,
        ca_file: None,
    };
    Registry::connect_at(&access, pace()).unwrap()
}

fn record(id: &str) -> Record {
    let Value::Object(metadata) = json!({
        "team": "infra", "ümlaut": "✓ 🛰", "ratio": 0.1, "big": 1e21,
        "natsx": {"instance": "default", "state": "ready"},
    }) else {
        panic!("no object")
    };
    Record {
        system_id: id.to_owned(),
        org_ids: Some("org1,org2".to_owned()),
        cluster_id: Some("us-east".to_owned()),
        public_url: Some("https://h/nats/r".to_owned()),
        name: Some("Global Event Bus".to_owned()),
        metadata,
    }
}

async fn own(folder: &tempfile::TempDir) -> Embedded {
    let address = "127.0.0.1:0".parse().unwrap();
    Embedded::open(folder.path(), address, Port::Exact, "test")
        .await
        .unwrap()
}

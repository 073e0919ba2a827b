//! The registry's client against a twin of the original and against our own server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod claims;
mod client;
mod secured;
mod server;
mod traps;
mod twin;

use std::time::Duration;

use natsx_sync::id::{Instance, SystemId};
use natsx_sync::listen::Port;
use natsx_sync::observe::observed::Record;
use natsx_sync::packed::Packed;
use natsx_sync::registry::{
    Claim, Embedded, Pace, Registry, RegistryAccess, RegistryError, Written,
};
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
        metadata: Packed::of(&metadata),
    }
}

/// What the instance of these tests may write of a key it has just looked at.
async fn claim(registry: &Registry, id: &str) -> Result<Claim, RegistryError> {
    let found = registry.find(&id.parse()?).await?;
    Ok(Claim {
        adopts: true,
        ..Claim::on(&Instance::default(), &found)
    })
}

/// The same of a key that nobody used.
fn unused() -> Claim {
    Claim::on(&Instance::default(), &[])
}

/// Looks, and writes.
async fn put(registry: &Registry, record: &Record) -> Result<Written, RegistryError> {
    let claim = claim(registry, &record.system_id).await?;
    registry.put_record(record, &claim).await
}

async fn state(registry: &Registry, id: &SystemId, state: &str) -> Result<Written, RegistryError> {
    let claim = claim(registry, id.as_str()).await?;
    registry.set_state(id, state, &claim).await
}

async fn delete(registry: &Registry, id: &SystemId) -> Result<Written, RegistryError> {
    let claim = claim(registry, id.as_str()).await?;
    registry.delete_record(id, &claim).await
}

async fn own(folder: &tempfile::TempDir) -> Embedded {
    let address = "127.0.0.1:0".parse().unwrap();
    Embedded::open(folder.path(), address, Port::Exact, "test")
        .await
        .unwrap()
}

//! A registry that has the record of every exchange.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fleet::network::free_ports;
use fleet::process::Process;
use fleet::wait_until;
use futures::{TryStreamExt as _, stream};
use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::exchanges::Exchange;

/// Requests at a time.
const PARALLEL: usize = 8;

/// Writes the records through `natsx-sync registry serve`, which `serve` starts at the address it is given.
pub(super) fn fill(
    serve: impl Fn(&str) -> Command,
    records: impl Iterator<Item = Result<Value>>,
    runtime: &tokio::runtime::Runtime,
) -> Result<()> {
    let [port] = free_ports()?;
    let address = format!("127.0.0.1:{port}");
    let child = serve(&address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut server = Server(child);
    wait_until("the registry answers", Duration::from_secs(10), || {
        std::net::TcpStream::connect(&address).is_ok()
    })?;
    let client = Client::new();
    let url = format!("http://{address}/backbone");
    runtime.block_on(async {
        let write = async |record: Value| -> Result<()> {
            let answer = client.post(&url).json(&record).send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            // natsx-sync wrote some itself, with the releases that the others are copies of.
            ensure!(
                status.is_success() || status == StatusCode::CONFLICT,
                "the registry answers {status}: {text}"
            );
            Ok(())
        };
        let writes = stream::iter(records.map(|record| record.map(write)));
        writes
            .try_buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await
    })?;
    server.stop()
}

struct Server(Child);

impl Server {
    fn stop(&mut self) -> Result<()> {
        let process = Process::found("registry", i32::try_from(self.0.id())?);
        process
            .context("the registry has ended by itself")?
            .signal(Signal::TERM);
        let status = self.0.wait()?;
        ensure!(status.success(), "the registry ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The record natsx-sync would write.
pub(super) fn record(exchange: &Exchange, host: &str, digest: &str, commit: &str) -> Value {
    json!({
        "system_id": exchange.system_id(),
        "org_ids": exchange.organisation(),
        "cluster_id": exchange.cluster_id(),
        "public_url": format!("https://{host}/nats/{}", exchange.release()),
        "name": exchange.name(),
        "metadata": {
            "team": exchange.team(),
            "region": "us-east",
            "natsx": {
                "instance": "default",
                "namespace": exchange.namespace(),
                "release": exchange.release(),
                "file": exchange.file(),
                "commit": commit,
                "digest": digest,
                "chart": "nats-2.14.2",
                "state": "ready",
            },
        },
    })
}

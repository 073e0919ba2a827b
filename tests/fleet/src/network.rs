//! A bridge per cluster, so that pods have addresses of their own which the host reaches directly.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::run;

/// The host's side of a cluster's pod network.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Bridge {
    /// Interface name, at most 15 characters.
    pub name: String,
    /// `10.244.N`.
    pub prefix: String,
}

impl Bridge {
    /// A bridge on a subnet nobody uses.
    pub fn create() -> Result<Self> {
        let taken = taken()?;
        let number = (10..250_u8)
            .find(|number| !taken.contains(&format!("10.244.{number}")))
            .context("no free subnet in 10.244.0.0/16")?;
        let bridge = Self {
            name: format!("natsx{number}"),
            prefix: format!("10.244.{number}"),
        };
        run(Command::new("ip").args(["link", "add", &bridge.name, "type", "bridge"]))?;
        run(Command::new("ip").args([
            "addr",
            "add",
            &format!("{}/24", bridge.address()),
            "dev",
            &bridge.name,
        ]))?;
        run(Command::new("ip").args(["link", "set", &bridge.name, "up"]))?;
        // Pods reach the API server and each other through the host.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").ok();
        Ok(bridge)
    }

    /// The host's address on it.
    pub fn address(&self) -> String {
        format!("{}.1", self.prefix)
    }

    /// Takes it away, if it is there.
    pub fn remove(&self) {
        run(Command::new("ip").args(["link", "delete", &self.name])).ok();
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        std::path::Path::new("/sys/class/net")
            .join(&self.name)
            .exists()
    }
}

fn taken() -> Result<BTreeSet<String>> {
    let text = run(Command::new("ip").args(["-4", "-o", "addr", "show"]))?;
    Ok(text
        .split_whitespace()
        .filter(|word| word.starts_with("10.244."))
        .filter_map(|word| word.rsplit_once('.').map(|(prefix, _)| prefix.to_owned()))
        .collect())
}

/// Ports of loopback nobody listens on; all are held until the last is found, so they differ.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    drop(held);
    Ok(ports)
}

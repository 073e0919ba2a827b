//! CoreDNS on the bridge: servers of one exchange find each other by name.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::network::free_ports;
use crate::process::Process;
use crate::record::ClusterRecord;
use crate::tools::Tools;

/// Starts it.
pub(crate) fn start_dns(record: &mut ClusterRecord, tools: &Tools) -> Result<()> {
    let bridge = record
        .bridge
        .as_ref()
        .context("names are served on the bridge")?;
    let [health] = free_ports()?;
    let corefile = format!(
        ".:53 {{\n  bind {}\n  errors\n  health 127.0.0.1:{health}\n  kubernetes cluster.local {{\n    kubeconfig {} {}\n    ttl 1\n  }}\n}}\n",
        bridge.address(),
        record.kubeconfig.display(),
        record.name,
    );
    let path = record.folder.join("Corefile");
    std::fs::write(&path, corefile)?;
    let dns = Process::start(
        "coredns",
        Command::new(&tools.coredns).arg("-conf").arg(&path),
        &record.folder.join("coredns.log"),
    )?;
    record.remember(dns)?;
    Ok(())
}

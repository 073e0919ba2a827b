//! Static volumes: there is no provisioner, and the chart's claims bind to any volume without a class that is large enough.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::cluster::Cluster;

/// Makes `count` volumes beside those that are there.
pub(super) fn add(cluster: &Cluster, count: usize) -> Result<()> {
    let there = cluster
        .kubectl(&[
            "get",
            "persistentvolumes",
            "--no-headers",
            "--ignore-not-found",
        ])?
        .lines()
        .count();
    let items: Vec<_> = (there..there + count)
        .map(|number| {
            serde_json::json!({
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": format!("volume-{number}")},
                "spec": {
                    "capacity": {"storage": "10Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "hostPath": {"path": cluster.record.folder.join("volumes").join(number.to_string()), "type": "DirectoryOrCreate"},
                },
            })
        })
        .collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    let mut child = Command::new(&cluster.tools.kubectl)
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig())
        .args(["create", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    serde_json::to_writer(child.stdin.take().context("kubectl has no input")?, &list)?;
    anyhow::ensure!(
        child.wait()?.success(),
        "cannot make volumes in {}",
        cluster.name()
    );
    Ok(())
}

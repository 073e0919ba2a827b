//! Ends a fleet: what its record names, and what those processes left behind. Works on the record of a run that was killed, too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::cluster::end_node;
use crate::process::{Process, run};
use crate::record::{ClusterRecord, Record};

/// Ends everything of the record and removes its folder.
pub(crate) fn sweep(folder: &Path) -> Result<()> {
    let Some(record) = Record::read(folder)? else {
        fs::remove_dir_all(folder).ok();
        return Ok(());
    };
    std::thread::scope(|scope| {
        for cluster in &record.clusters {
            scope.spawn(|| end(cluster));
        }
    });
    fs::remove_dir_all(folder)
        .map_err(|error| anyhow::anyhow!("cannot remove {}: {error}", folder.display()))
}

fn end(cluster: &ClusterRecord) {
    // The record within the cluster's folder is written at each start, so it knows of a run that was killed half-way.
    let processes = cluster.remembered();
    let grace = Duration::from_secs(5);
    // The kubelet first, or it would start containers again; the API server before its etcd, without which it does not end.
    for process in named(&processes, "kubelet") {
        process.end(grace);
    }
    end_node(cluster);
    for process in cluster.guests() {
        process.end(grace);
    }
    let order = [
        "coredns",
        "kube-scheduler",
        "kube-controller-manager",
        "kube-apiserver",
        "etcd",
        "containerd",
    ];
    for name in order {
        for process in named(&processes, name) {
            process.end(grace);
        }
    }
    unmount(&cluster.folder);
    remove_network_namespaces(cluster);
    if let Some(bridge) = &cluster.bridge {
        bridge.remove();
        remove_cgroups(&bridge.name);
    }
}

fn named<'a>(processes: &'a [Process], name: &'a str) -> impl Iterator<Item = &'a Process> {
    processes.iter().filter(move |process| process.name == name)
}

/// Everything mounted below the folder, deepest first.
fn unmount(folder: &Path) {
    let needle = folder.to_string_lossy().into_owned();
    let Ok(text) = fs::read_to_string("/proc/self/mounts") else {
        return;
    };
    let mut mounts: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|mount| mount.starts_with(&needle))
        .collect();
    mounts.sort_unstable();
    for mount in mounts.iter().rev() {
        run(Command::new("umount").args(["--lazy", mount])).ok();
    }
}

/// Pods' network namespaces are files below /run/netns that CNI made; those of our bridge's subnet are ours.
fn remove_network_namespaces(cluster: &ClusterRecord) {
    let Some(bridge) = &cluster.bridge else {
        return;
    };
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("cni-") {
            continue;
        }
        let addresses =
            run(Command::new("ip").args(["netns", "exec", &name, "ip", "-4", "-o", "addr"]));
        if addresses.is_ok_and(|text| text.contains(&format!(" {}.", bridge.prefix))) {
            run(Command::new("ip").args(["netns", "delete", &name])).ok();
        }
    }
}

fn remove_cgroups(bridge: &str) {
    let Ok(controllers) = fs::read_dir("/sys/fs/cgroup") else {
        return;
    };
    for controller in controllers.flatten() {
        remove_folders(&controller.path().join("natsx").join(bridge));
    }
}

/// Control groups are removed folder by folder, deepest first; their files cannot be.
fn remove_folders(path: &Path) {
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            remove_folders(&entry.path());
        }
        fs::remove_dir(path).ok();
    }
}

//! A real node: containerd and kubelet, with pods on the cluster's bridge.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cluster::control_plane::write_kubeconfig;
use crate::cluster::wait_until;
use crate::images::PAUSE;
use crate::network::free_ports;
use crate::pki::Authority;
use crate::process::{Process, run};
use crate::record::ClusterRecord;
use crate::tools::Tools;

/// Starts it and waits until it is ready.
pub(crate) fn start_node(
    record: &mut ClusterRecord,
    tools: &Tools,
    authority: &Authority,
    images: &Path,
) -> Result<()> {
    let bridge = record.bridge.clone().context("a node needs a bridge")?;
    let folder = record.folder.clone();
    start_containerd(record, &bridge.name, &bridge.prefix)?;
    import_images(&folder, images)?;

    let node = format!("node-{}", bridge.name);
    let address: IpAddr = bridge.address().parse()?;
    let identity = authority.sign(
        "kubelet",
        &format!("system:node:{node}"),
        Some("system:nodes"),
        &[&node],
        &[address],
    )?;
    let kubeconfig = folder.join("kubelet.kubeconfig");
    write_kubeconfig(
        &kubeconfig,
        &record.name,
        record.api_port,
        authority,
        &identity,
    )?;
    let [port, health] = free_ports()?;
    let config = serde_json::json!({
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": address,
        "port": port,
        "readOnlyPort": 0,
        "healthzPort": health,
        "tlsCertFile": identity.certificate,
        "tlsPrivateKeyFile": identity.key,
        "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": true}, "x509": {"clientCAFile": authority.certificate()}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": format!("unix://{}", folder.join("containerd.sock").display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/natsx/{}", bridge.name),
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "localStorageCapacityIsolation": false,
        "resolvConf": "/dev/null",
        "clusterDNS": [address],
        "clusterDomain": "cluster.local",
        // A changed ConfigMap reaches the pod in seconds; production takes up to a minute (local-fleet 4).
        "syncFrequency": "5s",
        "maxPods": 200,
        "evictionHard": {"imagefs.available": "1%", "memory.available": "50Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%"},
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": folder.join("pod-logs"),
    });
    fs::write(
        folder.join("kubelet.json"),
        serde_json::to_vec_pretty(&config)?,
    )?;
    let kubelet = Process::start(
        "kubelet",
        Command::new(&tools.kubelet)
            .arg(format!(
                "--config={}",
                folder.join("kubelet.json").display()
            ))
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--root-dir={}", folder.join("kubelet").display()))
            .arg(format!("--hostname-override={node}"))
            .arg(format!("--node-ip={address}")),
        &folder.join("kubelet.log"),
    )?;
    record.remember(kubelet)?;
    let admin = record.kubeconfig.clone();
    wait_until("the node is ready", Duration::from_secs(60), || {
        run(Command::new(&tools.kubectl)
            .arg("--kubeconfig")
            .arg(&admin)
            .args(["get", "nodes", "--no-headers"]))
        .is_ok_and(|text| text.contains(" Ready"))
    })
    .with_context(|| format!("see {}", folder.join("kubelet.log").display()))
}

fn start_containerd(record: &mut ClusterRecord, bridge: &str, prefix: &str) -> Result<()> {
    let folder = record.folder.clone();
    let cni = folder.join("cni");
    fs::create_dir_all(&cni)?;
    let network = serde_json::json!({
        "cniVersion": "0.4.0",
        "name": bridge,
        "plugins": [{
            "type": "bridge",
            "bridge": bridge,
            "isGateway": true,
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": folder.join("cni-state"),
                "ranges": [[{"subnet": format!("{prefix}.0/24"), "rangeStart": format!("{prefix}.10"), "rangeEnd": format!("{prefix}.250"), "gateway": format!("{prefix}.1")}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }, {"type": "loopback"}],
    });
    fs::write(
        cni.join("10-fleet.conflist"),
        serde_json::to_vec_pretty(&network)?,
    )?;
    let config = format!(
        r#"version = 2
root = "{root}/containerd"
state = "{root}/containerd-state"
[grpc]
  address = "{root}/containerd.sock"
[ttrpc]
  address = "{root}/containerd.ttrpc.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Without CAP_SYS_RESOURCE runc could not lower the score and dies (local-fleet 4).
  restrict_oom_score_adj = true
  disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{cni}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"
"#,
        root = folder.display(),
        cni = cni.display(),
    );
    // Overlay needs a file system that can carry it; where it can, it saves a copy per container.
    let config = if overlay_works(&folder) {
        config.replace("\"native\"", "\"overlayfs\"")
    } else {
        config
    };
    let path = folder.join("containerd.toml");
    fs::write(&path, config)?;
    let containerd = Process::start(
        "containerd",
        Command::new("containerd").arg("--config").arg(&path),
        &folder.join("containerd.log"),
    )?;
    record.remember(containerd)?;
    wait_until("containerd answers", Duration::from_secs(20), || {
        ctr(&folder, &["version"]).is_ok()
    })
    .with_context(|| format!("see {}", folder.join("containerd.log").display()))
}

fn overlay_works(folder: &Path) -> bool {
    let test = folder.join("overlay-test");
    let parts: Vec<_> = ["lower", "upper", "work", "merged"]
        .iter()
        .map(|part| test.join(part))
        .collect();
    let [lower, upper, work, merged] = parts.as_slice() else {
        return false;
    };
    let works = parts.iter().all(|part| fs::create_dir_all(part).is_ok())
        && run(Command::new("mount")
            .args(["-t", "overlay", "overlay", "-o"])
            .arg(format!(
                "lowerdir={},upperdir={},workdir={}",
                lower.display(),
                upper.display(),
                work.display()
            ))
            .arg(merged))
        .is_ok();
    if works {
        run(Command::new("umount").arg(merged)).ok();
    }
    fs::remove_dir_all(&test).ok();
    works
}

fn ctr(folder: &Path, args: &[&str]) -> Result<String> {
    run(Command::new("ctr")
        .arg("--address")
        .arg(folder.join("containerd.sock"))
        .args(["-n", "k8s.io"])
        .args(args))
}

fn import_images(folder: &Path, images: &Path) -> Result<()> {
    ctr(folder, &["images", "import", &images.to_string_lossy()]).map(|_| ())
}

/// Ends the containers of a node whose kubelet has been ended, and what containerd started for them.
pub(crate) fn end_node(record: &ClusterRecord) {
    let folder = &record.folder;
    if let Ok(text) = ctr(folder, &["tasks", "list", "--quiet"]) {
        let tasks: Vec<_> = text.split_whitespace().collect();
        for task in &tasks {
            ctr(folder, &["tasks", "kill", "--signal", "SIGKILL", task]).ok();
        }
    }
    // Shims belong to us if they were started for our socket.
    for shim in shims(folder) {
        shim.end(Duration::from_millis(500));
    }
}

/// Processes whose command line names a socket or folder of this cluster.
fn shims(folder: &Path) -> Vec<Process> {
    let needle = folder.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.contains("containerd-shim") && text.contains(&needle)
            })
        })
        .filter_map(|pid| Process::found("containerd-shim", pid))
        .collect()
}

//! Starts whole clusters: `cargo test -p fleet --features live --test live`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fleet::{Fleet, FleetOptions};

/// Set for the copy of this program that is killed.
const VICTIM: &str = "FLEET_LIVE_VICTIM";

fn options(name: &str, clusters: usize) -> FleetOptions {
    FleetOptions {
        name: name.to_owned(),
        clusters,
    }
}

/// Command lines and mounts that name the fleet's run folder, and bridges of the record.
fn remains(name: &str, bridges: &[String]) -> Result<Vec<String>> {
    let needle = format!("/natsx-sync-fleet/run/{name}/");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&needle) {
            found.push(line);
        }
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&needle))
            .map(str::to_owned),
    );
    for bridge in bridges {
        if Path::new("/sys/class/net").join(bridge).exists() {
            found.push(bridge.clone());
        }
    }
    Ok(found)
}

fn bridges(name: &str) -> Result<Vec<String>> {
    let folder = fleet::cache::Cache::open()?.run(name);
    let record = fleet::record::Record::read(&folder)?.context("there is no record")?;
    let bridges = record
        .clusters
        .into_iter()
        .filter_map(|cluster| cluster.bridge);
    Ok(bridges.map(|bridge| bridge.name).collect())
}

#[test]
fn a_release_gets_ready_and_down_leaves_nothing() -> Result<()> {
    let name = "smoke";
    let fleet = Fleet::up(&options(name, 1))?;
    if !fleet.has_nodes() {
        return Fleet::down(name);
    }
    let outcome = install_and_remove(&fleet);
    let bridges = bridges(name)?;
    Fleet::down(name)?;
    outcome?;
    let left = remains(name, &bridges)?;
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}

fn install_and_remove(fleet: &Fleet) -> Result<()> {
    let cluster = fleet.clusters().first().context("no cluster")?;
    let helm = |args: &[&str]| -> Result<()> {
        let done = Command::new(&fleet.tools().helm3)
            .env("KUBECONFIG", cluster.kubeconfig())
            .args(args)
            .output()?;
        ensure!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    };
    let chart = fleet.chart().display().to_string();
    helm(&["install", "smoke", &chart, "--wait", "--timeout=90s"])?;
    let pods = cluster.kubectl(&["get", "pods"])?;
    ensure!(pods.contains("smoke-nats-0"), "{pods}");
    let audit = fs::read_to_string(cluster.audit_log())?;
    ensure!(
        audit.contains("\"userAgent\":\"Helm/"),
        "no call of helm's was recorded"
    );
    helm(&["uninstall", "smoke", "--wait", "--timeout=90s"])
}

#[test]
fn what_a_killed_run_left_is_ended_by_down() -> Result<()> {
    let name = "killed";
    if std::env::var_os(VICTIM).is_some() {
        Fleet::up(&options(name, 1))?;
        return Ok(());
    }
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "what_a_killed_run_left_is_ended_by_down"])
        .env(VICTIM, "yes")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(5));
    victim.kill()?;
    victim.wait()?;
    let bridges = bridges(name)?;
    ensure!(
        !remains(name, &bridges)?.is_empty(),
        "killed too early to show anything"
    );
    Fleet::down(name)?;
    let left = remains(name, &bridges)?;
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}

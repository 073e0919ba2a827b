//! `cargo xtask demo`: the main job, on real clusters, told step by step.

mod client;
mod daemon;
mod story;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use fleet::git_host::GitHost;
use fleet::{Fleet, FleetOptions};

use crate::interrupt::Interrupt;
use daemon::Daemon;
use story::Story;

/// The fleet of the demo; another one may run beside it.
const FLEET: &str = "demo";

const GLOBAL: &str = "us-east-cluster/communication/nats-global-exchange";
const ORDERS: &str = "us-east-cluster/communication/nats-orders";
const EDGE: &str = "eu-edge-cluster/communication/nats-edge";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave everything running and say what to try
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Builds natsx-sync and shows what it does.
pub(crate) fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    ensure!(
        fleet::tools::is_root(),
        "the demo runs real nodes, which needs root; `cargo xtask fleet up` starts control planes without"
    );
    let story = Story::begin(interrupt.clone());
    story.step("build natsx-sync")?;
    let built = Command::new(env!("CARGO"))
        .current_dir(root()?)
        .args(["build", "--quiet", "--package", "natsx-sync"])
        .status()?;
    ensure!(built.success(), "natsx-sync does not build");
    show(&story, arguments, interrupt)
}

/// Shows what the natsx-sync does that the tests were made with: with other features it would be built anew.
pub(crate) fn run_built(interrupt: &Interrupt) -> Result<()> {
    let story = Story::begin(interrupt.clone());
    show(&story, &Arguments { keep: false }, interrupt)
}

fn show(story: &Story, arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    story.step("start two whole Kubernetes clusters (what is missing is installed first)")?;
    let result = Fleet::up(&FleetOptions {
        name: FLEET.to_owned(),
        clusters: 2,
        nodes: true,
    })
    .and_then(|fleet| {
        interrupt.check()?;
        tell(story, &fleet, &root()?, arguments.keep)
    });
    if !arguments.keep || result.is_err() {
        story.say("end everything that was started")?;
        Fleet::down(FLEET)?;
    }
    interrupt.check()?;
    result?;
    story.end()
}

fn root() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Ok(folder.canonicalize()?)
}

fn tell(story: &Story, fleet: &Fleet, root: &Path, keep: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    let daemon = Daemon::start(&target(root), fleet, &repository.url_file(), folder.path())?;

    story.step(
        "commit the three exchanges of examples/ to a bare repository; `natsx-sync run` watches it",
    )?;
    let files = examples(&root.join("examples"))?;
    let borrowed: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    let first = repository.commit(&borrowed, "three exchanges")?;
    daemon.wait(&first)?;
    for id in [GLOBAL, ORDERS, EDGE] {
        let server = client::talk(fleet, id)?;
        story.say(&format!("a message went through {id} ({server})"))?;
    }
    story.show("natsx-sync status", &daemon.ask(&["status"])?)?;
    story.show("natsx-sync registry ls", &daemon.ask(&["registry", "ls"])?)?;

    story.step(
        "commit: a larger max_payload for one exchange; for another five servers instead of three, and no `protect` any more",
    )?;
    let pods = client::pods(fleet, GLOBAL)?;
    let global = with(
        &files,
        "exchanges/us-east/global-event-bus.yaml",
        "  config.merge.max_payload: << 4MB >>\n",
    )?;
    let orders = with(
        &files,
        "exchanges/us-east/orders.yaml",
        "  config.cluster.replicas: 5\n",
    )?;
    // Removed together with its file, the protection would hold: it takes an earlier commit.
    let orders: String = orders
        .lines()
        .filter(|line| !line.starts_with("protect:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let second = repository.commit(
        &[
            ("exchanges/us-east/global-event-bus.yaml", Some(&global)),
            ("exchanges/us-east/orders.yaml", Some(&orders)),
        ],
        "more room",
    )?;
    daemon.wait(&second)?;
    let payload = client::max_payload(fleet, GLOBAL)?;
    ensure!(
        payload == 4 << 20,
        "the server still says max_payload {payload}"
    );
    ensure!(
        client::pods(fleet, GLOBAL)? == pods,
        "a pod was restarted for a reload"
    );
    story.say(&format!(
        "the running server says max_payload {payload}; no pod was restarted"
    ))?;
    let count = client::pods(fleet, ORDERS)?.len();
    ensure!(count == 5, "{ORDERS} has {count} pods");
    story.say(&format!("{ORDERS} has {count} servers"))?;
    story.show("natsx-sync status", &daemon.ask(&["status"])?)?;

    story.step("commit: remove the file of one exchange")?;
    let third = repository.commit(
        &[("exchanges/us-east/orders.yaml", None)],
        "orders moved elsewhere",
    )?;
    daemon.wait_gone(&third, ORDERS)?;
    let claims = client::claims(fleet, ORDERS)?;
    ensure!(claims == 5, "{claims} volume claims are left of five");
    ensure!(
        !client::is_released(fleet, ORDERS)?,
        "Helm still knows the release"
    );
    ensure!(
        !daemon.ask(&["registry", "ls"])?.contains("nats-orders"),
        "its record is still there"
    );
    story.say(&format!(
        "release and record are gone, its {claims} volumes are kept"
    ))?;
    story.show("natsx-sync registry ls", &daemon.ask(&["registry", "ls"])?)?;

    if keep {
        let text = format!(
            "everything runs. Try:\n  {}\n  git clone {}\nand when done:\n  kill {} && cargo xtask fleet down --name {FLEET} && rm -r {} {}",
            daemon.line(&["status"]),
            repository.url_file(),
            daemon.id(),
            folder.keep().display(),
            host.keep().display(),
        );
        story.say(&text)?;
        daemon.leave();
        return Ok(());
    }
    story.step("stop natsx-sync")?;
    daemon.stop()
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), PathBuf::from)
        .join("debug/natsx-sync")
}

/// Every file of a folder, by path from it.
fn examples(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    Ok(files)
}

/// A file with a line more at the beginning of its `helm_values`.
fn with(files: &[(String, String)], path: &str, line: &str) -> Result<String> {
    let (_, text) = files
        .iter()
        .find(|(name, _)| name == path)
        .with_context(|| format!("no {path} in examples"))?;
    let (before, after) = text
        .split_once("helm_values:\n")
        .with_context(|| format!("{path} has no helm_values"))?;
    Ok(format!("{before}helm_values:\n{line}{after}"))
}

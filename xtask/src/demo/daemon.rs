//! `natsx-sync run`, and the commands a person would use beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use fleet::Fleet;

use crate::running::Running;

pub(super) struct Daemon {
    program: PathBuf,
    config: PathBuf,
    running: Running,
}

impl Daemon {
    pub(super) fn start(program: &Path, fleet: &Fleet, url: &str, folder: &Path) -> Result<Self> {
        let mut clusters = String::new();
        for cluster in fleet.clusters() {
            let file = cluster.kubeconfig();
            writeln!(
                clusters,
                "  {}: {{kubeconfig: {}}}",
                cluster.name(),
                file.display()
            )?;
        }
        let settings = format!(
            "source: {{url: {url}, branch: main, interval: 1s}}\nclusters:\n{clusters}chart: {{repository: {}}}\nhelm: {{path: {}}}\nhealth: {{interval: 2s}}\nstate: {}\n",
            fleet.chart().display(),
            fleet.tools().helm3.display(),
            folder.join("state").display(),
        );
        let config = folder.join("config.yaml");
        std::fs::write(&config, settings)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).arg("run");
        let running = Running::start(&mut command, &folder.join("run.log"))?;
        Ok(Self {
            program: program.to_owned(),
            config,
            running,
        })
    }

    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String> {
        fleet::process::run(
            Command::new(&self.program)
                .arg("--config")
                .arg(&self.config)
                .args(arguments),
        )
    }

    /// The same as a line to type.
    pub(super) fn line(&self, arguments: &[&str]) -> String {
        format!(
            "{} --config {} {}",
            self.program.display(),
            self.config.display(),
            arguments.join(" ")
        )
    }

    pub(super) fn id(&self) -> u32 {
        self.running.id()
    }

    pub(super) fn wait(&self, commit: &str) -> Result<()> {
        let waited = self.ask(&[
            "wait",
            "--commit",
            commit,
            "--for",
            "ready",
            "--timeout",
            "3m",
        ]);
        waited.map(|_| ()).with_context(|| self.log())
    }

    /// Waits until an exchange is not listed any more.
    pub(super) fn wait_gone(&self, commit: &str, id: &str) -> Result<()> {
        self.wait(commit)?;
        let status = self.ask(&["status"])?;
        ensure!(!status.contains(id), "{id} is still there:\n{status}");
        Ok(())
    }

    fn log(&self) -> String {
        let text =
            std::fs::read_to_string(self.config.with_file_name("run.log")).unwrap_or_default();
        format!("natsx-sync run said:\n{text}")
    }

    pub(super) fn leave(self) {
        self.running.leave();
    }

    pub(super) fn stop(self) -> Result<()> {
        self.running.stop()
    }
}

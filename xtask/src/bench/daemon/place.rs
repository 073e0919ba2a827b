//! A repository, settings and a state folder, for a daemon that begins with nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fleet::git_host::{GitHost, Repository};
use tempfile::TempDir;

use crate::bench::api::Api;
use crate::bench::exchanges::{Exchange, PROFILE, Size, cluster_id};
use crate::bench::world::{Servers, settings};
use crate::program::Program;

pub(super) struct Place {
    pub(super) repository: Repository,
    pub(super) folder: PathBuf,
    config: PathBuf,
    /// As systemd gives it to the unit: in memory.
    runtime: TempDir,
}

impl Place {
    /// In a folder below `folder`; its namespaces are made.
    pub(super) fn make(
        servers: &Servers,
        host: &GitHost,
        size: &Size,
        chart: &Path,
        folder: &Path,
    ) -> Result<Self> {
        let folder = folder.join(&size.prefix);
        std::fs::create_dir(&folder)?;
        let repository = host.create(&size.prefix)?;
        let profile = ("profiles/production.yaml", Some(PROFILE));
        let none = ("exchanges/README.md", Some("none yet"));
        repository.commit(&[profile, none], "begin")?;
        let helm = &servers.fleet.tools().helm3;
        let source = repository.url_file();
        let more = "policy: {max_restarting: 0}\n";
        let settings = settings(servers, size, &source, (chart, helm), &folder, more)?;
        let config = folder.join("config.yaml");
        std::fs::write(&config, settings)?;
        make_namespaces(servers, size)?;
        Ok(Self {
            repository,
            folder,
            config,
            runtime: tempfile::tempdir_in("/dev/shm")?,
        })
    }

    /// natsx-sync with these settings.
    pub(super) fn command(&self, program: &Program, arguments: &[&str]) -> Command {
        let mut command = program.command(&["--config"]);
        command
            .env("RUNTIME_DIRECTORY", self.runtime.path())
            .arg(&self.config)
            .args(arguments);
        command
    }

    pub(super) fn run(&self, program: &Program) -> Command {
        self.command(program, &["run"])
    }

    /// Another kubeconfig for one of the clusters.
    pub(super) fn lead(&self, cluster: usize, kubeconfig: &Path) -> Result<()> {
        let text = std::fs::read_to_string(&self.config)?;
        let begin = format!("  {}: ", cluster_id(cluster));
        let lines = text.lines().map(|line| match line.strip_prefix(&begin) {
            Some(rest) => {
                let (_, rest) = rest.split_once(',').unwrap_or_default();
                format!("{begin}{{kubeconfig: {},{rest}\n", kubeconfig.display())
            }
            None => format!("{line}\n"),
        });
        Ok(std::fs::write(&self.config, lines.collect::<String>())?)
    }

    /// All exchanges at once.
    pub(super) fn commit(&self, size: &Size) -> Result<String> {
        self.add(size.all())
    }

    /// These in one commit.
    pub(super) fn add(&self, exchanges: impl Iterator<Item = Exchange>) -> Result<String> {
        let files = exchanges.map(|exchange| (exchange.file(), Some(exchange.text(3, 2))));
        self.write(&files.collect::<Vec<_>>())
    }

    /// A commit of many: of each ten exchanges one goes, or comes back, and two others change.
    pub(super) fn churn(&self, size: &Size, round: u32) -> Result<String> {
        let turn = usize::try_from(round)? % 10;
        let files = size.all().filter_map(|exchange| {
            let text = match (exchange.number + turn) % 10 {
                0 => None,
                1 => Some(exchange.text(3, 2)),
                2 | 3 => Some(exchange.text(3, if round.is_multiple_of(2) { 2 } else { 3 })),
                _ => return None,
            };
            Some((exchange.file(), text))
        });
        self.write(&files.collect::<Vec<_>>())
    }

    fn write(&self, files: &[(String, Option<String>)]) -> Result<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_deref()))
            .collect();
        self.repository.commit(&files, "change")
    }
}

/// On the servers that stand for the clusters.
pub(super) fn make_namespaces(servers: &Servers, size: &Size) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for cluster in 0..size.clusters {
        let api = Api::of(servers.of(cluster)?)?;
        runtime.block_on(api.create_namespace(&size.namespace(cluster)))?;
    }
    Ok(())
}

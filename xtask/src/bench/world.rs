//! Exchanges that run as far as anybody can tell: their releases are in Helm's storage on real API servers, their records
//! in a registry, and the repository declares them so.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fleet::cache::Cache;
use fleet::process::Process;
use fleet::{Cluster, Fleet, FleetOptions};
use futures::{TryStreamExt as _, stream};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::api::Api;
use super::exchanges::{Exchange, KINDS, Repository, Size, cluster_id};
use super::helms::Helms;
use super::registry;
use super::stored::{Model, secret_name};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// The fleet of the benchmarks; another one may run beside it.
const FLEET: &str = "bench";
/// Nothing waits long for what never comes where no server runs.
const HEALTH: &str = "health: {timeout: 1s}\n";
/// Requests at a time.
const PARALLEL: usize = 16;

/// Two control planes without nodes, ended when dropped.
pub(super) struct Servers {
    pub(super) fleet: Fleet,
    /// Whoever starts a fleet of that name ends the one there is: a second benchmark waits.
    _alone: File,
}

impl Servers {
    pub(super) fn start(clusters: usize) -> Result<Self> {
        let alone = Cache::open()?.lock(FLEET)?;
        let up = Fleet::up(&FleetOptions {
            name: FLEET.to_owned(),
            clusters,
            nodes: false,
        });
        if up.is_err() {
            Fleet::down(FLEET)?;
        }
        Ok(Self {
            fleet: up?,
            _alone: alone,
        })
    }

    /// The server that stands for a cluster of the inventory.
    pub(super) fn of(&self, cluster: usize) -> Result<&Cluster> {
        let all = self.fleet.clusters();
        all.get(cluster % all.len().max(1))
            .context("a fleet without clusters")
    }

    /// What their processes have taken of the processors so far.
    pub(super) fn cpu(&self) -> Duration {
        let clusters = self.fleet.record().clusters.iter();
        let all = clusters.flat_map(|cluster| &cluster.processes);
        all.map(Process::cpu).sum()
    }

    /// Waits until they have little to do: what one measurement left to be done is no cost of the next.
    pub(super) fn rest(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let before = self.cpu();
            std::thread::sleep(Duration::from_secs(1));
            if self.cpu().saturating_sub(before) < Duration::from_millis(250) {
                return;
            }
        }
    }

    /// Lines of the audit logs: requests that were to change something.
    pub(super) fn mutations(&self) -> usize {
        let logs = self.fleet.clusters().iter().map(Cluster::audit_log);
        logs.filter_map(|log| std::fs::read_to_string(log).ok())
            .map(|text| {
                text.lines()
                    .filter(|line| line.contains("\"fleet-admin\""))
                    .count()
            })
            .sum()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        Fleet::down(FLEET).ok();
    }
}

/// The settings of a natsx-sync that has nothing to do.
pub(super) struct World {
    pub(super) repository: Repository,
    pub(super) helms: Helms,
    config: PathBuf,
    settings: String,
    program: Program,
    /// Holds all of it.
    folder: TempDir,
}

impl World {
    pub(super) fn make(
        program: &Program,
        servers: &Servers,
        size: &Size,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("repository");
        std::fs::create_dir(&path)?;
        let repository = Repository::make(&path, size.all(), 0)?;
        let helms = Helms::count_in(folder.path(), &servers.fleet.tools().helm3)?;
        let config = folder.path().join("config.yaml");
        let source = repository.path.to_string_lossy();
        let more = format!("policy: {{max_restarting: 0, halt_after: 0}}\n{HEALTH}");
        let settings = settings(
            servers,
            size,
            &source,
            (&servers.fleet.chart(), &helms.path),
            folder.path(),
            &more,
        )?;
        std::fs::write(&config, &settings)?;
        let world = Self {
            repository,
            helms,
            config,
            settings,
            program: program.clone(),
            folder,
        };
        let place = Place::of(servers)?;
        let models = world.models(size, &place)?;
        interrupt.check()?;
        world.write_releases(size, &place, &models)?;
        interrupt.check()?;
        world.write_records(size, &place, &models)?;
        Ok(world)
    }

    /// Other settings of health, as YAML; a daemon reads them again when it is told to.
    pub(super) fn set_health(&self, health: &str) -> Result<()> {
        let settings = self
            .settings
            .replace(HEALTH, &format!("health: {health}\n"));
        Ok(std::fs::write(&self.config, settings)?)
    }

    /// Its settings and its state are there.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// natsx-sync with these settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program.command(&["--config"]);
        command.arg(&self.config).args(arguments);
        command
    }

    /// One release of each kind of values, made by natsx-sync and helm.
    fn models(&self, size: &Size, place: &Place) -> Result<Vec<Model>> {
        for cluster in 0..size.clusters {
            let name = size.namespace(cluster);
            place
                .runtime
                .block_on(place.api(cluster)?.create_namespace(&name))?;
        }
        let kinds = KINDS.min(size.exchanges);
        // Nothing becomes ready without nodes, and the exit code says so; what counts is what helm stored.
        let first = self.commit(kinds - 1)?;
        let applied = self
            .command(&["apply", "--yes", "--revision", first])
            .output()?;
        let mut models = Vec::new();
        for exchange in size.all().take(kinds) {
            let api = place.api(exchange.cluster())?;
            let (namespace, name) = (exchange.namespace(), secret_name(&exchange.release(), 1));
            let secret = place.runtime.block_on(api.secret(&namespace, &name));
            let said = || {
                format!(
                    "natsx-sync apply said:\n{}",
                    String::from_utf8_lossy(&applied.stderr)
                )
            };
            let mut model = Model::read(&secret.with_context(said)?, &exchange)?;
            if size.serverless {
                let release = exchange.release();
                let set = place
                    .runtime
                    .block_on(api.stateful_set(&namespace, &release));
                model = model.with_set(set?)?;
            }
            models.push(model);
            place
                .runtime
                .block_on(api.delete_secret(&namespace, &name))?;
        }
        Ok(models)
    }

    fn write_releases(&self, size: &Size, place: &Place, models: &[Model]) -> Result<()> {
        let write = |exchange: Exchange| -> Result<_> {
            let api = place.api(exchange.cluster())?.clone();
            let model = model(models, &exchange)?.clone();
            let commit = self.commit(exchange.number)?.to_owned();
            let revisions = size.revisions;
            Ok(async move {
                for secret in model.revisions(&exchange, &commit, revisions)? {
                    api.create_secret(&exchange.namespace(), &secret).await?;
                }
                // The models have theirs.
                if exchange.number >= KINDS
                    && let Some(set) = model.set(&exchange)?
                {
                    api.create_stateful_set(&exchange.namespace(), &set).await?;
                }
                anyhow::Ok(())
            })
        };
        let all = stream::iter(size.all().map(write))
            .map_ok(|job| async move { tokio::spawn(job).await? })
            .try_buffer_unordered(PARALLEL);
        place.runtime.block_on(all.try_collect::<()>())
    }

    fn write_records(&self, size: &Size, place: &Place, models: &[Model]) -> Result<()> {
        let records = size.all().map(|exchange| {
            let digest = model(models, &exchange)?.digest()?;
            let commit = self.commit(exchange.number)?;
            let host = host(exchange.cluster());
            Ok(registry::record(&exchange, &host, digest, commit))
        });
        let serve = |address: &str| self.command(&["registry", "serve", "--listen", address]);
        registry::fill(serve, records, &place.runtime)
    }

    /// The commit that added an exchange.
    fn commit(&self, number: usize) -> Result<&str> {
        let commit = self.repository.commits.get(number).map(String::as_str);
        commit.context("no commit added the exchange")
    }
}

/// The API servers.
struct Place {
    apis: Vec<Api>,
    runtime: Runtime,
}

impl Place {
    fn of(servers: &Servers) -> Result<Self> {
        let apis = servers.fleet.clusters().iter().map(Api::of);
        Ok(Self {
            apis: apis.collect::<Result<Vec<_>>>()?,
            runtime: Runtime::new()?,
        })
    }

    fn api(&self, cluster: usize) -> Result<&Api> {
        let api = self.apis.get(cluster % self.apis.len().max(1));
        api.context("a fleet without clusters")
    }
}

fn model<'m>(models: &'m [Model], exchange: &Exchange) -> Result<&'m Model> {
    models
        .get(exchange.number % KINDS)
        .context("no release of its kind")
}

fn host(cluster: usize) -> String {
    format!("nats-{cluster:03}.example.org")
}

/// Settings of a natsx-sync whose state lies in `folder`; `more` is YAML at the top level.
pub(super) fn settings(
    servers: &Servers,
    size: &Size,
    source: &str,
    (chart, helm): (&Path, &Path),
    folder: &Path,
    more: &str,
) -> Result<String> {
    let mut text = format!(
        "source: {{url: {source}}}\nchart: {{repository: {}}}\nhelm: {{path: {}}}\nstate: {}\nlisten: {{status: '127.0.0.1:0', registry: '127.0.0.1:0'}}\n{more}clusters:\n",
        chart.display(),
        helm.display(),
        folder.join("state").display(),
    );
    for cluster in 0..size.clusters {
        writeln!(
            text,
            "  {}: {{kubeconfig: {}, namespaces: [{}], host: {}}}",
            cluster_id(cluster),
            servers.of(cluster)?.kubeconfig().display(),
            size.namespace(cluster),
            host(cluster),
        )?;
    }
    Ok(text)
}

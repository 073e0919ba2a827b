//! Exchanges that run as far as anybody can tell: their releases are in Helm's storage on real API servers, their records
//! in a registry, and the repository declares them so.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use fleet::{Cluster, Fleet, FleetOptions};
use futures::{TryStreamExt as _, stream};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::api::Api;
use super::exchanges::{Exchange, KINDS, Repository, namespace};
use super::helms::Helms;
use super::registry;
use super::stored::{Model, secret_name};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// The fleet of the benchmarks; another one may run beside it.
const FLEET: &str = "bench";
/// Requests at a time.
const PARALLEL: usize = 16;

/// Two control planes without nodes, ended when dropped.
pub(super) struct Servers {
    pub(super) fleet: Fleet,
}

impl Servers {
    pub(super) fn start() -> Result<Self> {
        let up = Fleet::up(&FleetOptions {
            name: FLEET.to_owned(),
            clusters: 2,
            nodes: false,
        });
        if up.is_err() {
            Fleet::down(FLEET)?;
        }
        Ok(Self { fleet: up? })
    }

    /// The server that stands for a cluster of the inventory.
    pub(super) fn of(&self, cluster: usize) -> Result<&Cluster> {
        let all = self.fleet.clusters();
        all.get(cluster % all.len().max(1))
            .context("a fleet without clusters")
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

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) exchanges: usize,
    pub(super) clusters: usize,
    pub(super) revisions: usize,
    /// What its namespaces begin with.
    pub(super) prefix: &'static str,
}

impl Size {
    pub(super) fn all(self) -> impl Iterator<Item = Exchange> + Clone {
        Exchange::all(self.exchanges, self.clusters, self.prefix)
    }
}

/// The settings of a natsx-sync that has nothing to do.
pub(super) struct World {
    pub(super) repository: Repository,
    pub(super) helms: Helms,
    config: PathBuf,
    program: Program,
    /// Holds all of it.
    _folder: TempDir,
}

impl World {
    pub(super) fn make(
        program: &Program,
        servers: &Servers,
        size: Size,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("repository");
        std::fs::create_dir(&path)?;
        let repository = Repository::make(&path, size.all(), 0)?;
        let helms = Helms::count_in(folder.path(), &servers.fleet.tools().helm3)?;
        let config = folder.path().join("config.yaml");
        std::fs::write(
            &config,
            settings(servers, size, &repository, &helms, &folder)?,
        )?;
        let world = Self {
            repository,
            helms,
            config,
            program: program.clone(),
            _folder: folder,
        };
        let place = Place::of(servers)?;
        let models = world.models(size, &place)?;
        interrupt.check()?;
        world.write_releases(size, &place, &models)?;
        interrupt.check()?;
        world.write_records(size, &place, &models)?;
        Ok(world)
    }

    /// natsx-sync with these settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program.command(&["--config"]);
        command.arg(&self.config).args(arguments);
        command
    }

    /// One release of each kind of values, made by natsx-sync and helm.
    fn models(&self, size: Size, place: &Place) -> Result<Vec<Model>> {
        for cluster in 0..size.clusters {
            let name = namespace(size.prefix, cluster);
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
            models.push(Model::read(&secret.with_context(said)?, &exchange)?);
            place
                .runtime
                .block_on(api.delete_secret(&namespace, &name))?;
        }
        Ok(models)
    }

    fn write_releases(&self, size: Size, place: &Place, models: &[Model]) -> Result<()> {
        let write = |exchange: Exchange| -> Result<_> {
            let api = place.api(exchange.cluster())?.clone();
            let model = model(models, &exchange)?.clone();
            let commit = self.commit(exchange.number)?.to_owned();
            Ok(async move {
                for secret in model.revisions(&exchange, &commit, size.revisions)? {
                    api.create_secret(&exchange.namespace(), &secret).await?;
                }
                anyhow::Ok(())
            })
        };
        let all = stream::iter(size.all().map(write))
            .map_ok(|job| async move { tokio::spawn(job).await? })
            .try_buffer_unordered(PARALLEL);
        place.runtime.block_on(all.try_collect::<()>())
    }

    fn write_records(&self, size: Size, place: &Place, models: &[Model]) -> Result<()> {
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

fn settings(
    servers: &Servers,
    size: Size,
    repository: &Repository,
    helms: &Helms,
    folder: &TempDir,
) -> Result<String> {
    let mut text = format!(
        "source: {{url: {}}}\nchart: {{repository: {}}}\nhelm: {{path: {}}}\nstate: {}\n",
        repository.path.display(),
        servers.fleet.chart().display(),
        helms.path.display(),
        folder.path().join("state").display(),
    );
    text.push_str("policy: {max_restarting: 0, halt_after: 0}\nhealth: {timeout: 1s}\nclusters:\n");
    for cluster in 0..size.clusters {
        writeln!(
            text,
            "  cluster-{cluster:03}: {{kubeconfig: {}, namespaces: [{}], host: {}}}",
            servers.of(cluster)?.kubeconfig().display(),
            namespace(size.prefix, cluster),
            host(cluster),
        )?;
    }
    Ok(text)
}

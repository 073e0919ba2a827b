//! Whole Kubernetes clusters, git hosts and images on one machine, for the tests and the demo of natsx-sync.
//!
//! Everything is real: etcd, the API server, its controllers, containerd, kubelet and `CoreDNS`; pods run real servers at addresses
//! of their own. Programs are installed once into the user's cache folder. A fleet outlives the process that started it; its
//! record says how any later process ends it.

pub mod cache;
pub mod cluster;
pub mod git_host;
pub mod images;
pub mod network;
pub mod pki;
pub mod process;
pub mod progress;
pub mod record;
mod sweep;
pub mod tools;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::cache::Cache;
pub use crate::cluster::{ApiServer, Cluster, wait_until};
use crate::network::Bridge;
use crate::record::{ClusterRecord, Record};
pub use crate::tools::Tools;

/// Volumes each cluster begins with.
const VOLUMES: usize = 24;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Fleets of different names can run at once.
    pub name: String,
    /// How many.
    pub clusters: usize,
    /// With nodes, where they can be started; without them pods stay pending.
    pub nodes: bool,
}

/// A running fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    record: Record,
    tools: Tools,
    clusters: Vec<Cluster>,
}

impl Fleet {
    /// Installs what is missing, ends what an earlier fleet of that name left behind, and starts a new one.
    pub fn up(options: &FleetOptions) -> Result<Self> {
        let cache = Cache::open()?;
        let tools = Tools::install(&cache)?;
        let folder = cache.run(&options.name);
        let _lock = cache.lock(&format!("fleet-{}", options.name))?;
        sweep::sweep(&folder)?;
        std::fs::create_dir_all(&folder)?;
        let began = Instant::now();
        let nodes = options.nodes && tools::is_root();
        if options.nodes && !nodes {
            progress::say("not root: control planes only; pods will stay pending");
        }
        let mut record = Record {
            name: options.name.clone(),
            ready: false,
            nodes,
            clusters: Vec::new(),
        };
        for number in 0..options.clusters {
            let name = cluster_name(number);
            let folder = folder.join(&name);
            record.clusters.push(ClusterRecord {
                kubeconfig: folder.join("kubeconfig"),
                name,
                folder,
                bridge: if nodes { Some(Bridge::create()?) } else { None },
                api_port: 0,
                processes: Vec::new(),
                api_arguments: Vec::new(),
            });
            record.write(&cache.run(&options.name))?;
        }
        let images = if nodes {
            Some(images::archive(&cache, &tools)?)
        } else {
            None
        };
        let started = start(&mut record, &tools, images.as_deref(), &folder);
        if let Err(error) = started {
            // Logs stay until the next run; processes do not.
            return Err(error.context(format!(
                "the fleet did not start; logs are in {}",
                folder.display()
            )));
        }
        record.ready = true;
        record.write(&folder)?;
        let fleet = Self::of(record, tools);
        if nodes {
            for cluster in fleet.clusters() {
                cluster.add_volumes(VOLUMES)?;
            }
        }
        progress::say(&format!(
            "{} clusters up in {:.1} s",
            options.clusters,
            began.elapsed().as_secs_f32()
        ));
        Ok(fleet)
    }

    /// A fleet that runs.
    pub fn attach(name: &str) -> Result<Self> {
        let cache = Cache::open()?;
        let record =
            Record::read(&cache.run(name))?.with_context(|| format!("no fleet {name:?} runs"))?;
        anyhow::ensure!(record.ready, "the fleet {name:?} did not come up");
        Ok(Self::of(record, Tools::install(&cache)?))
    }

    /// Ends a fleet, also one whose run was killed. Nothing to end is no error.
    pub fn down(name: &str) -> Result<()> {
        let cache = Cache::open()?;
        let _lock = cache.lock(&format!("fleet-{name}"))?;
        sweep::sweep(&cache.run(name))
    }

    /// The names of all fleets that have a record.
    pub fn names() -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(Cache::open()?.runs())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn of(record: Record, tools: Tools) -> Self {
        let clusters = record
            .clusters
            .iter()
            .map(|record| Cluster {
                record: record.clone(),
                tools: tools.clone(),
            })
            .collect();
        Self {
            record,
            tools,
            clusters,
        }
    }

    /// Its clusters.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The installed programs.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The stand-in chart, a folder.
    pub fn chart(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("chart/nats")
    }

    /// Whether pods run, or control planes only.
    pub fn has_nodes(&self) -> bool {
        self.record.nodes
    }

    /// Everything it has started.
    pub fn record(&self) -> &Record {
        &self.record
    }
}

/// The first two have the names the examples use.
fn cluster_name(number: usize) -> String {
    match number {
        0 => "us-east-cluster".to_owned(),
        1 => "eu-edge-cluster".to_owned(),
        _ => format!("cluster-{}", number + 1),
    }
}

/// Starts all clusters at once; whatever happens, the record holds what was started.
fn start(record: &mut Record, tools: &Tools, images: Option<&Path>, folder: &Path) -> Result<()> {
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = record
            .clusters
            .iter_mut()
            .map(|cluster| {
                scope.spawn(move || {
                    let authority = cluster::start_control_plane(cluster, tools)?;
                    if let Some(images) = images {
                        cluster::start_node(cluster, tools, &authority, images)?;
                        cluster::start_dns(cluster, tools)?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("starting panicked")))
            })
            .collect()
    });
    record.write(folder)?;
    results.into_iter().collect()
}

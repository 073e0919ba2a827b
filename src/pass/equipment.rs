//! Everything a pass talks to, connected as the settings say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::chart::{ChartSource, ChartStore, Login};
use crate::cluster::{ClusterAccess, Inventory};
use crate::config::Settings;
use crate::config::settings::{ListenSettings, RegistrySettings};
use crate::diagnostic::chain;
use crate::exchange::Context;
use crate::helm::{Folders, Helm};
use crate::id::{ClusterId, Digest};
use crate::listen::Port;
use crate::nats_server::NatsServer;
use crate::observe::observed::Unreadable;
use crate::observe::{Drifts, Kept, Patience, Renderer};
use crate::pass::repository::{ReadDesired, context};
use crate::pass::{Knowledge, PassError, Repository};
use crate::registry::{Registry, RegistryAccess, Serving};
use crate::source::Revision;
use crate::state::State;

/// How long a pass renders before it hands over: what is not done by then is estimated.
const SOON: Duration = Duration::from_secs(2);

/// How long somebody who asked for a plan waits for it to be exact.
const PATIENT: Duration = Duration::from_secs(60);

/// Which programs a look may start to say exactly what changes would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// None.
    Never,
    /// helm, to render what is upgraded, for this long in all.
    Changes(Duration),
    /// The same, and what is installed too: only a plan that is read gains from it.
    Everything(Duration),
}

impl Programs {
    /// For a plan that somebody reads.
    pub const READ: Self = Self::Everything(PATIENT);
}

/// What the equipment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To look: nothing is served, and nobody else is kept from anything.
    Look,
    /// To change what is found: the embedded registry is served as long as the equipment lasts.
    Change,
}

/// What a pass talks to.
#[derive(Debug)]
pub struct Equipment {
    /// As resolved.
    pub settings: Settings,
    /// The watched repository.
    pub repository: Repository,
    /// The clusters.
    pub inventory: Arc<Inventory>,
    /// The registry's client.
    pub registry: Registry,
    /// The chart archives.
    pub charts: Arc<ChartStore>,
    /// Renders exchanges that change.
    pub renderer: Arc<Renderer>,
    /// How far a look may start programs.
    pub programs: Programs,
    /// Which clusters kept an earlier pass waiting, where there are several.
    pub patience: Option<Arc<Patience>>,
    /// What is found of single objects beside the passes; none = a look compares them itself.
    pub drifts: Option<Arc<Drifts>>,
    /// The state folder.
    pub state: State,
}

impl Equipment {
    /// Connects everything. A cluster that cannot be reached is an entry, not an error.
    pub async fn connect(settings: Settings, purpose: Purpose) -> Result<Self, PassError> {
        let folder = settings.state.clone().ok_or_else(|| {
            PassError::Settings(
                "no state folder: set `state`, $STATE_DIRECTORY or $HOME".to_owned(),
            )
        })?;
        let state = State::open_to_write(&folder)?;
        let repository = Repository::open(&settings, Some(&folder))?;
        let inventory = Arc::new(Inventory::connect(cluster_access(&settings)).await);
        let registry = connect_registry(&settings, &state, purpose).await?;
        let charts = Arc::new(ChartStore::new(
            folder.join("charts"),
            chart_source(&settings)?,
        ));
        let renderer = Arc::new(Renderer {
            helm: find_helm(&settings.helm.path),
            // Without one nothing is tested; `doctor` says so.
            server: NatsServer::find(&settings.nats_server.path)
                .ok()
                .map(Arc::new),
            charts: Arc::clone(&charts),
            folders: Folders::new(state.private("cache")?.join("render")),
            kept: Kept::default(),
        });
        Ok(Self {
            settings,
            repository,
            inventory,
            registry,
            charts,
            renderer,
            programs: Programs::Changes(SOON),
            patience: None,
            drifts: None,
            state,
        })
    }

    /// Connects again to clusters that could not be, and to those whose credentials have run out or were written anew.
    pub async fn renew_clusters(&self) {
        self.inventory.renew(cluster_access(&self.settings)).await;
    }

    /// Works by other settings from now on; what they only say at start is not looked at again.
    pub async fn take_over(&mut self, settings: Settings) -> Result<(), PassError> {
        self.charts.set_source(chart_source(&settings)?);
        self.inventory.replace(cluster_access(&settings)).await;
        // Those that are not waited for may be reached in another way now.
        if let Some(patience) = &mut self.patience {
            *patience = Arc::new(patience.renewed());
        }
        self.settings = settings;
        Ok(())
    }

    /// Host of public URLs by cluster: what the settings say, else the API server's.
    pub fn hosts(&self) -> BTreeMap<ClusterId, String> {
        let mut hosts: BTreeMap<_, _> = self
            .inventory
            .all()
            .into_iter()
            .filter_map(|(id, cluster)| Some((id, cluster.ok()?.host())))
            .collect();
        hosts.extend(crate::pass::hosts_of(&self.settings));
        hosts
    }

    /// Reads one revision of the repository and resolves it.
    pub fn read(&self, revision: &Revision) -> Result<ReadDesired, PassError> {
        self.repository.read(revision, &self.context())
    }

    /// The same, sure of what is gone: for those who may remove it.
    pub(super) async fn read_settled(
        &self,
        revision: &Revision,
        knowledge: &Knowledge,
    ) -> Result<ReadDesired, PassError> {
        let context = self.context();
        let repository = &self.repository;
        repository
            .read_settled(revision, &context, &knowledge.installed)
            .await
    }

    /// What files are resolved with.
    pub(super) fn context(&self) -> Context {
        context(&self.settings, self.hosts())
    }
}

/// Looks for the program; nothing is started.
fn find_helm(path: &str) -> Result<Arc<Helm>, Unreadable> {
    Helm::find(path).map(Arc::new).map_err(|error| Unreadable {
        reason: error.reason(),
        text: format!(
            "{}; install helm or set `helm.path`, `natsx-sync doctor` says where it is looked for",
            chain(&error)
        ),
    })
}

/// How each cluster of the settings is reached.
pub fn cluster_access(settings: &Settings) -> Vec<ClusterAccess> {
    let all = settings.clusters.iter();
    all.map(|(id, cluster)| ClusterAccess {
        id: id.clone(),
        kubeconfig: cluster.kubeconfig.clone(),
        context: cluster.context.clone(),
        namespaces: cluster.namespaces.clone(),
    })
    .collect()
}

async fn connect_registry(
    settings: &Settings,
    state: &State,
    purpose: Purpose,
) -> Result<Registry, PassError> {
    match (&settings.registry, purpose) {
        (RegistrySettings::Remote(remote), _) => {
            let access = RegistryAccess {
                url: remote.url.clone(),
                token_file: remote.token_file.clone(),
                ca_file: remote.ca_file.clone(),
            };
            Ok(Registry::connect(&access)?)
        }
        (RegistrySettings::Embedded, Purpose::Look) => Ok(Registry::look(state.folder())),
        (RegistrySettings::Embedded, Purpose::Change) => {
            let address = settings.listen.registry;
            let serving = Serving {
                address,
                port: Port::of(address, ListenSettings::default().registry),
                instance: settings.instance.to_string(),
            };
            Ok(Registry::serve(state.folder(), serving).await?)
        }
    }
}

/// Where charts come from, as the settings say.
pub fn chart_source(settings: &Settings) -> Result<ChartSource, PassError> {
    let chart = &settings.chart;
    let pinned = match &chart.digest {
        None => None,
        Some(text) => {
            let digest: Digest = text
                .strip_prefix("sha256:")
                .unwrap_or(text)
                .parse()
                .map_err(|error| PassError::Settings(format!("chart.digest: {error}")))?;
            Some((chart.version.clone(), digest))
        }
    };
    let login = chart.username.clone().zip(chart.password_file.clone());
    let login = login.map(|(username, password_file)| Login {
        username,
        password_file,
    });
    Ok(ChartSource {
        repository: chart.repository.clone(),
        ca_file: chart.ca_file.clone(),
        login,
        pinned,
    })
}

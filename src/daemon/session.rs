//! The right to change things: the state folder's lock, its journal, and the world the effects work on.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;

use crate::apply::{Limits, Orphans, World};
use crate::cluster::Leases;
use crate::config::Settings;
use crate::file;
use crate::helm::Kubeconfig;
use crate::id::Digest;
use crate::pass::{Equipment, PassError};
use crate::state::journal::Journal;
use crate::state::lock::Lock;

/// Held while changes are made from this state folder.
#[derive(Debug)]
pub struct Session {
    /// Of the state folder.
    pub lock: Lock,
    /// What was begun.
    pub journal: Arc<Journal>,
    /// What effects work on.
    pub world: Arc<World>,
}

impl Session {
    /// Takes the lock and opens the journal in the name of a command.
    pub fn begin(equipment: &Equipment, command: &str) -> Result<Self, PassError> {
        let state = &equipment.state;
        let lock = state.lock(Timestamp::now())?;
        let journal = Arc::new(Journal::open(&state.private("journal")?, &actor(command))?);
        let runtime = state.private("cache/runtime")?;
        // Kubeconfigs of a run that was killed.
        Kubeconfig::sweep(&runtime).map_err(crate::state::io("sweep", &runtime))?;
        let settings = &equipment.settings;
        let world = World {
            inventory: Arc::clone(&equipment.inventory),
            leases: Leases::new(&settings.instance, holder(state.folder())),
            registry: equipment.registry.clone(),
            renderer: Arc::clone(&equipment.renderer),
            charts: Arc::clone(&equipment.charts),
            journal: Arc::clone(&journal),
            instance: settings.instance.clone(),
            helm_timeout: RwLock::new(settings.helm.timeout),
            cache: state.private("cache")?,
            apis: apis(settings, state.folder()),
            runtime,
            orphans: Orphans::since_now(),
            held: Mutex::new(BTreeMap::new()),
        };
        Ok(Self {
            lock,
            journal,
            world: Arc::new(world),
        })
    }
}

/// Who we are to others: this host and its state folder, in which one process works at a time. The machine's id tells
/// hosts of one name apart.
fn holder(state: &Path) -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    let machine = read("/etc/machine-id");
    let folder = whole(state);
    let parts = [machine.as_bytes(), folder.as_os_str().as_bytes()];
    format!("{}-{}", host.trim(), short(&Digest::of_parts(&parts)))
}

/// Where helms keep what they learn of the clusters, unless that is in the state folder; a cluster of another state folder
/// may have the same name. helm keeps silent about one it cannot write to, and asks for everything again and again.
fn apis(settings: &Settings, state: &Path) -> Option<PathBuf> {
    let owner = Digest::of(whole(state).as_os_str().as_bytes());
    let folder = settings.runtime.as_ref()?.join(short(&owner));
    file::private_folder(&folder).ok()?;
    Some(folder)
}

fn whole(state: &Path) -> PathBuf {
    state.canonicalize().unwrap_or_else(|_| state.to_owned())
}

fn short(digest: &Digest) -> &str {
    digest.label().get(..8).unwrap_or_default()
}

/// Whether there is anything to work on.
pub fn check(settings: &Settings) -> Result<(), PassError> {
    if settings.clusters.is_empty() {
        let text =
            "no cluster: name one in the settings (`clusters`) or with --kubeconfig [ID=]FILE";
        return Err(PassError::Settings(text.to_owned()));
    }
    Ok(())
}

/// How much at once, as the settings say.
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        helms: settings.helm.concurrency.resolve(),
        max_restarting: settings.policy.max_restarting,
        halt_after: settings.policy.halt_after,
        health: settings.health.timeout,
    }
}

/// Who is told to have done what is done: the command, and the account it runs under.
pub fn actor(command: &str) -> String {
    let id = rustix::process::geteuid();
    let account = uzers::get_user_by_uid(id.as_raw());
    let name = account.map_or_else(
        || id.to_string(),
        |account| account.name().to_string_lossy().into_owned(),
    );
    format!("{command} as {name}")
}

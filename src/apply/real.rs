//! The real world: clusters, helm, charts and the registry.

mod held;
mod orphan;
mod release;
mod removal;
mod upkeep;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::effect::{Effect, Reply, Why};
use super::effects::Effects;
use super::subject::Subject;
use crate::chart::ChartStore;
use crate::cluster::{Cluster, ClusterError, Inventory, Leases};
use crate::helm::{Folders, Helm};
use crate::id::{ClusterId, ExchangeId, Instance};
use crate::observe::Renderer;
use crate::reason::Reason;
use crate::registry::{Claim, Registry, RegistryError};
use crate::state::journal::Journal;

use held::Held;

pub use orphan::Orphans;

/// Everything the effects work on.
#[derive(Debug)]
pub struct World {
    /// The clusters.
    pub inventory: Arc<Inventory>,
    /// What keeps other writers of our instance away.
    pub leases: Leases,
    /// Where exchanges are discovered.
    pub registry: Registry,
    /// The helm program, and what it rendered last.
    pub renderer: Arc<Renderer>,
    /// Chart archives.
    pub charts: Arc<ChartStore>,
    /// What was begun.
    pub journal: Arc<Journal>,
    /// Whose releases are ours.
    pub instance: Instance,
    /// How long one helm operation may take; replaced when the settings are read again.
    pub helm_timeout: RwLock<Duration>,
    /// `state/cache`.
    pub cache: PathBuf,
    /// Where helms keep what they learned of the API of each cluster; none = in `cache`.
    pub apis: Option<PathBuf>,
    /// Where generated kubeconfigs live.
    pub runtime: PathBuf,
    /// What an earlier process may have left at work.
    pub orphans: Orphans,
    /// What one effect learned for a later one of the same task; never needed, only cheaper.
    pub held: Mutex<BTreeMap<ExchangeId, Held>>,
}

impl Effects for World {
    async fn perform(
        &self,
        subject: &Subject,
        effect: &Effect,
        cancel: &CancellationToken,
    ) -> Reply {
        let cluster = match self.cluster(&subject.id.cluster) {
            Ok(cluster) => cluster,
            // A kubeconfig is read again, and may be mended by then.
            Err(why)
                if matches!(
                    why.reason,
                    Reason::ClusterUnreachable | Reason::KubeconfigInvalid
                ) =>
            {
                return Reply::Lost(why);
            }
            Err(why) => return Reply::Blocked(why),
        };
        let at = At {
            world: self,
            cluster,
            subject,
            cancel,
        };
        let performed = match effect {
            Effect::FetchChart => at.fetch_chart().await,
            Effect::EnsureNamespace => at.ensure_namespace().await,
            Effect::AwaitClear => at.await_clear().await,
            Effect::DryRun => at.dry_run().await,
            Effect::Fence => at.fence().await,
            Effect::Inspect => at.read_release().await,
            Effect::Unlock { secret } => at.unlock(secret).await,
            Effect::Install { revision } => at.install(*revision).await,
            Effect::Upgrade { revision } => at.upgrade(*revision).await,
            Effect::Rollback { revision } => at.rollback(*revision).await,
            Effect::SaveManifest => at.save_manifest().await,
            Effect::Uninstall => at.uninstall().await,
            Effect::PatchObjects => at.put_back().await,
            Effect::PatchStamp { secret, revision } => at.patch_stamp(secret, *revision).await,
            Effect::RestoreStamp { secret, revision } => at.restore_stamp(secret, *revision).await,
            Effect::AwaitReady => at.await_ready().await,
            Effect::AwaitGone { objects } => at.await_gone(objects).await,
            Effect::DeleteClaims { claims } => at.delete_claims(claims).await,
            Effect::WriteRecord => at.write_record().await,
            Effect::MarkDeleting => at.mark_deleting().await,
            Effect::DeleteRecord => at.delete_record().await,
        };
        performed.unwrap_or_else(|reply| reply)
    }

    async fn admit(&self, subject: &Subject) -> Result<(), Why> {
        // The effect itself says why a cluster cannot be worked on.
        let Ok(cluster) = self.cluster(&subject.id.cluster) else {
            return Ok(());
        };
        let admitted = self.leases.admit(&cluster, &subject.id).await;
        admitted.map_err(|error| Why::from_error(error.reason(), &error))
    }

    fn at_hand(&self, effect: &Effect) -> Result<(), Why> {
        if !effect.starts_helm() {
            return Ok(());
        }
        self.helm().map(drop)
    }

    fn over(&self, subject: &Subject) {
        self.leases.leave(&subject.id);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&subject.id);
    }
}

impl World {
    fn cluster(&self, id: &ClusterId) -> Result<Cluster, Why> {
        match self.inventory.trusted(id) {
            Some(Ok(cluster)) => Ok(cluster),
            Some(Err(unreadable)) => Err(Why::new(unreadable.reason, unreadable.text)),
            None => {
                let text = format!("cluster {id} is not in the inventory");
                Err(Why::new(Reason::ClusterNotInInventory, text))
            }
        }
    }

    fn helm(&self) -> Result<&Helm, Why> {
        let helm = self.renderer.helm.as_deref();
        helm.map_err(|why| Why::new(why.reason, why.text.clone()))
    }

    /// How long one helm operation may take.
    pub fn helm_timeout(&self) -> Duration {
        *self
            .helm_timeout
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The next helms may take so long.
    pub fn set_helm_timeout(&self, timeout: Duration) {
        *self
            .helm_timeout
            .write()
            .unwrap_or_else(PoisonError::into_inner) = timeout;
    }

    /// The private folders helms of a cluster share.
    pub fn folders(&self, cluster: &ClusterId) -> Folders {
        let folders = Folders::new(self.cache.join(cluster.as_str()));
        match &self.apis {
            Some(apis) => folders.with_api_in(apis.join(cluster.as_str())),
            None => folders,
        }
    }
}

/// An effect on its way: `Err` carries the answer that ends it early.
struct At<'a> {
    world: &'a World,
    cluster: Cluster,
    subject: &'a Subject,
    cancel: &'a CancellationToken,
}

impl At<'_> {
    /// The record as the plan saw it.
    fn claim(&self) -> Claim {
        let desired = self.subject.desired.as_ref();
        Claim {
            instance: self.world.instance.clone(),
            adopts: desired.is_some_and(|desired| desired.adopts_record),
            seen: self.subject.entry.precondition.record.clone(),
        }
    }
}

type Performed = Result<Reply, Reply>;

/// What an error of a cluster means for the task.
#[expect(clippy::needless_pass_by_value, reason = "used by map_err")]
fn cluster_reply(error: ClusterError) -> Reply {
    cluster_answer(&error)
}

/// The same of one that several are told.
fn cluster_answer(error: &ClusterError) -> Reply {
    let why = Why::from_error(error.reason(), error);
    if error.is_retryable() {
        return Reply::Lost(why);
    }
    if matches!(error, ClusterError::NamespaceTerminating(_)) {
        return Reply::NotYet(why);
    }
    let blocks = matches!(
        error,
        ClusterError::NamespaceMissing(_) | ClusterError::Undecodable { .. }
    );
    if blocks {
        Reply::Blocked(why)
    } else {
        Reply::Refused(why)
    }
}

/// What an error of the registry means for the task.
#[expect(clippy::needless_pass_by_value, reason = "used by map_err")]
fn registry_reply(error: RegistryError) -> Reply {
    // What was ours and is not as the plan saw it any more is for the next plan to say: a stale fence.
    let why = Why::from_error(error.reason(), &error);
    if error.is_unknown() {
        Reply::Lost(why)
    } else {
        Reply::Refused(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One is a failure of the change and counts as such, the other passes by itself.
    #[rstest::rstest]
    #[case(422, Reason::RegistryRefused)]
    #[case(401, Reason::RegistryUnreadable)]
    fn a_registry_that_refuses_a_record_is_told_from_one_that_is_away(
        #[case] status: u16,
        #[case] reason: Reason,
    ) {
        let reply = registry_reply(RegistryError::Refused {
            host: "registry:80".to_owned(),
            request: "create a record",
            status,
            text: "no".to_owned(),
        });
        assert_eq!(reply.trouble().map(|why| why.reason), Some(reason));
    }
}

//! Removing a release and its record.

use std::collections::BTreeSet;

use super::{At, Performed, cluster_reply, registry_reply};
use crate::apply::effect::{Reply, Why};
use crate::apply::order::{Leftover, SavedClaim};
use crate::cluster::Claim;
use crate::observe::observed::ObjectRef;
use crate::reason::Reason;

/// How many objects a text names.
const NAMED: usize = 5;

impl At<'_> {
    pub(super) async fn mark_deleting(&self) -> Performed {
        let id = self.subject.system_id();
        let registry = &self.world.registry;
        let written = registry.set_state(&id, "deleting", &self.claim()).await;
        written.map(|_| Reply::Done).map_err(registry_reply)
    }

    pub(super) async fn save_manifest(&self) -> Performed {
        let Some(release) = self.release().await? else {
            let before = self.world.journal.memory(&self.subject.id).leftover;
            return Ok(Reply::Saved(before.unwrap_or_default()));
        };
        let stored = self.stored(&release).await?;
        let claims = if self.subject.purges() {
            let namespace = &self.subject.id.namespace;
            let found = self.cluster.claims(namespace, &stored).await;
            found.map_err(cluster_reply)?
        } else {
            BTreeSet::new()
        };
        Ok(Reply::Saved(Leftover {
            objects: stored.objects.clone(),
            claims: claims
                .into_iter()
                .map(|Claim { name, uid }| SavedClaim { name, uid })
                .collect(),
        }))
    }

    /// helm says `uninstalled` before the objects are gone, and forgets the release even when some stay.
    pub(super) async fn await_gone(&self, objects: &[ObjectRef]) -> Performed {
        if let Some(release) = self.release().await? {
            let text = format!(
                "revision {} of the release is still there",
                release.revision
            );
            return Ok(Reply::NotYet(Why::new(Reason::Removing, text)));
        }
        let namespace = &self.subject.id.namespace;
        let present = self.cluster.present(namespace, objects).await;
        let present = present.map_err(cluster_reply)?;
        if present.is_empty() {
            return Ok(Reply::Done);
        }
        let named: Vec<String> = present
            .iter()
            .take(NAMED)
            .map(|one| format!("{}/{}", one.object.kind, one.object.name))
            .collect();
        let text = format!(
            "{} objects are still there: {}",
            present.len(),
            named.join(", ")
        );
        Ok(Reply::NotYet(Why::new(Reason::Terminating, text)))
    }

    pub(super) async fn delete_claims(&self, claims: &[SavedClaim]) -> Performed {
        let claims = claims
            .iter()
            .map(|claim| Claim {
                name: claim.name.clone(),
                uid: claim.uid.clone(),
            })
            .collect();
        let namespace = &self.subject.id.namespace;
        let deleted = self.cluster.delete_claims(namespace, &claims).await;
        deleted.map(|()| Reply::Done).map_err(cluster_reply)
    }

    pub(super) async fn delete_record(&self) -> Performed {
        let id = self.subject.system_id();
        let deleted = self.world.registry.delete_record(&id, &self.claim()).await;
        deleted.map(|_| Reply::Done).map_err(registry_reply)
    }
}

//! Locks, labels, health and the record.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::held::Came;
use super::{At, Performed, cluster_reply, registry_reply};
use crate::apply::effect::{Reply, Why};
use crate::cluster::{Compared, stamp_labels};
use crate::health::{self, ConfigChange, Health, HealthTarget, InForce};
use crate::observe::observed::{ReleaseView, SecretIdentity, Stamp, StoredRelease, reloads};
use crate::plan::wanted_record;
use crate::reason::Reason;

impl At<'_> {
    /// Why this release is still being worked on. A helm of ours that outlived us holds its lock rightly: it is waited
    /// for, then ended.
    pub(super) fn orphan(&self) -> Option<Why> {
        let id = &self.subject.id;
        let world = self.world;
        let orphans = world.orphans.of(&world.runtime, &id.namespace, &id.release);
        for process in &orphans {
            if process.age > world.helm_timeout() {
                process.end();
            }
        }
        let first = orphans.first()?;
        let text = format!("a helm of ours still runs (process {})", first.pid);
        Some(Why::new(Reason::ReleaseLocked, text))
    }

    pub(super) async fn unlock(&self, secret: &SecretIdentity) -> Performed {
        if let Some(why) = self.orphan() {
            return Ok(Reply::NotYet(why));
        }
        let id = &self.subject.id;
        match self
            .cluster
            .delete_release_secret(&id.namespace, secret)
            .await
        {
            Err(error) if error.is_not_there() => Ok(Reply::Done),
            other => other.map(|()| Reply::Done).map_err(cluster_reply),
        }
    }

    pub(super) async fn put_back(&self) -> Performed {
        let Some(view) = self.release().await? else {
            let text = "the release is gone while its objects were to be put back";
            return Ok(Reply::Refused(Why::new(Reason::StaleFence, text)));
        };
        let desired = self.desired()?;
        let compared = Compared {
            namespace: &desired.id.namespace,
            release: &desired.id.release,
            view: &view,
            ignored: &desired.drift_ignore,
        };
        let put_back = self.cluster.put_back(compared).await;
        Ok(match put_back.map_err(cluster_reply)? {
            // Whoever made the change took it back, or the plan was made while it was being put back.
            0 => {
                let text = "nothing differs from the release any more";
                Reply::Refused(Why::new(Reason::StaleFence, text))
            }
            _ => Reply::Done,
        })
    }

    pub(super) async fn patch_stamp(&self, secret: &SecretIdentity, revision: u32) -> Performed {
        let desired = self.desired()?;
        let archive = self.world.charts.cached(&desired.chart);
        let chart = archive.map(|archive| archive.digest.label().to_owned());
        let stamp = self.stamp(desired, chart, revision);
        self.write_stamp(secret, &stamp).await
    }

    /// helm copied the labels of the revision it went back to; they are true but for the revision.
    pub(super) async fn restore_stamp(&self, secret: &SecretIdentity, revision: u32) -> Performed {
        let copied = self.release().await?.and_then(|release| release.stamp);
        match copied {
            Some(stamp) => {
                let stamp = Stamp { revision, ..stamp };
                self.write_stamp(secret, &stamp).await
            }
            None => Ok(Reply::Done),
        }
    }

    async fn write_stamp(&self, secret: &SecretIdentity, stamp: &Stamp) -> Performed {
        let labels = stamp_labels(stamp);
        let namespace = &self.subject.id.namespace;
        let patched = self.cluster.patch_stamp(namespace, secret, &labels).await;
        patched.map(|()| Reply::Done).map_err(cluster_reply)
    }

    pub(super) async fn await_ready(&self) -> Performed {
        let made = self.made().await?;
        let release = match made {
            Some(release) => Some(release),
            None => self.release().await?,
        };
        let Some(release) = release else {
            let text = "the release is gone while it was waited for";
            return Ok(Reply::Refused(Why::new(Reason::StaleFence, text)));
        };
        let stored = self.stored(&release).await?;
        let id = &self.subject.id;
        let mut target = HealthTarget::of(id.namespace.clone(), id.release.clone(), &stored);
        if let Some(Came { at, before }) = self.came(&release, &stored).await? {
            let digests = self.digests(&release, &stored).await;
            target.change = Some(ConfigChange {
                at,
                before,
                digests,
            });
        }
        Ok(match health::check(&self.cluster, &target).await {
            Health::Ready | Health::Limited => Reply::Done,
            Health::Waiting { reason, text } => Reply::NotYet(Why::new(reason, text)),
            Health::Failed { reason, text } => Reply::Refused(Why::new(reason, text)),
            Health::Unknown { text } => Reply::NotYet(Why::new(Reason::HealthUnknown, text)),
        })
    }

    /// What helm has just made, the first time it is waited for: one question instead of two. If somebody has made another
    /// revision since, the next look tells.
    async fn made(&self) -> Result<Option<ReleaseView>, Reply> {
        let Some(revision) = self.hold(|held| held.made.take()) else {
            return Ok(None);
        };
        let id = &self.subject.id;
        let found = self
            .cluster
            .revision(&id.namespace, &id.release, revision)
            .await;
        let Some((release, stored)) = found.map_err(cluster_reply)? else {
            return Ok(None);
        };
        let held = Some((release.secret.uid.clone(), Arc::new(stored)));
        self.hold(|all| all.stored = held);
        Ok(Some(release))
    }

    /// What each server says it has loaded once it has; without a nats-server of its version nobody knows.
    async fn digests(
        &self,
        release: &ReleaseView,
        stored: &StoredRelease,
    ) -> BTreeMap<String, String> {
        let Some(server) = &self.world.renderer.server else {
            return BTreeMap::new();
        };
        let uid = &release.secret.uid;
        let known = self.hold(|held| held.digests.clone());
        if let Some((_, digests)) = known.filter(|(of, _)| of == uid) {
            return digests;
        }
        let (sets, configuration) = (&stored.stateful_sets, &stored.configuration);
        let digests = server.digests(sets, configuration).await;
        self.hold(|held| held.digests = Some((uid.clone(), digests.clone())));
        digests
    }

    /// When the configuration of a release came in the place of another one; none where no revision that is kept has another,
    /// or nobody tells the servers to load it: then the next start of each pod does, whenever that is. It is looked for in what
    /// helm stored, so that one that a server refused is still refused after a restart of ours, and after another upgrade.
    async fn came(
        &self,
        release: &ReleaseView,
        stored: &StoredRelease,
    ) -> Result<Option<Came>, Reply> {
        if !reloads(&stored.stateful_sets) {
            return Ok(None);
        }
        let known = self.hold(|held| held.change.clone());
        // Of another revision when somebody else made one meanwhile.
        if let Some((_, found)) = known.filter(|(of, _)| *of == release.secret.uid) {
            return Ok(found);
        }
        let found = self
            .look_when_it_came(release, &stored.configuration)
            .await?;
        let held = Some((release.secret.uid.clone(), found.clone()));
        self.hold(|all| all.change = held);
        Ok(found)
    }

    async fn look_when_it_came(
        &self,
        release: &ReleaseView,
        wanted: &[Value],
    ) -> Result<Option<Came>, Reply> {
        let seen = self.hold(|held| held.config_changes);
        if release.revision == 1 || seen == Some(false) {
            return Ok(None);
        }
        let id = &self.subject.id;
        let revisions = self.cluster.revisions(&id.namespace, &id.release).await;
        let revisions = revisions.map_err(cluster_reply)?;
        let mut first = release.revision;
        let mut found: Vec<InForce> = Vec::new();
        let (mut changed, mut goes_on) = (seen.is_some(), false);
        for (revision, from) in revisions.range(..release.revision).rev() {
            let same = self.configuration(*revision).await? == wanted;
            if same && !changed {
                first = *revision;
            } else if same {
                let next = revisions.range(*revision + 1..).next();
                let until = next.map_or(*from, |(_, until)| *until);
                // Before the first there was no server that could have loaded anything else.
                let from = if *revision == 1 {
                    Timestamp::MIN
                } else {
                    *from
                };
                match found.last_mut().filter(|_| goes_on) {
                    Some(later) => later.from = from,
                    None => found.push(InForce { from, until }),
                }
            }
            changed |= !same;
            goes_on = same;
        }
        let at = revisions.get(&first).copied();
        found.reverse();
        Ok(at.filter(|_| changed).map(|at| Came { at, before: found }))
    }

    /// What the `ConfigMap`s of a stored revision hold.
    async fn configuration(&self, revision: u32) -> Result<Vec<Value>, Reply> {
        let id = &self.subject.id;
        let read = self
            .cluster
            .stored(&id.namespace, &id.release, revision)
            .await;
        Ok(read.map_err(cluster_reply)?.0.configuration)
    }

    /// A stored release; a wait asks for the same one again and again.
    pub(super) async fn stored(&self, release: &ReleaseView) -> Result<Arc<StoredRelease>, Reply> {
        let uid = &release.secret.uid;
        let known = self.hold(|held| held.stored.clone());
        if let Some((_, stored)) = known.filter(|(of, _)| of == uid) {
            return Ok(stored);
        }
        let id = &self.subject.id;
        let read = self
            .cluster
            .stored(&id.namespace, &id.release, release.revision)
            .await;
        let stored = Arc::new(read.map_err(cluster_reply)?.0);
        self.hold(|held| held.stored = Some((uid.clone(), Arc::clone(&stored))));
        Ok(stored)
    }

    pub(super) async fn write_record(&self) -> Performed {
        let commit = self.subject.commit.as_ref();
        let record = wanted_record(self.desired()?, &self.world.instance, commit, "ready");
        let written = self.world.registry.put_record(&record, &self.claim()).await;
        written.map(|_| Reply::Done).map_err(registry_reply)
    }
}

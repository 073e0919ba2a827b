//! Installing, upgrading and putting back.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::PoisonError;

use super::{At, Held, Performed, cluster_answer, cluster_reply};
use crate::apply::effect::{Reply, Seen, Why};
use crate::chart::{ChartArchive, ChartError};
use crate::cluster::{DryRun, stamp_labels};
use crate::exchange::desired::DesiredExchange;
use crate::helm::{HelmError, Kubeconfig, Labels, Refusal, Target, Verb};
use crate::observe::RenderError;
use crate::observe::observed::{ReleaseStatus, ReleaseView, Stamp, Trial};
use crate::plan::action::Action;
use crate::reason::Reason;

impl At<'_> {
    pub(super) async fn fetch_chart(&self) -> Performed {
        self.chart().await.map(|_| Reply::Done)
    }

    pub(super) async fn ensure_namespace(&self) -> Performed {
        let made = self
            .cluster
            .ensure_namespace(&self.subject.id.namespace, &self.world.instance)
            .await;
        made.map(|_| Reply::Done).map_err(cluster_reply)
    }

    /// helm would write over an object that is being deleted, say `deployed`, and then it vanishes.
    pub(super) async fn await_clear(&self) -> Performed {
        let memory = self.world.journal.memory(&self.subject.id);
        let mut objects = memory.leftover.map(|left| left.objects).unwrap_or_default();
        // Of what is not there yet nothing is known; the fence sees whether that is still so.
        let fresh = self.subject.entry.precondition.secret.is_none();
        if !fresh && let Some(release) = self.release().await? {
            let stored = self.stored(&release).await?;
            let sets = stored.objects.iter();
            objects.extend(sets.filter(|one| one.kind == "StatefulSet").cloned());
        }
        let (namespace, release) = (&self.subject.id.namespace, &self.subject.id.release);
        let known = self.cluster.present(namespace, &objects);
        // Somebody else may have removed it, or another host.
        let labelled = self.cluster.terminating(namespace, release);
        let (known, labelled) = tokio::join!(known, labelled);
        let known = known.map_err(cluster_reply)?;
        let labelled = labelled.map_err(|error| cluster_answer(&error))?;
        let known = known.into_iter().filter(|one| one.terminating);
        let going = known.map(|one| one.object).chain(labelled);
        let names = going.map(|object| format!("{}/{}", object.kind, object.name));
        let going: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().collect();
        if going.is_empty() {
            return Ok(Reply::Done);
        }
        let text = format!("still terminating: {}", going.join(", "));
        Ok(Reply::NotYet(Why::new(Reason::Terminating, text)))
    }

    pub(super) async fn dry_run(&self) -> Performed {
        let desired = self.desired()?;
        let chart = self.chart().await?;
        let rendered = self
            .world
            .renderer
            .render(self.helm()?, desired, &chart, self.cancel)
            .await
            .map_err(|error| match error {
                RenderError::Helm(error) => helm_reply(&error),
                RenderError::Manifest(error) => {
                    Reply::Blocked(Why::new(Reason::RenderFailed, error.to_string()))
                }
            })?;
        if let Trial::Refused(complaints) = &rendered.trial {
            let said = complaints.iter().map(|complaint| complaint.text.as_str());
            let said = said.collect::<Vec<_>>().join("; ");
            let text = format!("nats-server refuses the configuration: {said}");
            return Err(Reply::Blocked(Why::new(Reason::ConfigRefused, text)));
        }
        for stateful_set in &rendered.stateful_sets {
            let namespace = &self.subject.id.namespace;
            let answer = self
                .cluster
                .dry_run_stateful_set(namespace, stateful_set)
                .await;
            if let DryRun::Refused { reason, text } = answer.map_err(cluster_reply)? {
                return Err(Reply::Blocked(Why::new(reason, text)));
            }
        }
        // Health waits until a changed configuration is loaded, and finds the change in the revisions that are kept. What is
        // in force was made by none of them where somebody deleted the latest.
        let changes = match self.release().await? {
            Some(release) if release.status == ReleaseStatus::Superseded && rendered.reloads() => {
                let stored = self.stored(&release).await?;
                let namespace = &self.subject.id.namespace;
                let live = self.cluster.configuration(namespace, &stored.objects);
                Some(live.await.map_err(cluster_reply)? != rendered.configuration)
            }
            Some(_) | None => None,
        };
        self.hold(|held| held.config_changes = changes);
        Ok(Reply::Done)
    }

    /// What is read while a helm of ours is still at work would not hold.
    pub(super) async fn fence(&self) -> Performed {
        if let Some(why) = self.orphan() {
            return Ok(Reply::NotYet(why));
        }
        let (id, entry) = (&self.subject.id, &self.subject.entry);
        // helm itself refuses to install what has any revision by then.
        let first = entry.action == Action::Install && entry.precondition.secret.is_none();
        if first {
            let begun = self.cluster.is_begun(&id.namespace, &id.release).await;
            if !begun.map_err(cluster_reply)? {
                return Ok(Reply::Release(None));
            }
        }
        self.read_release().await
    }

    pub(super) async fn read_release(&self) -> Performed {
        let Some(release) = self.release().await? else {
            return Ok(Reply::Release(None));
        };
        let desired = self.subject.desired.as_ref();
        let stamp = release.stamp.as_ref();
        let wanted =
            |stamp: &Stamp| desired.is_some_and(|desired| desired.digest.label() == stamp.digest);
        Ok(Reply::Release(Some(Seen {
            is_ours: stamp.is_some_and(|stamp| stamp.instance == self.world.instance),
            is_untouched: stamp.is_some_and(|stamp| stamp.revision == release.revision),
            is_wanted: stamp.is_some_and(wanted),
            secret: release.secret,
            revision: release.revision,
            status: release.status,
            last_deployed: release.last_deployed,
        })))
    }

    pub(super) async fn install(&self, revision: u32) -> Performed {
        let chart = self.chart().await?;
        let labels = self.labels(self.desired()?, &chart, revision);
        let verb = Verb::Install {
            chart: &chart.path,
            labels: &labels,
            // A later revision than the first: an uninstalled release whose history was kept.
            replace: revision > 1,
        };
        self.make(&verb, revision).await
    }

    pub(super) async fn upgrade(&self, revision: u32) -> Performed {
        let chart = self.chart().await?;
        let labels = self.labels(self.desired()?, &chart, revision);
        let verb = Verb::Upgrade {
            chart: &chart.path,
            labels: &labels,
        };
        self.make(&verb, revision).await
    }

    pub(super) async fn rollback(&self, revision: u32) -> Performed {
        self.run(&Verb::Rollback { revision }).await
    }

    pub(super) async fn uninstall(&self) -> Performed {
        match self.start(&Verb::Uninstall).await? {
            Err(error) if error.refusal() == Some(Refusal::NotFound) => Ok(Reply::Done),
            ended => performed(ended),
        }
    }

    async fn make(&self, verb: &Verb<'_>, revision: u32) -> Performed {
        let reply = self.run(verb).await?;
        self.hold(|held| held.made = Some(revision));
        Ok(reply)
    }

    async fn run(&self, verb: &Verb<'_>) -> Performed {
        performed(self.start(verb).await?)
    }

    /// What helm said; the outer error is why it was not asked.
    async fn start(&self, verb: &Verb<'_>) -> Result<Result<(), HelmError>, Reply> {
        let world = self.world;
        let text = self.cluster.helm_kubeconfig().await;
        // Nothing was begun: the same again is safe, but not for the step function to look up.
        let text = text.map_err(|error| Reply::Refused(Why::from_error(error.reason(), &error)))?;
        let folder = Kubeconfig::write(&world.runtime, &text);
        let kubeconfig = folder.map_err(|error| helm_reply(&error))?;
        let folders = world.folders(&self.subject.id.cluster);
        let target = self.target(kubeconfig.path(), &folders);
        let values = match verb {
            Verb::Uninstall | Verb::Rollback { .. } => None,
            Verb::Install { .. } | Verb::Upgrade { .. } | Verb::Template { .. } => {
                Some(self.desired()?.values.text())
            }
        };
        let helm = self.helm()?;
        let ended = helm.run_verb(verb, &target, values, self.cancel).await;
        Ok(ended.map(drop))
    }

    pub(super) fn helm(&self) -> Result<&crate::helm::Helm, Reply> {
        self.world.helm().map_err(Reply::Blocked)
    }

    pub(super) fn desired(&self) -> Result<&DesiredExchange, Reply> {
        let text = "git no longer declares it";
        let missing = || Reply::Blocked(Why::new(Reason::StaleFence, text));
        self.subject.desired.as_deref().ok_or_else(missing)
    }

    async fn chart(&self) -> Result<ChartArchive, Reply> {
        let known = self.hold(|held| held.chart.clone());
        if let Some(chart) = known.filter(|chart| chart.path.exists()) {
            return Ok(chart);
        }
        let fetched = self.world.charts.fetch(&self.desired()?.chart).await;
        let refused = |error: ChartError| Reply::Blocked(Why::from_error(error.reason(), &error));
        let chart = fetched.map_err(refused)?;
        self.hold(|held| held.chart = Some(chart.clone()));
        Ok(chart)
    }

    fn target<'t>(&'t self, kubeconfig: &'t Path, folders: &'t crate::helm::Folders) -> Target<'t> {
        Target {
            namespace: &self.subject.id.namespace,
            release: &self.subject.id.release,
            kubeconfig: Some(kubeconfig),
            folders,
            timeout: self.world.helm_timeout(),
        }
    }

    fn labels(&self, desired: &DesiredExchange, chart: &ChartArchive, revision: u32) -> Labels {
        let chart = Some(chart.digest.label().to_owned());
        let stamp = self.stamp(desired, chart, revision);
        stamp_labels(&stamp).into_iter().collect()
    }

    pub(super) fn stamp(
        &self,
        desired: &DesiredExchange,
        chart: Option<String>,
        revision: u32,
    ) -> Stamp {
        Stamp {
            instance: self.world.instance.clone(),
            system_id: desired.system_id.clone(),
            digest: desired.digest.label().to_owned(),
            chart,
            commit: self.subject.commit.clone(),
            revision,
        }
    }

    pub(super) async fn release(&self) -> Result<Option<ReleaseView>, Reply> {
        let id = &self.subject.id;
        let found = self.cluster.release(&id.namespace, &id.release).await;
        found.map_err(cluster_reply)
    }

    /// What is held of this exchange, read or changed.
    pub(super) fn hold<T>(&self, of: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self
            .world
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        of(held.entry(self.subject.id.clone()).or_default())
    }
}

fn performed(ended: Result<(), HelmError>) -> Performed {
    ended
        .map(|()| Reply::Done)
        .map_err(|error| helm_reply(&error))
}

fn helm_reply(error: &HelmError) -> Reply {
    let why = Why {
        is_final: error.is_final(),
        ..Why::from_error(error.reason(), error)
    };
    match error {
        HelmError::Cancelled => Reply::Cancelled,
        HelmError::Missing(_)
        | HelmError::Version { .. }
        | HelmError::Folder { .. }
        | HelmError::TooLong(_)
        | HelmError::NotText => Reply::Blocked(why),
        HelmError::Refused { verb, .. } if *verb == "template" => Reply::Blocked(why),
        HelmError::TimedOut(_) | HelmError::Killed => Reply::Lost(why),
        HelmError::Refused { .. } if error.is_retryable() => Reply::Lost(why),
        HelmError::Start(_) | HelmError::Refused { .. } => Reply::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{Outcome, Verdict};

    /// What appeared after the plan says nothing against the change: it is planned anew, and tried again.
    #[test]
    fn a_name_that_is_in_use_is_not_refused_for_good() {
        let error = HelmError::Refused {
            verb: "install",
            refusal: Refusal::of(
                "Error: INSTALLATION FAILED: cannot re-use a name that is still in use",
            ),
            text: "no".to_owned(),
        };
        let Reply::Refused(why) = helm_reply(&error) else {
            panic!("helm refused it");
        };
        assert_eq!((why.reason, why.is_final), (Reason::ReleaseAppeared, false));
        let id = "c/n/r".parse().unwrap();
        let failed = Verdict::Failed(why);
        assert!(Outcome::new(id, Action::Install, failed, Vec::new()).is_overtaken());
    }

    #[rstest::rstest]
    #[case(Refusal::Forbidden, true)]
    #[case(Refusal::Foreign, true)]
    #[case(Refusal::Other, false)]
    fn what_helm_would_refuse_again_is_final(#[case] refusal: Refusal, #[case] is_final: bool) {
        let error = HelmError::Refused {
            verb: "upgrade",
            refusal,
            text: "no".to_owned(),
        };
        let Reply::Refused(why) = helm_reply(&error) else {
            panic!("helm refused it");
        };
        assert_eq!(why.is_final, is_final);
    }
}

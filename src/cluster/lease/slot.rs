//! One Lease as this process sees it: who needs it, whether it is ours, and who else had it when.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::object::{Place, Seen, Written, Wrote};
use super::{NotAdmitted, Pace};
use crate::cluster::{Cluster, ClusterError};
use crate::id::ExchangeId;

/// What one request may take: a lease that hangs is not renewed.
const DEADLINE: Duration = Duration::from_secs(8);
/// How long it is believed that somebody else holds it, so that many who wait ask once.
const BELIEVED: Duration = Duration::from_millis(700);
/// How long a missing permission is taken for granted.
const FORBIDDEN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Slot {
    place: Place,
    holder: String,
    pace: Pace,
    users: Mutex<BTreeSet<ExchangeId>>,
    unused: Arc<Notify>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Over which connection all this was found out.
    over: Option<Cluster>,
    ours: Option<Ours>,
    /// A Lease of somebody else, and since when it has not changed.
    others: Option<(Seen, Moment)>,
    refused: Option<(Moment, NotAdmitted)>,
    forbidden: Option<Moment>,
    kept: bool,
}

#[derive(Debug)]
struct Ours {
    cluster: Cluster,
    wrote: Wrote,
    /// Before the request was sent: nobody else counts from an earlier time.
    renewed: Moment,
}

/// A moment by two clocks: one stands still while the machine sleeps, the other may be set.
#[derive(Debug, Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// At least this long ago; for what is ours.
    fn most_elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

impl Slot {
    pub(super) fn new(namespace: String, name: String, holder: String, pace: Pace) -> Self {
        Self {
            place: Place { namespace, name },
            holder,
            pace,
            users: Mutex::default(),
            unused: Arc::default(),
            state: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn admit(
        self: Arc<Self>,
        cluster: &Cluster,
        id: &ExchangeId,
    ) -> Result<(), NotAdmitted> {
        // Before the state is looked at, so that nobody lets go of the lease in between.
        self.users().insert(id.clone());
        let mut state = self.state.lock().await;
        state.go_over(cluster);
        let forbidden = state.forbidden;
        if forbidden.is_some_and(|since| since.0.elapsed() < FORBIDDEN) {
            return Ok(());
        }
        if state.is_ours_for(self.pace.renew + self.pace.renew / 2) {
            return Ok(());
        }
        if let Some((since, refused)) = &state.refused
            && since.0.elapsed() < BELIEVED
        {
            return Err(refused.clone());
        }
        let had = self.have(&mut state, cluster).await;
        match &had {
            Ok(()) => {
                state.refused = None;
                if state.ours.is_some() && !state.kept {
                    state.kept = true;
                    tokio::spawn(Arc::clone(&self).keep());
                }
            }
            Err(refused) => state.refused = Some((Moment::now(), refused.clone())),
        }
        had
    }

    pub(super) fn leave(&self, id: &ExchangeId) {
        let mut users = self.users();
        if users.remove(id) && users.is_empty() {
            self.unused.notify_one();
        }
    }

    /// Lets go of it.
    pub(super) async fn release(&self) {
        let mut state = self.state.lock().await;
        self.free(&mut state).await;
    }

    async fn free(&self, state: &mut State) {
        if let Some(ours) = state.ours.take() {
            let freed = self.place.free(&ours.cluster, &ours.wrote);
            // Otherwise it runs out by itself.
            bounded(&ours.cluster, freed).await.ok();
        }
    }

    /// Renews it while somebody needs it, then lets go of it.
    async fn keep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.pace.renew) => {}
                () = self.unused.notified() => {}
            }
            let mut state = self.state.lock().await;
            if self.users().is_empty() {
                // Whoever is admitted from here on waits for this and takes it anew.
                state.kept = false;
                return self.free(&mut state).await;
            }
            if let Err(error) = self.renew(&mut state).await {
                let (lease, namespace) = (&self.place.name, &self.place.namespace);
                tracing::warn!(%error, lease, namespace, "the lease could not be renewed; no effect is started there once it has run out");
            }
        }
    }

    async fn have(&self, state: &mut State, cluster: &Cluster) -> Result<(), NotAdmitted> {
        // What is left of it is a reserve for an API server that is away for a moment.
        let reserve = self.pace.duration.saturating_sub(self.pace.renew);
        match self.renew(state).await {
            Ok(()) if state.ours.is_some() => return Ok(()),
            Ok(()) => {}
            Err(_) if state.is_ours_for(reserve) => return Ok(()),
            Err(error) => return self.without(state, error),
        }
        match self.acquire(state, cluster).await {
            Ok(held) => held,
            Err(error) => self.without(state, error),
        }
    }

    /// Ours is no longer ours when somebody else wrote it.
    async fn renew(&self, state: &mut State) -> Result<(), ClusterError> {
        let Some(ours) = &mut state.ours else {
            return Ok(());
        };
        let renewed = Moment::now();
        let answer = self.place.renew(&ours.cluster, &ours.wrote);
        match bounded(&ours.cluster, answer).await? {
            Written::Done(wrote) => {
                ours.wrote = wrote;
                ours.renewed = renewed;
            }
            Written::Overtaken => state.ours = None,
        }
        Ok(())
    }

    async fn acquire(
        &self,
        state: &mut State,
        cluster: &Cluster,
    ) -> Result<Result<(), NotAdmitted>, ClusterError> {
        let seen = bounded(cluster, self.place.read(cluster)).await?;
        if let Some(seen) = seen.as_ref().filter(|seen| !self.is_free(state, seen)) {
            return Ok(Err(NotAdmitted::Held {
                holder: crate::report::safe(&seen.holder),
                duration: seen.duration,
            }));
        }
        let renewed = Moment::now();
        let taken = self
            .place
            .take(cluster, seen.as_ref(), &self.holder, self.pace.duration);
        match bounded(cluster, taken).await? {
            Written::Done(wrote) => {
                state.others = None;
                state.ours = Some(Ours {
                    cluster: cluster.clone(),
                    wrote,
                    renewed,
                });
                Ok(Ok(()))
            }
            Written::Overtaken => Ok(Err(NotAdmitted::Held {
                holder: "another host".to_owned(),
                duration: self.pace.duration,
            })),
        }
    }

    /// Nobody's, our own of a process that has ended (the state folder has one at a time), or one that has run out.
    fn is_free(&self, state: &mut State, seen: &Seen) -> bool {
        if seen.holder.is_empty() || seen.holder == self.holder {
            return true;
        }
        match &state.others {
            // By the clock that stands still while we sleep: a holder may have slept with us.
            Some((before, since)) if before == seen => since.0.elapsed() > seen.duration,
            Some(_) | None => {
                state.others = Some((seen.clone(), Moment::now()));
                false
            }
        }
    }

    fn without(&self, state: &mut State, error: ClusterError) -> Result<(), NotAdmitted> {
        if !matches!(error, ClusterError::Forbidden { .. }) {
            return Err(NotAdmitted::Cluster(Arc::new(error)));
        }
        if state.forbidden.is_none() {
            let (lease, namespace) = (&self.place.name, &self.place.namespace);
            tracing::warn!(%error, lease, namespace, "nothing keeps a second natsx-sync of this instance from working there at the same time; `natsx-sync doctor` prints the right that is missing");
        }
        state.forbidden = Some(Moment::now());
        Ok(())
    }

    fn users(&self) -> MutexGuard<'_, BTreeSet<ExchangeId>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was found out over another connection says nothing here: it may lead to another cluster, or be let in no longer.
    /// In the same cluster the lease is ours to take again, and is renewed over this connection from then on.
    fn go_over(&mut self, cluster: &Cluster) {
        if !self.over.as_ref().is_some_and(|over| over.is_same(cluster)) {
            self.over = Some(cluster.clone());
            (self.ours, self.refused, self.forbidden) = (None, None, None);
        }
    }

    fn is_ours_for(&self, time: Duration) -> bool {
        let ours = self.ours.as_ref();
        ours.is_some_and(|ours| ours.renewed.most_elapsed() < time)
    }
}

async fn bounded<T>(
    cluster: &Cluster,
    request: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let answer = tokio::time::timeout(DEADLINE, request).await;
    answer.unwrap_or_else(|_elapsed| {
        Err(ClusterError::Unreachable {
            host: cluster.host(),
            cause: "no answer about the lease in time".to_owned(),
        })
    })
}

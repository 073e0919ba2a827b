//! From the settings to the desired state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::block_in_place;

use crate::config::Settings;
use crate::exchange::desired::{ChartRef, Desired};
use crate::exchange::{Context, LastDeclared, declare, resolve, resolve_both};
use crate::id::{ClusterId, Digest, ExchangeId};
use crate::pass::PassError;
use crate::source::{
    Credentials, Found, History, Location, Revision, Source, SourceOptions, checkout::Checkout,
    discover,
};

/// How long apart two listings of a plain folder are that agree on what is gone.
const SETTLED: Duration = Duration::from_secs(2);

/// The watched repository as the settings name it.
#[derive(Debug)]
pub struct Repository {
    /// Where files come from.
    pub source: Source,
    /// What was read last and what followed, so that a daemon neither resolves nor keeps the same twice.
    last: Mutex<Option<Resolved>>,
}

#[derive(Debug)]
struct Resolved {
    /// Of what was read.
    gist: Digest,
    /// Of the commit whose files these were, if all of them could be read.
    commit: Option<Digest>,
    desired: Arc<Desired>,
}

/// What was read: the desired state, and the history that proves removals.
pub struct ReadDesired {
    /// The desired state.
    pub desired: Arc<Desired>,
    /// Of the commit; none for a plain folder.
    pub history: Option<History>,
}

impl Repository {
    /// Opens it. With a state folder its history is mirrored there; without one, a local repository is read where it is.
    pub fn open(settings: &Settings, state: Option<&Path>) -> Result<Self, PassError> {
        let source = &settings.source;
        let location = if let Some(text) = &source.url {
            Location::parse(text)?
        } else {
            let here = std::env::current_dir()
                .map_err(|error| PassError::Settings(format!("no current folder: {error}")))?;
            Location::Path(discover(&here, &source.path)?)
        };
        let options = SourceOptions {
            branch: source.branch.clone(),
            folder: source.path.clone(),
            credentials: Credentials {
                username: source.username.clone(),
                password_file: source.password_file.clone(),
                ssh_key_file: source.ssh_key_file.clone(),
                known_hosts_file: source.known_hosts_file.clone(),
                ca_file: source.ca_file.clone(),
            },
            state: state.map(Path::to_owned),
            git: source.git.clone(),
            ..SourceOptions::new(location)
        };
        Ok(Self {
            source: Source::open(options)?,
            last: Mutex::default(),
        })
    }

    /// Fetches what is elsewhere. A repository of this host is read as it stands.
    pub async fn fetch_remote(&self) -> Result<(), PassError> {
        if self.source.is_remote() {
            self.source.fetch().await?;
        }
        Ok(())
    }

    /// Reads one revision and resolves it. The files of a commit that was resolved last are not read again.
    pub fn read(&self, revision: &Revision, context: &Context) -> Result<ReadDesired, PassError> {
        let Some(found) = self.source.find(revision)? else {
            return self.resolve(&self.source.read(revision)?, context);
        };
        let commit = gist_of_commit(&found, context);
        if let Some(last) = self.last().as_ref()
            && last.commit.as_ref() == Some(&commit)
        {
            return Ok(ReadDesired {
                desired: Arc::clone(&last.desired),
                history: Some(self.source.history(&found.commit)?),
            });
        }
        let checkout = self.source.read_commit(&found)?;
        let read = self.resolve(&checkout, context)?;
        if let Some(last) = self.last().as_mut() {
            last.commit = checkout.unreadable.is_empty().then_some(commit);
        }
        Ok(read)
    }

    /// As [`read`](Self::read). Where a plain folder lacks an exchange that this host installed, it is read again some
    /// time later: somebody may just be replacing its file.
    pub async fn read_settled(
        &self,
        revision: &Revision,
        context: &Context,
        installed: &BTreeMap<ExchangeId, String>,
    ) -> Result<ReadDesired, PassError> {
        // Reading git blocks this thread for milliseconds; the others go on.
        let read = block_in_place(|| self.read(revision, context))?;
        let declared = &read.desired.exchanges;
        if self.source.is_git() || installed.keys().all(|id| declared.contains_key(id)) {
            return Ok(read);
        }
        let checkout = self.source.read_settled(revision, SETTLED).await?;
        block_in_place(|| self.resolve(&checkout, context))
    }

    /// Resolves files that were read.
    pub fn resolve(
        &self,
        checkout: &Checkout,
        context: &Context,
    ) -> Result<ReadDesired, PassError> {
        let history = self.history(checkout)?;
        let gist = gist(checkout, context);
        let mut last = self.last();
        let desired = match last.as_ref() {
            Some(last) if last.gist == gist => Arc::clone(&last.desired),
            Some(_) | None => {
                // Let go of first: two of them are the most a daemon ever holds.
                *last = None;
                let desired = Arc::new(resolve(checkout, context, &|broken| {
                    last_declared(history.as_ref(), broken)
                }));
                // What broken files declared before rests on more than the commit: a shallow history may get deeper.
                *last = desired.broken.is_empty().then(|| Resolved {
                    gist,
                    commit: None,
                    desired: Arc::clone(&desired),
                });
                desired
            }
        };
        Ok(ReadDesired { desired, history })
    }

    /// Resolves files that were read, and those of an earlier commit.
    pub(super) fn resolve_both(
        &self,
        head: &Checkout,
        base: &Checkout,
        context: &Context,
    ) -> Result<(Desired, Desired), PassError> {
        let history = self.history(head)?;
        Ok(resolve_both(head, base, context, &|broken| {
            last_declared(history.as_ref(), broken)
        }))
    }

    fn last(&self) -> MutexGuard<'_, Option<Resolved>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self, checkout: &Checkout) -> Result<Option<History>, PassError> {
        Ok(match &checkout.commit {
            Some(commit) if checkout.has_history => Some(self.source.history(commit)?),
            _ => None,
        })
    }
}

/// Tells apart commits, and ways of the head to them, that are resolved to different things.
fn gist_of_commit(found: &Found, context: &Context) -> Digest {
    let Found {
        commit,
        shallow,
        moved,
        ..
    } = found;
    Digest::of(format!("{commit} {shallow} {moved:?} {context:?}").as_bytes())
}

/// Tells apart what is resolved to different things: all of it, but a blob's id stands for its content.
fn gist(checkout: &Checkout, context: &Context) -> Digest {
    let Checkout {
        repository,
        commit,
        dirty,
        has_history,
        shallow,
        files,
        unreadable,
        folder,
        moved,
    } = checkout;
    let marks = (dirty, has_history, shallow);
    let place = (repository, commit, folder, moved);
    let mut text = format!("{place:?}{marks:?}{unreadable:?}{context:?}");
    for file in files {
        for part in [&file.path, &file.blob] {
            text.push('\0');
            text.push_str(part);
        }
    }
    Digest::of(text.as_bytes())
}

fn last_declared(history: Option<&History>, broken: &[String]) -> BTreeMap<String, LastDeclared> {
    match history {
        Some(history) => history.last_declared(broken, &|path, bytes| {
            declare(path, bytes).map(|(id, _)| id)
        }),
        // A plain folder has no history: what a broken file declared before is not known.
        None => broken
            .iter()
            .map(|path| (path.clone(), LastDeclared::NotFound))
            .collect(),
    }
}

/// The repository of a daemon as others on its host read it: what is elsewhere from the daemon's mirror, the rest where it is.
pub fn mirrored(settings: &Settings) -> Result<Repository, PassError> {
    let url = settings.source.url.as_deref();
    let state = settings.state.as_deref();
    let state = state.filter(|_| url.is_some_and(Location::is_elsewhere));
    Repository::open(settings, state)
}

/// What resolving needs where no cluster can be asked.
pub fn offline_context(settings: &Settings) -> Context {
    context(settings, hosts_of(settings))
}

/// The same without the inventory: what git asks for does not depend on who can do it.
pub(super) fn context_of_git(settings: &Settings) -> Context {
    Context {
        clusters: BTreeSet::new(),
        ..offline_context(settings)
    }
}

/// Hosts of public URLs that the settings name themselves.
pub fn hosts_of(settings: &Settings) -> BTreeMap<ClusterId, String> {
    settings
        .clusters
        .iter()
        .filter_map(|(id, cluster)| Some((id.clone(), cluster.host.clone()?)))
        .collect()
}

/// What resolving needs of the settings.
pub(super) fn context(settings: &Settings, hosts: BTreeMap<ClusterId, String>) -> Context {
    Context {
        chart: ChartRef {
            name: settings.chart.name.clone(),
            version: settings.chart.version.clone(),
        },
        clusters: settings.clusters.keys().cloned().collect(),
        hosts,
        allow_values: settings.policy.allow_values.clone(),
        severities: settings.policy.severity.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_just_replaced_is_not_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("exchanges/a.yaml");
        fs::create_dir(folder.path().join("exchanges")).unwrap();
        let mut settings = Settings::default();
        settings.source.url = Some(folder.path().display().to_string());
        let repository = Repository::open(&settings, None).unwrap();
        let context = context(&settings, BTreeMap::new());
        let id: ExchangeId = "c/communication/nats".parse().unwrap();
        let installed = BTreeMap::from([(id.clone(), "exchanges/a.yaml".to_owned())]);
        let read = repository.read_settled(&Revision::Head, &context, &installed);
        let (read, ()) = tokio::join!(read, async {
            tokio::time::sleep(SETTLED / 4).await;
            let text = "name: a\nrelease_name: nats\ncluster_id: c\norg_ids: [o]\n";
            fs::write(&file, text).unwrap();
        });
        assert!(read.unwrap().desired.exchanges.contains_key(&id));

        fs::remove_file(&file).unwrap();
        let read = repository.read_settled(&Revision::Head, &context, &installed);
        assert!(read.await.unwrap().desired.exchanges.is_empty(), "gone");
    }

    #[test]
    fn what_stays_the_same_is_resolved_once_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("exchanges")).unwrap();
        let a = "name: a\nrelease_name: nats\ncluster_id: c\norg_ids: [o]\n";
        write("exchanges/a.yaml", a);
        let mut settings = Settings::default();
        settings.source.url = Some(folder.path().display().to_string());
        let repository = Repository::open(&settings, None).unwrap();
        let mut context = context(&settings, BTreeMap::new());
        let id: ExchangeId = "c/communication/nats".parse().unwrap();
        let read = |context: &Context| {
            let read = repository.read(&Revision::Head, context).unwrap();
            read.desired
        };
        let of = |desired: &Desired| Arc::clone(&desired.exchanges[&id]);
        let first = of(&read(&context));
        assert!(Arc::ptr_eq(&first, &of(&read(&context))), "nothing changed");

        write("values.yaml", "config: {merge: {max_connections: 5}}\n");
        let second = of(&read(&context));
        assert_ne!(first.digest, second.digest, "the values below it");

        context.chart.version = "2.14.3".to_owned();
        let third = of(&read(&context));
        assert_ne!(second.digest, third.digest, "the settings");

        write("exchanges/b.yaml", "name: [\n");
        let with_broken = read(&context);
        assert_eq!(with_broken.broken.len(), 1);
        let again = read(&context);
        assert_eq!(
            again.broken, with_broken.broken,
            "and it is looked at again"
        );
        assert!(!Arc::ptr_eq(&of(&again), &of(&with_broken)));
    }

    #[test]
    fn the_files_of_a_commit_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init(folder.path()).unwrap();
        let author = git2::Signature::now("somebody", "somebody@example.org").unwrap();
        let commit = |name: &str| {
            let text = format!("name: {name}\nrelease_name: nats\ncluster_id: c\norg_ids: [o]\n");
            fs::create_dir_all(folder.path().join("exchanges")).unwrap();
            fs::write(folder.path().join("exchanges/a.yaml"), text).unwrap();
            let mut index = git.index().unwrap();
            let file = Path::new("exchanges/a.yaml");
            index.add_path(file).unwrap();
            let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
            let head = git.head().and_then(|head| head.peel_to_commit()).ok();
            let parents: Vec<_> = head.iter().collect();
            git.commit(Some("HEAD"), &author, &author, name, &tree, &parents)
                .unwrap();
            index.get_path(file, 0).unwrap().id.to_string()
        };
        let blob = commit("a");
        let mut settings = Settings::default();
        settings.source.url = Some(folder.path().display().to_string());
        let repository = Repository::open(&settings, None).unwrap();
        let context = context(&settings, BTreeMap::new());
        let read = || repository.read(&Revision::Head, &context);
        let first = read().unwrap();
        let (kind, name) = blob.split_at(2);
        fs::remove_file(folder.path().join(".git/objects").join(kind).join(name)).unwrap();
        let again = read().unwrap();
        assert!(Arc::ptr_eq(&first.desired, &again.desired));
        assert!(again.history.is_some());

        commit("b");
        let other = read().unwrap();
        let names: Vec<_> = other
            .desired
            .exchanges
            .values()
            .map(|one| &one.name)
            .collect();
        assert_eq!(names, ["b"]);
    }
}

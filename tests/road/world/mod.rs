//! What each test has to itself: a repository, a state folder, settings, and a helm that counts.

mod account;
mod cluster;
mod daemon;
mod front;
mod hold;
mod leave;
mod run;
mod template;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fleet::Fleet;
use fleet::git_host::{GitHost, Repository};
use fleet::process::Process;

pub(crate) use account::Account;
pub(crate) use front::{Front, Mood};
pub(crate) use hold::Hold;
pub(crate) use run::{Begun, Ran, eventually};
pub(crate) use template::template;

/// The clusters of the fleet, by the names the exchanges use.
pub(crate) const US: &str = "us-east-cluster";
pub(crate) const EU: &str = "eu-edge-cluster";

/// The name is the instance, too: two tests of one name would own each other's releases.
static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// One test's world.
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) host: GitHost,
    pub(crate) repository: Repository,
    folder: tempfile::TempDir,
}

impl World {
    /// Attaches to the fleet that `cargo xtask test` started.
    pub(crate) fn new(name: &str) -> Self {
        let first = TAKEN.lock().unwrap().insert(name.to_owned());
        assert!(first, "another test is called {name}: each has its own");
        let fleet = std::env::var("NATSX_FLEET").expect("run by `cargo xtask test`");
        let fleet = Fleet::attach(&fleet).unwrap();
        let host = GitHost::start().unwrap();
        let repository = host.create(name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            fleet,
            host,
            repository,
            folder,
        };
        let helm = world.fleet.tools().helm3.clone();
        world.use_helm(&helm);
        world.settings(&world.repository.url_file(), "");
        world
    }

    /// Commits files to the watched repository.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)]) -> String {
        self.repository.commit(files, "change").unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes the settings; `more` is YAML at the top level.
    pub(crate) fn settings(&self, url: &str, more: &str) {
        let all = self.fleet.clusters().iter();
        let all: Vec<_> = all.map(|one| (one.name(), one.kubeconfig())).collect();
        self.settings_with(url, &inventory(&all), more);
    }

    /// The same with an inventory of its own.
    pub(crate) fn settings_with(&self, url: &str, clusters: &str, more: &str) {
        let instance = self.instance();
        let text = format!(
            "source:\n  url: {url}\n  interval: 1s\nclusters:\n{clusters}instance: {instance}\nchart: {{repository: {}}}\nhelm: {{path: {}}}\nhealth: {{timeout: 2m, interval: 2s}}\nlisten: {{registry: '127.0.0.1:0'}}\nstate: {}\n{more}",
            self.fleet.chart().display(),
            self.path("helm").display(),
            self.state().display(),
        );
        fs::write(self.path("config.yaml"), text).unwrap();
    }

    /// An instance of its own: nothing of another test is ever ours.
    fn instance(&self) -> String {
        let name = self.repository.path().file_stem().unwrap();
        name.to_string_lossy().into_owned()
    }

    /// Puts a helm in place that writes down each start, and the process it was.
    pub(crate) fn use_helm(&self, real: &Path) {
        self.use_helm_after(real, "");
    }

    /// The same, with a shell script that runs before the real helm takes its place.
    pub(crate) fn use_helm_after(&self, real: &Path, before: &str) {
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> {calls}\necho \"$$ $*\" >> {calls}.all\n{before}\nexec {real} \"$@\"\n",
            calls = self.path("helm.calls").display(),
            real = real.display()
        );
        let path = self.path("helm");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The verbs of every helm started so far, `version` aside.
    pub(crate) fn helm_calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("helm.calls")).unwrap_or_default();
        text.lines()
            .filter(|verb| *verb != "version")
            .map(str::to_owned)
            .collect()
    }

    /// The last helm that was started with this verb for this release, if it still runs.
    pub(crate) fn running_helm(&self, verb: &str, release: &str) -> Option<Process> {
        let text = fs::read_to_string(self.path("helm.calls.all")).ok()?;
        let started = text.lines().rev().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let on = words.iter().skip_while(|word| **word != "--").nth(1);
            (words.get(1) == Some(&verb) && on == Some(&release)).then(|| words[0].parse())
        });
        Process::found("helm", started?.ok()?).filter(Process::is_running)
    }
}

/// Clusters as the settings name them.
pub(crate) fn inventory(clusters: &[(&str, &Path)]) -> String {
    let mut text = String::new();
    for (name, file) in clusters {
        writeln!(text, "  {name}: {{kubeconfig: {}}}", file.display()).unwrap();
    }
    text
}

/// What lets a pod be ready in two seconds instead of the chart's ten: most of what these tests would wait for.
const PROBES: &str = "  container.merge.startupProbe: {initialDelaySeconds: 1, periodSeconds: 1}
  container.merge.readinessProbe: {initialDelaySeconds: 1, periodSeconds: 1}
";

/// A small exchange without volumes; `more` is YAML below `helm_values`, indented by two.
pub(crate) fn exchange(cluster: &str, release: &str, more: &str) -> String {
    format!(
        "name: Exchange {release}\nrelease_name: {release}\ncluster_id: {cluster}\nnamespace: road\norg_ids: [org001, org002]\nhelm_values:\n  natsBox.enabled: false\n  podDisruptionBudget.enabled: false\n  container.resources.requests.cpu: 10m\n{PROBES}{more}"
    )
}

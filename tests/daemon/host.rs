//! A host of its own: settings, a folder of exchanges, a service manager that listens, and the daemon.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use git2::{Repository, RepositoryInitOptions, Signature};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The kubeconfig of a cluster that does not answer.
const DEAD: &str = "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\nclusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: x, user: {}}]\n";

/// Everything ends with it.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    told: UnixDatagram,
    daemon: Option<Child>,
}

impl Host {
    /// With an exchange for `one` and one for `two`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let told = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        told.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let host = Self {
            folder,
            told,
            daemon: None,
        };
        fs::write(host.path("dead.yaml"), DEAD).unwrap();
        fs::create_dir_all(host.path("repository/exchanges")).unwrap();
        for cluster in ["one", "two"] {
            let text = format!(
                "name: {cluster}\nrelease_name: nats\ncluster_id: {cluster}\norg_ids: [org001]\n"
            );
            let file = host.path(&format!("repository/exchanges/{cluster}.yaml"));
            fs::write(file, text).unwrap();
        }
        host
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings with these clusters; `more` is YAML at the top level.
    pub(crate) fn settings(&self, clusters: &[&str], more: &str) {
        let mut text = format!(
            "source: {{url: {}, interval: 1h}}\nstate: {}\nclusters:\n",
            self.path("repository").display(),
            self.path("state").display()
        );
        for cluster in clusters {
            let file = self.path("dead.yaml");
            writeln!(text, "  {cluster}: {{kubeconfig: {}}}", file.display()).unwrap();
        }
        text.push_str(more);
        fs::write(self.path("config.yaml"), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natsx-sync"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.path("config.yaml"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Starts the daemon and waits for its first pass.
    pub(crate) fn start(&mut self) {
        self.start_in(&[]);
    }

    /// The same, in an environment with these too.
    pub(crate) fn start_in(&mut self, environment: &[(&str, &str)]) {
        self.begin_as(&[], environment);
        self.until_first_pass();
    }

    /// The same, with these options too.
    pub(crate) fn start_with(&mut self, options: &[&str]) {
        self.begin_as(options, &[]);
        self.until_first_pass();
    }

    fn until_first_pass(&self) {
        let pid = self.daemon.as_ref().unwrap().id();
        self.until_status("the first pass", |status| {
            status["pid"] == pid && status["pass"] == 1
        });
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub(crate) fn begin(&mut self) {
        self.begin_as(&[], &[]);
    }

    fn begin_as(&mut self, options: &[&str], environment: &[(&str, &str)]) {
        let log = fs::File::create(self.path("log")).unwrap();
        let child = self
            .command(&["run"])
            .args(options)
            .env("NOTIFY_SOCKET", self.path("notify"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        self.daemon = Some(child);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.daemon.as_ref().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Stops it as a service manager does; its exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended; its exit code.
    pub(crate) fn ended(&mut self) -> i32 {
        let mut child = self.daemon.take().unwrap();
        child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Waits for a message to the service manager that has this line; the message.
    pub(crate) fn until_told(&self, line: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            let Ok(length) = self.told.recv(&mut bytes) else {
                panic!("never told {line}; log:\n{}", self.log());
            };
            let text = String::from_utf8_lossy(bytes.get(..length).unwrap()).into_owned();
            if text.lines().any(|told| told == line) {
                return text;
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the status is so, and gives it.
    pub(crate) fn until_status(&self, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = fs::read_to_string(self.path("state/status.json")).unwrap_or_default();
            let status: Value = serde_json::from_str(&text).unwrap_or_default();
            if holds(&status) {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: {status:#}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(child) = &mut self.daemon {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// The reason an exchange has in a status.
pub(crate) fn reason<'a>(status: &'a Value, id: &str) -> &'a str {
    let entries = status.pointer("/exchanges").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .find(|entry| entry.pointer("/id").is_some_and(|one| one == id))
        .and_then(|entry| entry.pointer("/reason")?.as_str())
        .unwrap_or_default()
}

/// Commits the work tree as it stands; the commit.
pub(crate) fn commit(repository: &Repository) -> String {
    let mut index = repository.index().unwrap();
    index
        .add_all(["exchanges"], git2::IndexAddOption::DEFAULT, None)
        .unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::now("natsx-sync", "natsx-sync@example.org").unwrap();
    let head = repository
        .head()
        .ok()
        .map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = head.iter().collect();
    let id = repository.commit(Some("HEAD"), &who, &who, "exchanges", &tree, &parents);
    id.unwrap().to_string()
}

/// An empty repository whose branch is `main`.
pub(crate) fn made(folder: &Path) -> Repository {
    let mut options = RepositoryInitOptions::new();
    options.initial_head("main").no_reinit(true);
    Repository::init_opts(folder, &options).unwrap()
}

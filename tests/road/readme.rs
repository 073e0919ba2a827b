//! The operator's first exchange, by the README word for word.

#[path = "../readme/blocks.rs"]
pub(crate) mod blocks;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use blocks::beginning;
use fleet::process::Process;
use rustix::process::Signal;

use crate::world::{US, World, eventually};

/// What a person has: a kubeconfig at the usual place, helm and natsx-sync on the `PATH`, a name for git.
struct Person {
    world: World,
}

impl Person {
    fn new() -> Self {
        let world = World::new("readme");
        for folder in ["home/.kube", "bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        let kubeconfig = world.cluster(US).kubeconfig();
        fs::copy(kubeconfig, world.path("home/.kube/config")).unwrap();
        let link = |name: &str, to: &std::path::Path| {
            std::os::unix::fs::symlink(to, world.path("bin").join(name)).unwrap();
        };
        link("natsx-sync", env!("CARGO_BIN_EXE_natsx-sync").as_ref());
        link("helm", &world.fleet.tools().helm3);
        let person = Self { world };
        // The README names the release, so an earlier run on this fleet may have left it.
        person.say(
            "home",
            "helm uninstall nats-first --namespace communication --ignore-not-found --wait",
        );
        person
    }

    fn shell(&self, folder: &str, lines: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-euc", lines])
            .env_clear()
            .env("HOME", self.world.path("home"))
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.world.path("bin").display()),
            )
            // State and chart of its own: the official repository is not within every machine's reach.
            .env("STATE_DIRECTORY", self.world.state())
            .env("NATSX_SYNC_CHART_REPOSITORY", self.world.fleet.chart())
            .env("GIT_AUTHOR_NAME", "a person")
            .env("GIT_AUTHOR_EMAIL", "person@example.org")
            .env("GIT_COMMITTER_NAME", "a person")
            .env("GIT_COMMITTER_EMAIL", "person@example.org")
            .current_dir(self.world.path(folder))
            .stdin(Stdio::null());
        shell
    }

    fn say(&self, folder: &str, lines: &str) -> String {
        let done = self.shell(folder, lines).output().unwrap();
        assert!(done.status.success(), "{lines}\n{done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

/// Ends the daemon, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let process = i32::try_from(self.0.id()).map(|id| Process::found("natsx-sync", id));
        if let Ok(Some(process)) = process {
            process.signal(Signal::TERM);
        }
        self.0.wait().ok();
    }
}

#[test]
fn the_first_exchange_on_ones_own_cluster_works_as_the_readme_says() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let first = beginning(&readme, "natsx-sync init").text;
    let asking = beginning(&readme, "natsx-sync status").text;
    let person = Person::new();

    let (before, run) = first.trim_end().rsplit_once('\n').unwrap();
    assert!(run.starts_with("natsx-sync run"), "{run}");
    let said = person.say("home", before);
    assert!(said.contains("1 to install"), "{said}");

    let daemon = person.shell("home/my-exchanges", &format!("exec {run}"));
    let _daemon = Running(
        { daemon }
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    eventually(
        "the exchange in the status",
        Duration::from_secs(30),
        || {
            let mut status = person.shell("home/my-exchanges", "natsx-sync status");
            String::from_utf8_lossy(&status.output().unwrap().stdout).contains("nats-first")
        },
    );
    let said = person.say("home/my-exchanges", &asking);
    assert!(
        said.contains("my-cluster/communication/nats-first"),
        "{said}"
    );
    let said = person.say("home/my-exchanges", "natsx-sync status");
    assert!(said.contains("ready"), "{said}");

    // As the README goes on: edit a file, commit, and the cluster follows.
    person.say(
        "home/my-exchanges",
        "sed -i 's/team: me/team: us/' exchanges/first.yaml && git commit --quiet -am 'Another team'\n\
         natsx-sync wait --commit \"$(git rev-parse HEAD)\" --for ready",
    );
    let said = person.say("home/my-exchanges", "natsx-sync registry ls --format json");
    assert!(said.contains("\"team\": \"us\""), "{said}");
}

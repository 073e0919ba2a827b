//! Exchange files, and a repository of many.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use uuid::Uuid;

/// What all of them build on.
pub(super) const PROFILE: &str =
    "container.image.pullPolicy: IfNotPresent\nconfig.merge.max_connections: 10000\n";

/// Different values there are: with equal ones, exchanges have equal digests.
pub(super) const KINDS: usize = 10;

/// How much there is.
#[derive(Debug, Clone)]
pub(super) struct Size {
    pub(super) exchanges: usize,
    pub(super) clusters: usize,
    /// Helm keeps so many of each release.
    pub(super) revisions: usize,
    /// What its namespaces begin with.
    pub(super) prefix: String,
    /// Without servers: their StatefulSets are scaled to nothing.
    pub(super) serverless: bool,
}

impl Size {
    pub(super) fn all(&self) -> impl Iterator<Item = Exchange> + Clone + use<> {
        let size = self.clone();
        (0..self.exchanges).map(move |number| size.exchange(number))
    }

    pub(super) fn exchange(&self, number: usize) -> Exchange {
        let size = self.clone();
        Exchange { number, size }
    }

    /// Of a cluster.
    pub(super) fn namespace(&self, cluster: usize) -> String {
        format!("{}-{cluster:03}", self.prefix)
    }
}

/// One exchange.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) number: usize,
    size: Size,
}

impl Exchange {
    pub(super) fn release(&self) -> String {
        format!("nats-{:05}", self.number)
    }

    /// Number of its cluster.
    pub(super) fn cluster(&self) -> usize {
        self.number % self.size.clusters
    }

    pub(super) fn cluster_id(&self) -> String {
        cluster_id(self.cluster())
    }

    pub(super) fn namespace(&self) -> String {
        self.size.namespace(self.cluster())
    }

    pub(super) fn organisation(&self) -> String {
        format!("org{:03}", self.number % 7)
    }

    pub(super) fn name(&self) -> String {
        format!("Exchange {}", self.number)
    }

    pub(super) fn team(&self) -> String {
        format!("team-{:03}", self.number / 100)
    }

    pub(super) fn file(&self) -> String {
        format!("exchanges/{}/{}.yaml", self.team(), self.release())
    }

    /// As natsx-sync prints it.
    pub(super) fn id(&self) -> String {
        format!(
            "{}/{}/{}",
            self.cluster_id(),
            self.namespace(),
            self.release()
        )
    }

    /// The key of its record, as natsx-sync derives it from the identity.
    pub(super) fn system_id(&self) -> String {
        let space = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"natsx-sync");
        Uuid::new_v5(&space, self.id().as_bytes()).to_string()
    }

    /// The file's text; what changes has other `replicas`, or more `memory` in GiB.
    pub(super) fn text(&self, replicas: u8, memory: u8) -> String {
        let mut text = format!("name: {}\nrelease_name: {}\n", self.name(), self.release());
        write!(
            text,
            "cluster_id: {}\nnamespace: {}\norg_ids: [{}]\nprofiles: [production]\n",
            self.cluster_id(),
            self.namespace(),
            self.organisation(),
        )
        .ok();
        let more = if self.size.serverless {
            "  natsBox.enabled: false\n  statefulSet.merge.spec.replicas: 0\n"
        } else {
            ""
        };
        write!(
            text,
            "helm_values:\n  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: {}Gi\n  config:\n    \
             cluster: {{enabled: true, replicas: {replicas}}}\n    monitor: {{enabled: true}}\n  \
             container.resources.limits.memory: {memory}Gi\n{more}metadata: {{team: {}, region: us-east}}\n",
            1 + self.number % KINDS,
            self.team(),
        )
        .ok();
        text
    }
}

/// Of the inventory.
pub(super) fn cluster_id(cluster: usize) -> String {
    format!("cluster-{cluster:03}")
}

/// A repository whose history has a commit per exchange.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) path: PathBuf,
    /// The commit that added each exchange.
    pub(super) commits: Vec<String>,
}

impl Repository {
    /// `main` with all of them, and a branch `topic`, checked out, that changes the first `changed`.
    pub(super) fn make(
        path: &Path,
        exchanges: impl Iterator<Item = Exchange> + Clone,
        changed: usize,
    ) -> Result<Self> {
        git(path, &["init", "-q", "-b", "main"])?;
        let marks = path.join(".git/marks");
        let mut import = Command::new("git")
            .current_dir(path)
            .args(["fast-import", "--quiet"])
            .arg(format!("--export-marks={}", marks.display()))
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start git")?;
        let mut stream = BufWriter::new(import.stdin.take().context("no pipe to git")?);
        for exchange in exchanges.clone() {
            let mark = exchange.number + 1;
            begin(&mut stream, "main", mark)?;
            if exchange.number == 0 {
                file(&mut stream, "profiles/production.yaml", PROFILE)?;
            }
            file(&mut stream, &exchange.file(), &exchange.text(3, 2))?;
        }
        writeln!(stream, "reset refs/heads/topic\nfrom refs/heads/main\n")?;
        if changed > 0 {
            let mark = exchanges.clone().count() + 1;
            begin(&mut stream, "topic", mark)?;
            for exchange in exchanges.take(changed) {
                file(&mut stream, &exchange.file(), &exchange.text(5, 2))?;
            }
        }
        drop(
            stream
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?,
        );
        let status = import.wait()?;
        ensure!(status.success(), "git fast-import failed");
        git(path, &["checkout", "-q", "topic"])?;
        Ok(Self {
            path: path.to_owned(),
            commits: commits(&marks)?,
        })
    }
}

fn begin(stream: &mut impl std::io::Write, branch: &str, mark: usize) -> Result<()> {
    // A minute apart: history is walked by date.
    let time = 1_700_000_000 + mark * 60;
    Ok(write!(
        stream,
        "commit refs/heads/{branch}\nmark :{mark}\ncommitter bench <bench@example.org> {time} +0000\ndata 6\nchange\n"
    )?)
}

fn file(stream: &mut impl std::io::Write, path: &str, text: &str) -> Result<()> {
    Ok(write!(
        stream,
        "M 100644 inline {path}\ndata {}\n{text}\n",
        text.len()
    )?)
}

/// In the order of their marks.
fn commits(marks: &Path) -> Result<Vec<String>> {
    let text = std::io::read_to_string(File::open(marks)?)?;
    let mut commits: Vec<(usize, String)> = text
        .lines()
        .filter_map(|line| {
            let (mark, commit) = line.strip_prefix(':')?.split_once(' ')?;
            Some((mark.parse().ok()?, commit.to_owned()))
        })
        .collect();
    commits.sort();
    Ok(commits.into_iter().map(|(_, commit)| commit).collect())
}

fn git(path: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("git")
        .current_dir(path)
        .args(arguments)
        .status()?;
    ensure!(status.success(), "git {} failed", arguments.join(" "));
    Ok(())
}

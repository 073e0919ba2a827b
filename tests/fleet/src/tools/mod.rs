//! The programs a fleet is made of, installed once, pinned by committed `go.sum` files and by Debian's own signatures.

mod debian;
mod go;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::Cache;
use crate::progress;

/// Installed programs, by absolute path.
#[derive(Debug, Clone)]
pub struct Tools {
    /// helm 3.
    pub helm3: PathBuf,
    /// helm 4.
    pub helm4: PathBuf,
    /// kubectl of the clusters' version.
    pub kubectl: PathBuf,
    /// nats-server of the chart's default version.
    pub nats_server_old: PathBuf,
    /// A newer one.
    pub nats_server_new: PathBuf,
    /// etcd.
    pub etcd: PathBuf,
    /// coredns.
    pub coredns: PathBuf,
    /// kube-apiserver.
    pub api_server: PathBuf,
    /// kube-controller-manager.
    pub controller_manager: PathBuf,
    /// kube-scheduler.
    pub scheduler: PathBuf,
    /// kubelet.
    pub kubelet: PathBuf,
    /// A registry of images, and of charts.
    pub oci_registry: PathBuf,
}

/// The server version the chart installs by default.
pub const NATS_OLD: &str = "2.14.2";
/// A newer one, for upgrades.
pub const NATS_NEW: &str = "2.15.2";

impl Tools {
    /// Installs what is missing. With everything there it starts nothing and needs no network.
    pub fn install(cache: &Cache) -> Result<Self> {
        let _lock = cache.lock("install")?;
        let folder = cache.tools();
        let missing: Vec<_> = go::BUILDS
            .iter()
            .filter(|build| !build.is_installed(cache))
            .collect();
        let packages = debian::missing();
        let to_take: Vec<_> = debian::TAKEN
            .iter()
            .filter(|(program, _)| is_root() && !folder.join(program).exists())
            .collect();
        let total = missing.len() + usize::from(!packages.is_empty()) + to_take.len();
        let mut number = 0;
        if !packages.is_empty() {
            number += 1;
            let step = progress::step(format!(
                "[{number}/{total}] Debian packages {}",
                packages.join(" ")
            ));
            debian::install(&packages)?;
            step.done();
        }
        for (program, package) in to_take {
            number += 1;
            let step = progress::step(format!(
                "[{number}/{total}] {program} out of Debian package {package}"
            ));
            debian::take_out(program, package, cache)?;
            step.done();
        }
        for build in missing {
            number += 1;
            let step = progress::step(format!(
                "[{number}/{total}] {} {}, usually {}",
                build.file, build.version, build.takes
            ));
            go::build_program(build, cache)?;
            step.done();
        }
        Ok(Self::at(&folder))
    }

    fn at(folder: &Path) -> Self {
        Self {
            helm3: folder.join("helm3"),
            helm4: folder.join("helm4"),
            kubectl: folder.join("kubectl"),
            nats_server_old: folder.join("nats-server-old"),
            nats_server_new: folder.join("nats-server-new"),
            etcd: folder.join("etcd"),
            coredns: folder.join("coredns"),
            api_server: folder.join("kube-apiserver"),
            controller_manager: folder.join("kube-controller-manager"),
            scheduler: folder.join("kube-scheduler"),
            kubelet: folder.join("kubelet"),
            oci_registry: folder.join("oci-registry"),
        }
    }
}

/// Whether whole clusters can be started, or control planes only.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

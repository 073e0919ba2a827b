//! What nodes and tests need of the host, by Debian's package names. Only root can install it, and only root can start nodes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::process::run;
use crate::tools::is_root;

/// A file that tells whether the package is there, and the package.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/bin/busybox", "busybox-static"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/bin/socat", "socat"),
    ("/usr/sbin/ethtool", "ethtool"),
    ("/sbin/ip", "iproute2"),
    ("/usr/sbin/sshd", "openssh-server"),
    ("/usr/bin/git", "git"),
    ("/usr/bin/curl", "curl"),
    ("/usr/bin/jq", "jq"),
    ("/usr/bin/shellcheck", "shellcheck"),
    ("/usr/bin/strace", "strace"),
];

/// Packages that are not there; none without root, which could not install them.
pub(super) fn missing() -> Vec<&'static str> {
    if !is_root() {
        return Vec::new();
    }
    PACKAGES
        .iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|(_, package)| *package)
        .collect()
}

/// Installs them without starting a service of theirs: nothing may run that the fleet did not start.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists();
    if ours {
        std::fs::write(policy, "#!/bin/sh\nexit 101\n")?;
        run(Command::new("chmod").arg("0755").arg(policy))?;
    }
    let fetch = || {
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages))
    };
    // A fresh machine may have no package lists yet.
    let result = fetch().or_else(|_| {
        run(Command::new("apt-get").arg("update"))?;
        fetch()
    });
    if ours {
        std::fs::remove_file(policy).ok();
    }
    result
        .map(|_| ())
        .with_context(|| format!("cannot install Debian packages {}", packages.join(" ")))
}

/// A program that is taken out of its package: the package as a whole would be a service from the next boot on.
pub(super) const TAKEN: &[(&str, &str)] = &[("promtool", "prometheus")];

/// Puts a program of a package into the cache; nothing else of the package is installed.
pub(super) fn take_out(program: &str, package: &str, cache: &Cache) -> Result<()> {
    let folder = tempfile::tempdir_in(cache.tools())?;
    let download = || {
        run(Command::new("apt-get")
            .current_dir(folder.path())
            .args(["download", package]))
    };
    download()
        .or_else(|_| {
            run(Command::new("apt-get").arg("update"))?;
            download()
        })
        .with_context(|| format!("cannot fetch the Debian package {package}"))?;
    let archive = std::fs::read_dir(folder.path())?
        .next()
        .with_context(|| format!("apt-get fetched no {package}"))??;
    let content = folder.path().join("content");
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(archive.path())
        .arg(&content))?;
    let taken = content.join("usr/bin").join(program);
    std::fs::rename(taken, cache.tools().join(program))
        .with_context(|| format!("the Debian package {package} has no {program}"))
}

//! Helms of ours that outlived the process that started them. Each is known by its own command line, which names a
//! kubeconfig only we generate: unlike a process id in a file it is true from the first moment, and cannot be another's.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, getpgid, kill_process_group};
use rustix::time::{ClockId, clock_gettime};

use crate::command;
use crate::id::{Namespace, ReleaseName};

/// A helm without its natsx-sync.
#[derive(Debug)]
pub(super) struct Orphan {
    /// Its id.
    pub(super) pid: u32,
    /// How long it has been running.
    pub(super) age: Duration,
}

impl Orphan {
    /// Tells it to end; it marks its release `failed` then.
    pub(super) fn end(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // A script in helm's place leads the group of the helm it started. It may have ended by itself.
        if let Ok(group) = getpgid(pid) {
            kill_process_group(group, Signal::TERM).ok();
        }
    }
}

/// Those that work on this release. Their program says nothing: it may be a script in helm's place, or what it became.
pub(super) fn find(runtime: &Path, namespace: &Namespace, release: &ReleaseName) -> Vec<Orphan> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let owner = geteuid().as_raw();
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        // Somebody else's process could say anything of itself.
        std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|data| data.uid() == owner)
            && std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| works_on(&line, runtime, namespace, release))
    })
    .map(|pid| Orphan {
        pid,
        // One that cannot be read has just ended, or is taken for young: it is waited for, never passed over.
        age: command::started(pid)
            .map_or(Duration::ZERO, |started| uptime().saturating_sub(started)),
    })
    .collect()
}

fn works_on(line: &[u8], runtime: &Path, namespace: &Namespace, release: &ReleaseName) -> bool {
    let kubeconfig = format!("--kubeconfig={}/", runtime.display());
    let namespace = format!("--namespace={namespace}");
    let mut tokens = line.split(|byte| *byte == 0);
    let options: Vec<&[u8]> = tokens
        .by_ref()
        .take_while(|token| *token != b"--")
        .collect();
    options
        .iter()
        .any(|token| token.starts_with(kubeconfig.as_bytes()))
        && options.contains(&namespace.as_bytes())
        && tokens.next() == Some(release.as_str().as_bytes())
}

/// Since boot. Not from `/proc/uptime`, which a hardened unit does not see.
fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_process_is_known() {
        let started = command::started(std::process::id()).unwrap();
        assert!(uptime().checked_sub(started).unwrap() < Duration::from_secs(3600));
    }

    #[test]
    fn only_our_helm_on_this_release() {
        let line = |text: &str| text.replace(' ', "\0").into_bytes();
        let fits = |text: &str| {
            let (namespace, release) = ("ns".parse().unwrap(), "a".parse().unwrap());
            works_on(&line(text), Path::new("/run/x"), &namespace, &release)
        };
        assert!(fits(
            "helm upgrade --namespace=ns --kubeconfig=/run/x/kubeconfig-1 -- a chart"
        ));
        assert!(!fits(
            "helm upgrade --namespace=ns --kubeconfig=/run/x/kubeconfig-1 -- b a"
        ));
        assert!(!fits("helm upgrade --namespace=ns -- a chart"));
        assert!(!fits(
            "helm upgrade --namespace=other --kubeconfig=/run/x/k -- a chart"
        ));
    }
}

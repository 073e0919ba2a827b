//! Helms of ours that outlived the process that started them. Each is known by its own command line, which names a
//! kubeconfig only we generate: unlike a process id in a file it is true from the first moment, and cannot be another's.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Whether there can be any: whoever works for us from now on was started later, so that once the others are over there are
/// none.
#[derive(Debug)]
pub struct Orphans {
    /// Since boot.
    since: Duration,
    are_over: AtomicBool,
}

impl Orphans {
    /// From now on nobody else works from our state folder: its lock is ours.
    pub fn since_now() -> Self {
        Self {
            since: uptime(),
            are_over: AtomicBool::new(false),
        }
    }

    /// Those that work on this release. Their program says nothing: it may be a script in helm's place, or what it became.
    pub(super) fn of(
        &self,
        runtime: &Path,
        namespace: &Namespace,
        release: &ReleaseName,
    ) -> Vec<Orphan> {
        if self.are_over.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let owner = geteuid().as_raw();
        let pids = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let (mut found, mut any) = (Vec::new(), false);
        for pid in pids {
            let line = match line_of(pid, owner) {
                Ok(line) => line,
                Err(error) => {
                    any |= !has_ended(&error);
                    continue;
                }
            };
            let Some(work) = Work::of(&line, runtime) else {
                continue;
            };
            let started = command::started(pid);
            // One that cannot be read has just ended, or is taken for young: it is waited for, never passed over.
            any |= started.is_none_or(|started| started <= self.since);
            if work.is_on(namespace, release) {
                let age = started.map_or(Duration::ZERO, |at| uptime().saturating_sub(at));
                found.push(Orphan { pid, age });
            }
        }
        self.are_over
            .store(!any && found.is_empty(), Ordering::Relaxed);
        found
    }
}

/// The command line of a process; an empty one where it is somebody else's, which could say anything of itself.
fn line_of(pid: u32, owner: u32) -> io::Result<Vec<u8>> {
    if std::fs::metadata(format!("/proc/{pid}"))?.uid() != owner {
        return Ok(Vec::new());
    }
    std::fs::read(format!("/proc/{pid}/cmdline"))
}

fn has_ended(error: &io::Error) -> bool {
    let no_process = Some(rustix::io::Errno::SRCH.raw_os_error());
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == no_process
}

/// What a helm of ours was told.
struct Work<'a> {
    options: Vec<&'a [u8]>,
    release: Option<&'a [u8]>,
}

impl<'a> Work<'a> {
    /// None where the kubeconfig is not one of ours.
    fn of(line: &'a [u8], runtime: &Path) -> Option<Self> {
        let kubeconfig = format!("--kubeconfig={}/", runtime.display());
        let mut tokens = line.split(|byte| *byte == 0);
        let options: Vec<&[u8]> = tokens
            .by_ref()
            .take_while(|token| *token != b"--")
            .collect();
        let ours = |token: &&[u8]| token.starts_with(kubeconfig.as_bytes());
        let is_ours = options.iter().any(ours);
        is_ours.then(|| Self {
            options,
            release: tokens.next(),
        })
    }

    fn is_on(&self, namespace: &Namespace, release: &ReleaseName) -> bool {
        let namespace = format!("--namespace={namespace}");
        self.options.contains(&namespace.as_bytes())
            && self.release == Some(release.as_str().as_bytes())
    }
}

/// Since boot. Not from `/proc/uptime`, which a hardened unit does not see.
fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn the_age_of_a_process_is_known() {
        let started = command::started(std::process::id()).unwrap();
        assert!(uptime().checked_sub(started).unwrap() < Duration::from_secs(3600));
    }

    /// A helm with its natsx-sync is no orphan: what is begun after the last of them ended is not looked for.
    #[test]
    fn once_there_are_none_nobody_looks_again() {
        let folder = tempfile::tempdir().unwrap();
        let helm = || {
            let kubeconfig = format!("--kubeconfig={}/k", folder.path().display());
            let mut helm = std::process::Command::new("/bin/sh")
                .args(["-c", "echo; read line", "helm", "upgrade"])
                .args(["--namespace=ns", &kubeconfig, "--", "a", "chart"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // It is begun before it can be known by its command line.
            let mut said = [0];
            helm.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
            helm
        };
        let (namespace, release) = ("ns".parse().unwrap(), "a".parse().unwrap());
        let orphans = Orphans::since_now();
        let count = || orphans.of(folder.path(), &namespace, &release).len();
        let mut first = helm();
        assert_eq!(count(), 1);
        first.kill().unwrap();
        first.wait().unwrap();
        assert_eq!(count(), 0);
        let mut ours = helm();
        assert_eq!(count(), 0);
        ours.kill().unwrap();
        ours.wait().unwrap();
    }

    #[test]
    fn only_our_helm_on_this_release() {
        let line = |text: &str| text.replace(' ', "\0").into_bytes();
        let fits = |text: &str| {
            let (namespace, release) = ("ns".parse().unwrap(), "a".parse().unwrap());
            let line = line(text);
            let work = Work::of(&line, Path::new("/run/x"));
            work.is_some_and(|work| work.is_on(&namespace, &release))
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

//! Command lines of helm. `--flag=value` is one token and `--` stands before the positionals, so that no text from
//! a file can take an option's place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::{HelmVersion, Target};

/// How many revisions of a release are kept.
const HISTORY: u32 = 5;

/// What helm is told to do.
#[derive(Debug, Clone, Copy)]
pub enum Verb<'a> {
    /// `helm install`.
    Install {
        /// Absolute path of the archive.
        chart: &'a Path,
        /// Our labels.
        labels: &'a Labels,
        /// Over an uninstalled release whose history was kept.
        replace: bool,
    },
    /// `helm upgrade`.
    Upgrade {
        /// Absolute path of the archive.
        chart: &'a Path,
        /// Our labels.
        labels: &'a Labels,
    },
    /// `helm uninstall`.
    Uninstall,
    /// `helm rollback`.
    Rollback {
        /// Back to.
        revision: u32,
    },
    /// `helm template`.
    Template {
        /// Absolute path of the archive.
        chart: &'a Path,
    },
}

impl Verb<'_> {
    /// helm's word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Install { .. } => "install",
            Self::Upgrade { .. } => "upgrade",
            Self::Uninstall => "uninstall",
            Self::Rollback { .. } => "rollback",
            Self::Template { .. } => "template",
        }
    }
}

/// Labels of a release Secret. helm splits the flag at commas and `=`, so only plain label values are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Labels {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(labels: T) -> Self {
        let plain = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        Self(
            labels
                .into_iter()
                .filter(|(key, value)| {
                    plain(key, b"/._-") && plain(value, b"._-") && value.len() <= 63
                })
                .collect(),
        )
    }
}

impl Labels {
    fn flag(&self) -> Option<OsString> {
        let pairs: Vec<String> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        (!pairs.is_empty()).then(|| format!("--labels={}", pairs.join(",")).into())
    }
}

/// `helm version`, in a form both majors have.
pub(super) fn version() -> Vec<OsString> {
    vec!["version".into(), "--template={{.Version}}".into()]
}

/// The arguments of `verb`.
pub(super) fn arguments(
    verb: &Verb<'_>,
    target: &Target<'_>,
    version: &HelmVersion,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![verb.word().into()];
    args.extend(options(verb));
    args.push(timeout(target.timeout));
    if applies(verb) && version.applies_server_side() {
        // Both, or helm 4 cannot take a field back that another manager changed.
        args.push("--server-side=true".into());
        args.push("--force-conflicts".into());
    }
    args.push(format!("--namespace={}", target.namespace).into());
    if let Some(path) = target.kubeconfig {
        args.push(joined("--kubeconfig=", path));
    }
    if reads_values(verb) {
        args.push("--values=-".into());
    }
    args.push("--".into());
    args.push(target.release.as_ref().into());
    args.extend(positional(verb));
    args
}

fn options(verb: &Verb<'_>) -> Vec<OsString> {
    let mut args = Vec::new();
    let unchecked = || OsString::from("--disable-openapi-validation");
    match verb {
        Verb::Install {
            labels, replace, ..
        } => {
            args.push(unchecked());
            args.extend(labels.flag());
            args.extend(replace.then(|| "--replace".into()));
        }
        Verb::Upgrade { labels, .. } => {
            args.push("--reset-values".into());
            args.push(format!("--history-max={HISTORY}").into());
            args.push(unchecked());
            args.extend(labels.flag());
        }
        Verb::Uninstall => {}
        Verb::Rollback { .. } => args.push(format!("--history-max={HISTORY}").into()),
        Verb::Template { .. } => args.push(unchecked()),
    }
    args
}

fn applies(verb: &Verb<'_>) -> bool {
    matches!(
        verb,
        Verb::Install { .. } | Verb::Upgrade { .. } | Verb::Rollback { .. }
    )
}

fn reads_values(verb: &Verb<'_>) -> bool {
    matches!(
        verb,
        Verb::Install { .. } | Verb::Upgrade { .. } | Verb::Template { .. }
    )
}

fn positional(verb: &Verb<'_>) -> Option<OsString> {
    match verb {
        Verb::Install { chart, .. } | Verb::Upgrade { chart, .. } | Verb::Template { chart } => {
            Some(chart.as_os_str().to_owned())
        }
        Verb::Rollback { revision } => Some(revision.to_string().into()),
        Verb::Uninstall => None,
    }
}

fn timeout(limit: Duration) -> OsString {
    format!("--timeout={}s", limit.as_secs().max(1)).into()
}

fn joined(flag: &str, path: &Path) -> OsString {
    let mut text = OsString::from(flag);
    text.push(path);
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::helm::Folders;

    fn line(verb: Verb<'_>, version: &str) -> String {
        let folders = Folders::new("/state/cache/east".into());
        let target = Target {
            namespace: &"communication".parse().unwrap(),
            release: &"nats-a".parse().unwrap(),
            kubeconfig: (!matches!(verb, Verb::Template { .. }))
                .then_some(Path::new("/run/natsx/kube")),
            folders: &folders,
            timeout: Duration::from_secs(300),
        };
        let version = HelmVersion::parse(version).unwrap();
        arguments(&verb, &target, &version)
            .into_iter()
            .map(|token| token.into_string().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn goldens_per_verb_and_version() {
        let chart = Path::new("/state/charts/sha256-00.tgz");
        let labels: Labels = [
            ("natsx-sync/instance", "default"),
            ("natsx-sync/revision", "1"),
            ("natsx-sync/commit", "a,b=c"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        let mut text = String::new();
        for version in ["v3.20.2", "v4.3.1"] {
            for verb in [
                Verb::Install {
                    chart,
                    labels: &labels,
                    replace: false,
                },
                Verb::Install {
                    chart,
                    labels: &labels,
                    replace: true,
                },
                Verb::Upgrade {
                    chart,
                    labels: &labels,
                },
                Verb::Uninstall,
                Verb::Rollback { revision: 3 },
                Verb::Template { chart },
            ] {
                writeln!(text, "{version} {}", line(verb, version)).unwrap();
            }
        }
        insta::assert_snapshot!(text);
    }
}

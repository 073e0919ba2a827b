//! What a daemon has its settings from, for the commands beside it: who asks about the daemon's exchanges means the
//! daemon's repository and clusters, and is not to repeat how it was started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Loaded, Origin, Overrides};
use crate::mask::{masked, masked_address};
use crate::source::Location;

/// What others need to find the repository, the clusters, the registry, the chart and helm, and to read files as the daemon
/// does. No other variable is told: the address of a webhook or of a collector is a secret as often as not. The address of
/// the repository is told by itself.
const TOLD: &[&str] = &[
    "source.branch",
    "source.path",
    "source.username",
    "source.password_file",
    "source.ssh_key_file",
    "source.known_hosts_file",
    "source.ca_file",
    "source.git",
    "instance",
    "registry",
    "chart.repository",
    "chart.name",
    "chart.version",
    "chart.digest",
    "chart.username",
    "chart.password_file",
    "chart.ca_file",
    "policy.allow_values",
    "policy.severity",
    "helm.path",
    "nats_server.path",
    // Where it is not told, an address of the webhook in the file is taken for a mistake.
    "webhook.secret_file",
];

/// Everybody on its host may read it, so nothing that logs in anywhere is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The file that was read.
    pub config: Option<PathBuf>,
    /// The repository; none where its address may log in.
    pub source: Option<String>,
    /// `--kubeconfig [ID=]FILE`.
    pub kubeconfigs: Vec<(Option<String>, PathBuf)>,
    /// Of its environment, as far as it set something that others need.
    pub variables: BTreeMap<String, String>,
}

impl Told {
    /// Of settings that were loaded with these overrides. `found` is where the repository is that nobody named.
    pub fn of(
        loaded: &Loaded,
        overrides: &Overrides,
        found: String,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let kubeconfigs = overrides.kubeconfigs.iter();
        let variables = TOLD.iter().filter_map(|key| {
            let Some(Origin::Environment(name)) = loaded.origins.get(*key) else {
                return None;
            };
            let value = environment(name).filter(|value| is_open(value))?;
            Some((name.clone(), value))
        });
        let source = match loaded.settings.source.url.as_deref() {
            None => Some(found),
            Some(url) if Location::is_elsewhere(url) => is_open(url).then(|| url.to_owned()),
            Some(path) => Some(whole(&path.into()).display().to_string()),
        };
        Self {
            config: loaded.file.as_ref().map(whole),
            source,
            kubeconfigs: kubeconfigs
                .map(|(id, path)| (id.clone(), whole(path)))
                .collect(),
            variables: variables.collect(),
        }
    }

    /// The same for another command, of the same state folder.
    pub fn overrides(&self, state: PathBuf) -> Overrides {
        Overrides {
            config: self.config.clone(),
            source: self.source.clone(),
            kubeconfigs: self.kubeconfigs.clone(),
            state: Some(state),
            only_named: false,
        }
    }
}

/// Whether nothing in it logs in. What an address asks for may.
fn is_open(text: &str) -> bool {
    if text.contains("://") {
        return masked_address(text) == text && !text.contains(['?', '#']);
    }
    masked(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;
    use crate::config::{Settings, load};

    fn loaded(url: &str) -> Loaded {
        let mut settings = Settings::default();
        settings.source.url = Some(url.to_owned());
        let variable = |key: &str, name: &str| (key.to_owned(), Origin::Environment(name.into()));
        Loaded {
            settings,
            origins: [variable("source.url", "URL"), variable("helm.path", "HELM")].into(),
            file: Some("config.yaml".into()),
        }
    }

    #[test]
    fn what_others_read_is_found_from_anywhere_and_logs_in_nowhere() {
        let secret = "https://bot:t0ken@git.example.org/x.git";
        let environment = |name: &str| match name {
            "URL" => Some(secret.to_owned()),
            name => Some(format!("/{name}")),
        };
        let overrides = Overrides {
            kubeconfigs: vec![(None, "kube".into())],
            ..Overrides::default()
        };
        let told = Told::of(&loaded(secret), &overrides, "shown".into(), &environment);
        assert_eq!(told.source, None);
        assert_eq!(told.variables.keys().collect::<Vec<_>>(), ["HELM"]);
        let other = Told::of(&loaded("x"), &overrides, String::new(), &environment);
        let others = other.overrides("/state".into());
        assert!(others.source.unwrap().starts_with('/'));
        assert!(others.config.unwrap().is_absolute());
        assert!(others.kubeconfigs[0].1.is_absolute());
    }

    /// Addresses are keys to what is behind them, and no shape tells which.
    #[test]
    fn of_variables_only_those_are_told_that_others_need() {
        let digest = format!("sha256:{}", "3f".repeat(32));
        let values = [
            ("NATSX_SYNC_SOURCE_PATH", "exchanges"),
            ("NATSX_SYNC_REGISTRY", "https://registry.example.org/v1"),
            (
                "NATSX_SYNC_CHART_REPOSITORY",
                "https://example.org/c?key=abc",
            ),
            ("NATSX_SYNC_CHART_DIGEST", &digest),
            ("NATSX_SYNC_HELM_PATH", "/opt/helm"),
            (
                "NATSX_SYNC_EVENTS_WEBHOOK",
                "https://chat.example.org/hooks/abc",
            ),
            ("NATSX_SYNC_EVENTS_COMMIT_STATUS", "/run/token"),
            ("NATSX_SYNC_LOG_LEVEL", "debug"),
        ];
        let environment = |name: &str| {
            let found = values.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let loaded = load(&Overrides::default(), &environment).unwrap();
        let told = Told::of(&loaded, &Overrides::default(), String::new(), &environment);
        let names: Vec<_> = told.variables.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "NATSX_SYNC_CHART_DIGEST",
                "NATSX_SYNC_HELM_PATH",
                "NATSX_SYNC_REGISTRY",
                "NATSX_SYNC_SOURCE_PATH"
            ]
        );
        for key in TOLD {
            assert!(KEYS.iter().any(|one| one.path == *key), "{key}");
        }
    }
}

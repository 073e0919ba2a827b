//! What a daemon has its settings from, for the commands beside it: who asks about the daemon's exchanges means the
//! daemon's repository and clusters, and is not to repeat how it was started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Loaded, Origin, Overrides};
use crate::mask::masked_address;
use crate::source::Location;

/// Everybody on its host may read it, so nothing that logs in anywhere is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The file that was read.
    pub config: Option<PathBuf>,
    /// The repository; none where its address has a password.
    pub source: Option<String>,
    /// `--kubeconfig [ID=]FILE`.
    pub kubeconfigs: Vec<(Option<String>, PathBuf)>,
    /// Of its environment, as far as it set something.
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
        let names = loaded.origins.values().filter_map(|origin| match origin {
            Origin::Environment(name) => Some(name),
            Origin::Default | Origin::File(_) | Origin::Flag(_) => None,
        });
        let variables = names.filter_map(|name| {
            let value = environment(name).filter(|value| is_open(value))?;
            Some((name.clone(), value))
        });
        let source = match loaded.settings.source.url.as_deref() {
            None => Some(found),
            Some(url) if is_elsewhere(url) => is_open(url).then(|| url.to_owned()),
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

/// Whether the repository is read from a mirror in the state folder.
pub fn is_elsewhere(source: &str) -> bool {
    matches!(Location::parse(source), Ok(Location::Url(_)))
}

/// Whether nothing in it logs in.
fn is_open(address: &str) -> bool {
    masked_address(address) == address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

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
}

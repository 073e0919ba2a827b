//! Lays defaults, file, environment and flags over each other and remembers which one set each key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::config::check::check;
use crate::config::keys::{KEYS, Key};
use crate::config::read::read_file;
use crate::config::{ConfigError, Settings, folders};
use crate::id::ClusterId;

/// Where the settings are when nobody says.
pub const DEFAULT_FILE: &str = "/etc/natsx-sync/config.yaml";

/// Who set a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// The settings file.
    File(PathBuf),
    /// A variable.
    Environment(String),
    /// The command line.
    Flag(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--source`.
    pub source: Option<String>,
    /// `--kubeconfig [ID=]FILE`.
    pub kubeconfigs: Vec<(Option<String>, PathBuf)>,
    /// `--state`.
    pub state: Option<PathBuf>,
    /// Read nothing but what `--config` names (plans of untrusted repositories).
    pub only_named: bool,
}

/// Resolved settings.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Typed.
    pub settings: Settings,
    /// By key path; keys that are absent have their default.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Resolves the settings. `environment` gives the value of a variable.
pub fn load(
    overrides: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, ConfigError> {
    let mut tree = Value::Object(Map::new());
    let mut origins = BTreeMap::new();
    let file = file_to_read(overrides, environment);
    if let Some(path) = &file {
        tree = read_file(path)?;
        mark(&tree, "", &Origin::File(path.clone()), &mut origins);
    }
    if !overrides.only_named {
        for key in KEYS {
            let name = key.variable();
            if let Some(text) = environment(&name).filter(|text| !text.is_empty()) {
                put(&mut tree, key.path, scalar(key, &text));
                origins.insert(key.path.to_owned(), Origin::Environment(name));
            }
        }
    }
    apply_flags(&mut tree, &mut origins, overrides)?;
    let mut settings: Settings = serde_path(tree, &origins)?;
    check(&settings)?;
    if settings.state.is_none() {
        settings.state = folders::state(environment);
    }
    if settings.runtime.is_none() {
        settings.runtime = folders::runtime(environment);
    }
    Ok(Loaded {
        settings,
        origins,
        file,
    })
}

/// Where the state is, whether or not the settings can be used as a whole: `--state`, the variable, `state` of a file that
/// is at least YAML, the usual places.
pub fn state_place(
    overrides: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    let key = KEYS.iter().find(|key| key.path == "state");
    let variable = key.and_then(|key| environment(&key.variable()));
    let in_file = || {
        let text = std::fs::read_to_string(file_to_read(overrides, environment)?).ok()?;
        let tree: Value = serde_yaml::from_str(&text).ok()?;
        tree.get("state")?.as_str().map(PathBuf::from)
    };
    overrides
        .state
        .clone()
        .or_else(|| variable.filter(|text| !text.is_empty()).map(PathBuf::from))
        .or_else(in_file)
        .or_else(|| folders::state(environment))
}

fn file_to_read(
    overrides: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    if let Some(path) = &overrides.config {
        return Some(path.clone());
    }
    if overrides.only_named {
        return None;
    }
    if let Some(path) = environment("NATSX_SYNC_CONFIG").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let path = PathBuf::from(DEFAULT_FILE);
    path.exists().then_some(path)
}

fn apply_flags(
    tree: &mut Value,
    origins: &mut BTreeMap<String, Origin>,
    overrides: &Overrides,
) -> Result<(), ConfigError> {
    if let Some(source) = &overrides.source {
        put(tree, "source.url", Value::String(source.clone()));
        origins.insert("source.url".to_owned(), Origin::Flag("--source"));
    }
    if let Some(state) = &overrides.state {
        put(
            tree,
            "state",
            Value::String(state.to_string_lossy().into_owned()),
        );
        origins.insert("state".to_owned(), Origin::Flag("--state"));
    }
    for (id, file) in &overrides.kubeconfigs {
        let (id, context) = if let Some(id) = id {
            // What was typed is not there for later: a slip would make a cluster that never answers.
            std::fs::metadata(file).map_err(|source| ConfigError::Kubeconfig {
                path: file.clone(),
                source,
            })?;
            (id.clone(), None)
        } else {
            let context = current_context(file)?;
            (context.clone(), Some(context))
        };
        let cluster: ClusterId =
            id.parse()
                .map_err(|error: crate::id::IdError| ConfigError::Value {
                    origin: format!("--kubeconfig {}", file.display()),
                    text: format!("{error}; write --kubeconfig ID={}", file.display()),
                })?;
        let mut entry = Map::new();
        entry.insert(
            "kubeconfig".to_owned(),
            Value::String(file.to_string_lossy().into_owned()),
        );
        if let Some(context) = context {
            entry.insert("context".to_owned(), Value::String(context));
        }
        put_in(tree, &["clusters", cluster.as_str()], Value::Object(entry));
        origins.insert(format!("clusters.{cluster}"), Origin::Flag("--kubeconfig"));
    }
    Ok(())
}

fn current_context(file: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Kubeconfig {
        path: file.to_owned(),
        source,
    })?;
    let value: Value = serde_yaml::from_str(&text).map_err(|_| ConfigError::Value {
        origin: format!("--kubeconfig {}", file.display()),
        text: "it is no kubeconfig (not YAML)".to_owned(),
    })?;
    value
        .get("current-context")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| ConfigError::Value {
            origin: format!("--kubeconfig {}", file.display()),
            text: "the file has no current context; write --kubeconfig ID=FILE".to_owned(),
        })
}

fn scalar(key: &Key, text: &str) -> Value {
    if key.list {
        return Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
        );
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse::<u64>()
            .map_or_else(|_| Value::from(text), Value::from),
    }
}

fn put(tree: &mut Value, path: &str, value: Value) {
    let parts: Vec<&str> = path.split('.').collect();
    put_in(tree, &parts, value);
}

fn put_in(tree: &mut Value, path: &[&str], value: Value) {
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    let Value::Object(map) = tree else { return };
    match path {
        [] => {}
        [last] => {
            map.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => put_in(
            map.entry((*first).to_owned()).or_insert(Value::Null),
            rest,
            value,
        ),
    }
}

fn mark(tree: &Value, path: &str, origin: &Origin, origins: &mut BTreeMap<String, Origin>) {
    match tree {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                if path.starts_with("clusters.")
                    || [
                        "registry",
                        "policy.severity",
                        "events.nats",
                        "events.webhook",
                        "events.commit_status",
                    ]
                    .contains(&path.as_str())
                {
                    origins.insert(path, origin.clone());
                } else {
                    mark(value, &path, origin, origins);
                }
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            origins.insert(path.to_owned(), origin.clone());
        }
    }
}

fn serde_path(tree: Value, origins: &BTreeMap<String, Origin>) -> Result<Settings, ConfigError> {
    let whole = tree.clone();
    serde_json::from_value(tree).map_err(|error| {
        // The file alone was read before, so a variable or flag is at fault: find the first that does not fit by itself.
        let culprit = origins.iter().find(|(path, origin)| {
            !matches!(origin, Origin::File(_)) && {
                let mut alone = Value::Object(Map::new());
                let parts: Vec<&str> = path.split('.').collect();
                let value = parts.iter().try_fold(&whole, |value, part| value.get(part));
                put_in(&mut alone, &parts, value.cloned().unwrap_or(Value::Null));
                serde_json::from_value::<Settings>(alone).is_err()
            }
        });
        ConfigError::Value {
            origin: culprit
                .map_or_else(|| "a setting".to_owned(), |(_, origin)| origin.to_string()),
            text: error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    /// Why settings are not taken.
    fn refused(text: &str) -> String {
        let file = file(text);
        let overrides = Overrides {
            config: Some(file.path().into()),
            ..Overrides::default()
        };
        load(&overrides, &|_| None).unwrap_err().to_string()
    }

    #[test]
    fn a_chart_repository_that_cannot_be_asked_is_refused() {
        let error = refused("chart: {repository: 'ftp://registry.example.org/charts'}\n");
        assert!(
            error.contains("chart.repository") && error.contains("ftp://"),
            "{error}"
        );
    }

    #[test]
    fn a_login_of_the_chart_repository_is_whole_and_never_in_the_clear() {
        let error = refused("chart: {username: bot}\n");
        assert!(error.contains("chart.password_file"), "{error}");
        let login = "username: bot, password_file: /p";
        let error = refused(&format!(
            "chart: {{repository: 'http://charts.example.org', {login}}}\n"
        ));
        assert!(error.contains("chart.password_file"), "{error}");
        for allowed in ["oci://charts.example.org", "http://127.0.0.1:1"] {
            let file = file(&format!("chart: {{repository: '{allowed}', {login}}}\n"));
            let overrides = Overrides {
                config: Some(file.path().into()),
                ..Overrides::default()
            };
            load(&overrides, &|_| None).unwrap();
        }
    }

    #[test]
    fn a_webhook_without_a_secret_is_refused() {
        let error = refused("listen: {webhook: '0.0.0.0:9465'}\n");
        assert!(
            error.contains("listen.webhook") && error.contains("webhook.secret_file"),
            "{error}"
        );
    }

    #[test]
    fn flags_beat_environment_beats_file() {
        let file = file("source: {url: /file, branch: main}\nhelm: {timeout: 1m}\n");
        let overrides = Overrides {
            config: Some(file.path().into()),
            source: Some("/flag".into()),
            ..Overrides::default()
        };
        let environment = |name: &str| match name {
            "NATSX_SYNC_SOURCE_URL" => Some("/env".to_owned()),
            "NATSX_SYNC_SOURCE_BRANCH" => Some("next".to_owned()),
            _ => None,
        };
        let loaded = load(&overrides, &environment).unwrap();
        assert_eq!(loaded.settings.source.url.as_deref(), Some("/flag"));
        assert_eq!(loaded.settings.source.branch.as_deref(), Some("next"));
        assert_eq!(loaded.settings.helm.timeout.as_secs(), 60);
        assert_eq!(loaded.origins["source.url"], Origin::Flag("--source"));
    }

    #[test]
    fn unknown_keys_name_line_and_key() {
        let error = refused("source:\n  url: /x\n  brunch: main\n");
        assert!(error.contains("brunch"), "{error}");
        assert!(error.contains('3'), "{error}");
    }

    #[test]
    fn a_variable_that_does_not_fit_is_named() {
        let environment =
            |name: &str| (name == "NATSX_SYNC_HELM_TIMEOUT").then(|| "soon".to_owned());
        let error = load(&Overrides::default(), &environment)
            .unwrap_err()
            .to_string();
        assert!(error.contains("$NATSX_SYNC_HELM_TIMEOUT"), "{error}");
        let environment = |name: &str| (name == "NATSX_SYNC_HELM_TIMEOUT").then(|| "10".to_owned());
        let error = load(&Overrides::default(), &environment).unwrap_err();
        assert!(error.to_string().contains("write 10s"), "{error}");
    }

    #[test]
    fn every_key_of_the_table_is_a_setting() {
        let tree = serde_json::to_value(Settings::default()).unwrap();
        for key in KEYS {
            let pointer = format!("/{}", key.path.replace('.', "/"));
            assert!(tree.pointer(&pointer).is_some(), "{}", key.path);
        }
    }

    #[test]
    fn the_example_of_the_manual_is_accepted() {
        let file = file(
            "source: {url: 'https://git.example.org/x.git', branch: main, interval: 1m, username: bot}\nclusters:\n  us-east-cluster:\n    kubeconfig: /etc/natsx-sync/clusters/us-east.yaml\n    labels: {env: prod}\n    namespaces: [communication]\nregistry: {url: 'https://registry.example.org', token_file: /t}\npolicy: {prune: true, max_delete: 30%, max_restarting: 1, halt_after: 3, allow_values: []}\nhelm: {path: helm, concurrency: auto, timeout: 5m}\nhealth: {timeout: 15m, interval: 1m, budget: 5/s}\nevents: {nats: 'nats://127.0.0.1:4222', subject: natsx.v1}\nlisten: {status: '127.0.0.1:9464', registry: '127.0.0.1:8000'}\nstate: /var/lib/natsx-sync\n",
        );
        let overrides = Overrides {
            config: Some(file.path().into()),
            ..Overrides::default()
        };
        load(&overrides, &|_| None).unwrap();
    }
}

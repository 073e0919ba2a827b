//! A fixture: files as they are now, what is released, and what is different from the usual.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use natsx_sync::exchange::desired::{ChartRef, Desired, Suspend};
use natsx_sync::exchange::{Context, LastDeclared, Severities, resolve};
use natsx_sync::id::Digest;
use natsx_sync::observe::observed::Observed;
use natsx_sync::plan::action::Plan;
use natsx_sync::plan::plan_offline;
use natsx_sync::plan::policy::{Begun, Policy};
use natsx_sync::source::checkout::{Checkout, SourceFile, UnreadableFile};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::world::{ClusterTweak, ReleaseTweak, build, inventory};

/// Path to content. A path without `/` is an exchange of that release, and its content the fields that are not the
/// usual ones; a text is a file as it is.
pub(crate) type Files = BTreeMap<String, Value>;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// The promise, in a sentence.
    pub(crate) says: String,
    /// The files as they are now.
    pub(crate) head: Files,
    /// The files before: an offline plan.
    pub(crate) base: Option<Files>,
    /// What is released, registered and proved.
    #[serde(default)]
    pub(crate) released: Files,
    /// What is unusual about those, by release.
    #[serde(default)]
    pub(crate) releases: BTreeMap<String, ReleaseTweak>,
    /// Clusters; `east` and `west` are there and readable unless said otherwise.
    #[serde(default)]
    pub(crate) clusters: BTreeMap<String, ClusterTweak>,
    /// Why the registry was not read.
    pub(crate) registry: Option<String>,
    #[serde(default)]
    pub(crate) policy: PolicyTweak,
    #[serde(default)]
    pub(crate) dirty: bool,
    /// Files that could not be read.
    #[serde(default)]
    pub(crate) unread: Vec<String>,
    /// What broken files last declared: an id, or `unknown`; never anything unless said.
    #[serde(default)]
    pub(crate) last: BTreeMap<String, String>,
    /// Unchanged exchanges are shown too.
    #[serde(default)]
    pub(crate) unchanged: bool,
    #[serde(skip)]
    pub(crate) reversed: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PolicyTweak {
    no_prune: bool,
    allow_delete: Vec<String>,
    max_delete_percent: Option<u32>,
    journalled: Vec<String>,
    removing: Vec<String>,
    suspended: BTreeMap<String, Suspend>,
}

impl Fixture {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    pub(crate) fn plan(&self) -> Plan {
        if let Some(base) = &self.base {
            let base = self.resolve(base, false);
            return plan_offline(&self.resolve(&self.head, true), Some(&base));
        }
        let (desired, observed, policy) = self.world();
        natsx_sync::plan::plan(&desired, &observed, &policy, Self::now())
    }

    /// The arguments of a live plan.
    pub(crate) fn world(&self) -> (Desired, Observed, Policy) {
        let desired = self.resolve(&self.head, true);
        let released = self.resolve(&self.released, false);
        let observed = build(self, &desired, &released);
        let mut policy = self.policy();
        for id in &policy.journalled {
            if let Some(release) = observed.release(id) {
                let begun = Begun {
                    status: release.status,
                    revision: release.revision,
                    ended: None,
                };
                policy.begun.insert(id.clone(), begun);
            }
        }
        let clusters = observed.clusters.keys();
        policy.clocks = clusters.map(|id| (id.clone(), Self::now())).collect();
        (desired, observed, policy)
    }

    fn policy(&self) -> Policy {
        let ids = |ids: &[String]| ids.iter().map(|id| id.parse().unwrap()).collect();
        let mut policy = Policy {
            prune: !self.policy.no_prune,
            allow_delete: ids(&self.policy.allow_delete),
            journalled: ids(&self.policy.journalled),
            removing: ids(&self.policy.removing),
            ..Policy::default()
        };
        policy.suspended = self
            .policy
            .suspended
            .iter()
            .map(|(id, suspend)| (id.parse().unwrap(), suspend.clone()))
            .collect();
        if let Some(percent) = self.policy.max_delete_percent {
            policy.max_delete_percent = percent;
        }
        policy
    }

    fn resolve(&self, files: &Files, is_head: bool) -> Desired {
        let mut files: Vec<SourceFile> = files.iter().map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        if self.reversed {
            files.reverse();
        }
        let unreadable = |path: &String| UnreadableFile {
            path: path.clone(),
            text: "a symbolic link".to_owned(),
        };
        let checkout = Checkout {
            repository: "repository".to_owned(),
            commit: Some("a".repeat(40).parse().unwrap()),
            dirty: is_head && self.dirty,
            has_history: true,
            shallow: false,
            files,
            unreadable: if is_head {
                self.unread.iter().map(unreadable).collect()
            } else {
                Vec::new()
            },
            folder: "exchanges".to_owned(),
            moved: None,
        };
        let context = Context {
            chart: ChartRef {
                name: "nats".to_owned(),
                version: "2.14.2".to_owned(),
            },
            clusters: if is_head && self.base.is_none() {
                inventory(self).map(|(id, _)| id.parse().unwrap()).collect()
            } else {
                BTreeSet::new()
            },
            hosts: ["east", "west"]
                .map(|id| (id.parse().unwrap(), format!("nats.{id}.example.org")))
                .into(),
            allow_values: Vec::new(),
            severities: Severities::default(),
        };
        resolve(&checkout, &context, &|paths| {
            let told = |path: &String| match self.last.get(path).map(String::as_str) {
                None => LastDeclared::Never,
                Some("unknown") => LastDeclared::NotFound,
                Some(id) => LastDeclared::Exchange(id.parse().unwrap()),
            };
            let paths: BTreeSet<&String> = paths.iter().collect();
            paths
                .into_iter()
                .map(|path| (path.clone(), told(path)))
                .collect()
        })
    }
}

fn file((path, content): (&String, &Value)) -> SourceFile {
    let is_exchange = !path.contains(['/', '.']);
    let text = match content {
        Value::String(text) => text.clone(),
        Value::Null if !is_exchange => "{}\n".to_owned(),
        content if is_exchange => {
            let usual = json!({"name": path, "release_name": path, "cluster_id": "east", "org_ids": ["org"]});
            let mut fields: Map<String, Value> = usual.as_object().unwrap().clone();
            fields.extend(content.as_object().cloned().unwrap_or_default());
            serde_yaml::to_string(&fields).unwrap()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            serde_yaml::to_string(content).unwrap()
        }
    };
    SourceFile {
        path: if is_exchange {
            format!("exchanges/{path}.yaml")
        } else {
            path.clone()
        },
        blob: Digest::of(text.as_bytes()).to_string(),
        bytes: text.into_bytes(),
    }
}

//! One exchange file to what it declares. Every field is looked at, so that one run shows all errors
//! and a broken file still tells which exchange it is about.

use serde_json::{Map, Value};

use super::chart_values::{VALUES, find};
use super::desired::{DeletionPolicy, Suspend, SyncMode, Terms};
use super::federation::Peer;
use super::fields::{FIELDS, Fields};
use super::finding::Findings;
use super::{metadata, typed};
use crate::diagnostic::{did_you_mean, nearest};
use crate::drift::{IgnoredPath, PathError};
use crate::id::{ClusterId, ExchangeId, Namespace, ReleaseName, SystemId};
use crate::reason::Reason;
use crate::yaml::{Data, Node, Place};

/// What a file declares, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Declared<'n> {
    /// The identity, even where other fields are wrong.
    pub(super) id: Option<ExchangeId>,
    pub(super) name: String,
    pub(super) org_ids: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) chart_version: Option<String>,
    pub(super) profiles: Vec<(String, Place)>,
    pub(super) depends_on: Vec<(ExchangeId, Place)>,
    pub(super) terms: Terms,
    pub(super) drift_ignore: Vec<IgnoredPath>,
    pub(super) public_url: Option<String>,
    pub(super) system_id: Option<SystemId>,
    pub(super) access: Option<&'n Node>,
    pub(super) federation: Option<&'n Node>,
    pub(super) peers: Vec<Peer>,
    pub(super) values: Option<&'n Node>,
    /// Something of it that values or their chart come from could not be read.
    pub(super) flawed: bool,
}

/// The namespace of files that name none, as in the original deployment API.
const NAMESPACE: &str = "communication";

/// Reads the fields below `root`.
pub(super) fn parse<'n>(root: &'n Node, torn: bool, findings: &mut Findings<'_>) -> Declared<'n> {
    if !matches!(root.data, Data::Map(_)) {
        findings.error(
            Reason::InvalidValue,
            root.place,
            format!(
                "the file is {}; an exchange is a map of fields",
                root.kind()
            ),
            "begin with `name:`, `release_name:`, `cluster_id:` and `org_ids:`",
        );
        return Declared {
            flawed: true,
            ..Declared::default()
        };
    }
    let file = findings.file;
    let mut fields = Fields {
        root,
        findings,
        torn,
    };
    if !is_exchange(&mut fields) {
        // Whatever it is now, what it names is not touched.
        let mut unheard = Findings::of(file);
        fields.findings = &mut unheard;
        return Declared {
            id: identity(&mut fields),
            flawed: true,
            ..Declared::default()
        };
    }
    // A field with a name near one that is known may be meant for one that values come from; others are none of those.
    let mut flawed = refuse_unknown(&mut fields);
    let id = identity(&mut fields);
    let name = fields.required("name", "Global Event Bus");
    let org_ids = org_ids(&mut fields);
    let before = fields.findings.errors();
    let chart_version = chart_version(&mut fields);
    let profiles = fields.texts("profiles");
    flawed |= fields.findings.errors() > before;
    let profiles = profiles
        .into_iter()
        .map(|(name, place)| (name.to_owned(), place))
        .collect();
    let depends_on = depends_on(&mut fields);
    let terms = terms(&mut fields);
    let drift_ignore = drift_ignore(&mut fields, terms.sync_mode);
    let public_url = public_url(&mut fields);
    let system_id = system_id(&mut fields);
    let metadata = metadata::read(&mut fields);
    let before = fields.findings.errors();
    let access = typed::access(&mut fields);
    let (federation, peers) = typed::federation(&mut fields, id.as_ref());
    let values = values(&mut fields);
    flawed |= fields.findings.errors() > before;
    Declared {
        drift_ignore,
        id,
        name: name
            .map(|(name, _)| name.trim().to_owned())
            .unwrap_or_default(),
        org_ids,
        metadata,
        chart_version,
        profiles,
        depends_on,
        terms,
        public_url,
        system_id,
        access,
        federation,
        peers,
        values,
        flawed,
    }
}

/// The key of an existing record may be any; a release carries this one as a label.
fn system_id(fields: &mut Fields<'_, '_, '_>) -> Option<SystemId> {
    let found = fields.text("system_id");
    let id: SystemId = fields.name("system_id", found)?;
    if id.fits_label() {
        return Some(id);
    }
    fields.findings.error(
        Reason::InvalidValue,
        found?.1,
        format!("the release cannot be marked with the system_id {id}"),
        "use one of at most 63 characters that begins and ends with a letter or digit; a record under another key cannot be taken over",
    );
    None
}

fn is_exchange(fields: &mut Fields<'_, '_, '_>) -> bool {
    if let Some(kind) = fields.get("kind")
        && kind.text() != Some("Exchange")
    {
        fields.findings.error(
            Reason::InvalidValue,
            kind.place,
            "an unknown kind of file",
            "write `kind: Exchange`, or move the file out of the watched folder",
        );
        return false;
    }
    if let Some(format) = fields.get("format")
        && format.data != Data::Scalar(Value::from(1))
    {
        fields.findings.error(
            Reason::InvalidValue,
            format.place,
            "an unknown format; this natsx-sync reads format 1",
            "write `format: 1`, or use a newer natsx-sync",
        );
    }
    true
}

/// Whether any may be meant for one that is known.
fn refuse_unknown(fields: &mut Fields<'_, '_, '_>) -> bool {
    let mut is_misspelt = false;
    for entry in fields.root.entries() {
        let name = entry.key.as_str();
        // The original API took it in every request; the secret check has the right words for it.
        if FIELDS.contains(&name) || name == "kubeconfig" {
            continue;
        }
        let near = nearest(name, FIELDS.iter().copied());
        // A value of the chart that stands beside `helm_values` is one of those.
        let first = name.split('.').next().unwrap_or(name);
        is_misspelt |= near.is_some() || find(VALUES, first).is_some();
        let hint = match near {
            Some(known) => did_you_mean(known),
            None if name.starts_with("config.") => {
                "write chart values below `helm_values:`".to_owned()
            }
            None => format!("the fields are: {}", FIELDS.join(", ")),
        };
        fields.findings.error(
            Reason::UnknownField,
            entry.place,
            format!("an exchange has no field {name:?}"),
            hint,
        );
    }
    is_misspelt
}

fn identity(fields: &mut Fields<'_, '_, '_>) -> Option<ExchangeId> {
    let release = fields.required("release_name", "nats-global-exchange");
    let release = fields.name::<ReleaseName>("release_name", release);
    let cluster = fields.required("cluster_id", "us-east-cluster");
    let cluster = fields.name::<ClusterId>("cluster_id", cluster);
    let namespace = if fields.get("namespace").is_some() {
        let text = fields.text("namespace");
        fields.name::<Namespace>("namespace", text)
    } else {
        NAMESPACE.parse().ok()
    };
    Some(ExchangeId {
        cluster: cluster?,
        namespace: namespace?,
        release: release?,
    })
}

fn org_ids(fields: &mut Fields<'_, '_, '_>) -> Vec<String> {
    let hint = "write `org_ids: [org001, org002]`, or the comma-separated text";
    let Some(node) = fields.get("org_ids") else {
        fields.missing("org_ids", hint);
        return Vec::new();
    };
    let parts: Vec<(String, Place)> = match (&node.data, node.text()) {
        (_, Some(text)) => text
            .split(',')
            .map(|part| (part.trim().to_owned(), node.place))
            .collect(),
        (Data::List(_), _) => fields
            .texts("org_ids")
            .into_iter()
            .map(|(text, place)| (text.trim().to_owned(), place))
            .collect(),
        (Data::Scalar(_) | Data::Map(_), _) => {
            fields.wrong("org_ids", node, "a list of texts", hint);
            return Vec::new();
        }
    };
    if parts.is_empty() {
        fields
            .findings
            .error(Reason::InvalidValue, node.place, "org_ids is empty", hint);
    }
    for (part, place) in &parts {
        if part.is_empty() || part.contains(',') || part.chars().any(char::is_control) {
            fields.findings.error(
                Reason::InvalidValue,
                *place,
                "an organisation id is empty, or contains a comma or control character",
                hint,
            );
        }
    }
    parts.into_iter().map(|(part, _)| part).collect()
}

fn chart_version(fields: &mut Fields<'_, '_, '_>) -> Option<String> {
    let (text, place) = fields.text("chart_version")?;
    if semver::Version::parse(text).is_ok() {
        return Some(text.to_owned());
    }
    fields.findings.error(
        Reason::InvalidValue,
        place,
        format!("chart_version {text:?} is not an exact version"),
        "write all three numbers, as in `chart_version: 2.14.2`; ranges are not resolved",
    );
    None
}

fn depends_on(fields: &mut Fields<'_, '_, '_>) -> Vec<(ExchangeId, Place)> {
    let mut ids = Vec::new();
    for (text, place) in fields.texts("depends_on") {
        match text.parse() {
            Ok(id) => ids.push((id, place)),
            Err(_) => fields.findings.error(
                Reason::InvalidValue,
                place,
                format!("{text:?} is not an exchange id"),
                "write cluster/namespace/release, as in us-east-cluster/communication/nats-core",
            ),
        }
    }
    ids
}

fn terms(fields: &mut Fields<'_, '_, '_>) -> Terms {
    let modes = [
        "continuous",
        "continuous_with_drift_detection",
        "one_time",
        "dry_run",
    ];
    let sync_mode: SyncMode = fields.word("sync_mode", &modes).unwrap_or_default();
    let deletion_policy: Option<DeletionPolicy> =
        fields.word("deletion_policy", &["retain", "purge"]);
    Terms {
        sync_mode,
        protect: fields.boolean("protect").unwrap_or_default(),
        deletion_policy: deletion_policy.unwrap_or_default(),
        suspend: suspend(fields),
    }
}

fn drift_ignore(fields: &mut Fields<'_, '_, '_>, sync_mode: SyncMode) -> Vec<IgnoredPath> {
    let mut ignored = Vec::new();
    for (text, place) in fields.texts("drift_ignore") {
        match text.parse() {
            Ok(path) => ignored.push(path),
            Err(error) => {
                let error: PathError = error;
                fields.findings.error(
                    Reason::InvalidValue,
                    place,
                    error.to_string(),
                    "write KIND/KEY/KEY, as in `StatefulSet/spec/replicas`; plan names places in the same way",
                );
            }
        }
    }
    if let Some(node) = fields
        .get("drift_ignore")
        .filter(|_| sync_mode != SyncMode::ContinuousWithDriftDetection)
    {
        fields.findings.note(
            Reason::NeedsOther,
            node.place,
            "drift_ignore has no effect: single objects are not compared in this sync_mode",
            "write `sync_mode: continuous_with_drift_detection`, or take drift_ignore away",
        );
    }
    ignored
}

fn suspend(fields: &mut Fields<'_, '_, '_>) -> Option<Suspend> {
    let node = fields.get("suspend")?;
    let hint = "write `suspend: {reason: \"why\"}`, with `until: 2026-12-01T00:00:00Z` if it ends";
    if !matches!(node.data, Data::Map(_)) {
        fields.wrong("suspend", node, "a map", hint);
        return None;
    }
    for entry in node.entries() {
        if !["reason", "until"].contains(&entry.key.as_str()) {
            fields.findings.error(
                Reason::UnknownField,
                entry.place,
                format!("suspend has no field {:?}", entry.key),
                hint,
            );
        }
    }
    let mut inner = Fields {
        root: node,
        findings: &mut *fields.findings,
        torn: fields.torn,
    };
    let reason = inner.required("reason", "\"maintenance\"")?.0.to_owned();
    let until = inner.text("until").and_then(|(text, place)| {
        let until = text.parse().ok();
        if until.is_none() {
            let text = format!("{text:?} is not a point in time");
            inner
                .findings
                .error(Reason::InvalidValue, place, text, hint);
        }
        until
    });
    Some(Suspend { reason, until })
}

fn public_url(fields: &mut Fields<'_, '_, '_>) -> Option<String> {
    let (text, place) = fields.text("public_url")?;
    let good = url::Url::parse(text).is_ok_and(|url| {
        let scheme = ["https", "http", "wss", "ws", "nats", "tls"].contains(&url.scheme());
        scheme && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    if good {
        return Some(text.to_owned());
    }
    fields.findings.error(
        Reason::InvalidValue,
        place,
        "public_url is not a URL with scheme and host and without a user",
        "write it as in https://nats.example.org/global",
    );
    None
}

fn values<'n>(fields: &mut Fields<'n, '_, '_>) -> Option<&'n Node> {
    let node = fields.get("helm_values")?;
    if matches!(node.data, Data::Map(_)) {
        return Some(node);
    }
    let hint = "write chart values below it, as in `config.jetstream.enabled: true`";
    fields.wrong("helm_values", node, "a map", hint);
    None
}

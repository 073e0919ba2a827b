//! What a change does to running servers: from renderings where there are any, else from the values.

use std::collections::BTreeSet;

use serde_json::Value;

use super::action::{Effect, EffectsFrom, PlannedExchange, ValueChange};
use super::jetstream::lowered_limits;
use super::reach::{self, Reach};
use super::scene::Held;
use super::stateful::{
    self, has_jetstream, immutable_change, immutable_value, is_on, procedure, template_changes,
};
use crate::diagnostic::Diagnostic;
use crate::observe::observed::{Render, Rendered, StoredRelease};
use crate::reason::Reason;

/// Adds the effects of an upgrade to `entry`, or says why it cannot be done.
pub(super) fn foresee(
    entry: &mut PlannedExchange,
    stored: &StoredRelease,
    wanted: &Value,
    render: Option<&Render>,
    gone: Option<&BTreeSet<String>>,
) -> Result<(), Held> {
    // What is gone is made anew, and may be as it likes; its pods are taken over, and replaced.
    let left = gone.map(|gone| without(stored, gone));
    let remade = left.is_some();
    let servers = stateful::replicas(&stored.stateful_sets);
    let stored = left.as_ref().unwrap_or(stored);
    let foreseen = match render {
        Some(Render::Rendered(rendered)) => computed(entry, stored, rendered),
        Some(Render::Missing(why)) => {
            let text = format!("; effects estimated: {why}");
            entry.text.push_str(&text);
            estimated(entry, stored, wanted, remade)
        }
        Some(Render::Refused(_)) | None => estimated(entry, stored, wanted, remade),
    };
    let Foreseen {
        mut reach,
        loads,
        servers: (mut before, after),
    } = foreseen.map_err(|field| {
        entry.effects = vec![Effect::RecreatesStatefulset];
        immutable(entry, &field)
    })?;
    if remade {
        (reach, before) = (Reach::Pods, servers);
    }
    entry.count_servers(before, after);
    let mut effects = Vec::new();
    match reach {
        Reach::Nothing => {}
        Reach::Config if loads => {
            effects.push(Effect::ReloadsConfig);
            let lowered = lowered_limits(&stored.values, wanted);
            entry.diagnostics.extend(
                lowered
                    .map(|store| refused_limit(entry, store))
                    .collect::<Vec<_>>(),
            );
            if entry.values.iter().any(is_of_gateways) {
                entry.diagnostics.push(refused_gateways(entry));
            }
        }
        Reach::Config => entry.diagnostics.push(not_loaded(entry)),
        Reach::Pods => effects.push(Effect::RestartsPods),
    }
    if after > before {
        effects.push(Effect::ScalesUp);
    }
    if after < before {
        effects.push(Effect::ScalesDown);
        if has_jetstream(&stored.values) {
            entry
                .diagnostics
                .push(scale_down_warning(entry, before, after));
        }
    }
    entry.effects = effects;
    Ok(())
}

/// What a change reaches.
struct Foreseen {
    reach: Reach,
    /// Running servers load a configuration that changes.
    loads: bool,
    /// Before and after.
    servers: (u64, u64),
}

/// From old and new objects; the error is the first field that may not change.
fn computed(
    entry: &mut PlannedExchange,
    stored: &StoredRelease,
    rendered: &Rendered,
) -> Result<Foreseen, String> {
    entry.effects_from = Some(EffectsFrom::Rendered);
    let (old, new) = (&stored.stateful_sets, &rendered.stateful_sets);
    if let Some(field) = immutable_change(old, new) {
        return Err(field);
    }
    Ok(Foreseen {
        reach: if template_changes(old, new) {
            Reach::Pods
        } else if stored.configuration == rendered.configuration {
            Reach::Nothing
        } else {
            Reach::Config
        },
        loads: rendered.reloads(),
        servers: (stateful::replicas(old), stateful::replicas(new)),
    })
}

/// From the values, by the table.
fn estimated(
    entry: &mut PlannedExchange,
    stored: &StoredRelease,
    wanted: &Value,
    remade: bool,
) -> Result<Foreseen, String> {
    entry.effects_from = Some(EffectsFrom::Table);
    if let Some(path) = immutable_value(&stored.values, wanted).filter(|_| !remade) {
        return Err(path.to_owned());
    }
    let changes = entry
        .values
        .iter()
        .filter(|change| !reach::is_dormant(&change.path, &stored.values, wanted));
    let reach = changes
        .map(|change| reach::of(&change.path))
        .max()
        .unwrap_or(Reach::Nothing);
    let sums = ["podTemplate", "configChecksumAnnotation"];
    Ok(Foreseen {
        // The chart's version is a label of the pods.
        reach: if entry.chart.old != entry.chart.new
            || (reach == Reach::Config && is_on(wanted, &sums))
        {
            Reach::Pods
        } else {
            reach
        },
        loads: is_on(wanted, &["reloader", "enabled"]),
        servers: (stateful::servers(&stored.values), stateful::servers(wanted)),
    })
}

fn immutable(entry: &PlannedExchange, field: &str) -> Held {
    let (namespace, release) = match &entry.id {
        Some(id) => (id.namespace.as_str(), id.release.as_str()),
        None => ("NAMESPACE", "NAME"),
    };
    // A rendered field comes with the name of its set; where only values are known, the chart names it like the release.
    let set = field.split_once(" spec.").map_or(release, |(set, _)| set);
    let procedure = procedure(namespace, set);
    Held::blocked(
        Reason::StatefulSetImmutable,
        format!("{field} cannot change on a live release: {procedure}"),
    )
}

/// The same release without these sets.
fn without(stored: &StoredRelease, gone: &BTreeSet<String>) -> StoredRelease {
    let mut left = stored.clone();
    left.stateful_sets
        .retain(|set| !gone.contains(stateful::name_of(set)));
    left
}

fn not_loaded(entry: &PlannedExchange) -> Diagnostic {
    let warning = Diagnostic::warning(
        Reason::ReloaderOff,
        "the configuration changes and nothing tells running servers: each loads it when its pod starts next",
    )
    .hint("switch `reloader.enabled` or `podTemplate.configChecksumAnnotation` on, or restart the pods");
    in_file(warning, entry)
}

/// A new limit stands in the configuration, and servers that run go on with the old one and everything else as it was.
fn refused_limit(entry: &PlannedExchange, store: &str) -> Diagnostic {
    let warning = Diagnostic::warning(
        Reason::LimitLowered,
        format!("the limit of JetStream's {store} store goes down: running servers refuse the whole reload, and keep the old configuration until their pods start anew"),
    )
    .hint("let the pods restart with it: `podTemplate.configChecksumAnnotation: true`, or keep the limit");
    in_file(warning, entry)
}

/// `config reload not supported for Gateway` (the server's `reload.go`).
fn is_of_gateways(change: &ValueChange) -> bool {
    let mut path = change.path.iter().map(String::as_str);
    path.next() == Some("config")
        && match path.next() {
            Some("merge") => path.next() == Some("gateway"),
            section => section == Some("gateway"),
        }
}

fn refused_gateways(entry: &PlannedExchange) -> Diagnostic {
    let warning = Diagnostic::warning(
        Reason::NotReloadable,
        "gateways change: running servers refuse the whole reload, and keep the old configuration until their pods start anew",
    )
    .hint("let the pods restart with it: `podTemplate.configChecksumAnnotation: true`");
    in_file(warning, entry)
}

fn in_file(finding: Diagnostic, entry: &PlannedExchange) -> Diagnostic {
    if entry.file.is_empty() {
        finding
    } else {
        finding.in_file(entry.file.clone())
    }
}

/// What servers that are taken away leave behind.
pub(super) fn scale_down_warning(entry: &PlannedExchange, before: u64, after: u64) -> Diagnostic {
    let warning = Diagnostic::warning(
        Reason::ClusterNotFormed,
        format!("{before} -> {after} JetStream servers: the ones taken away stay in the meta group and count for its quorum"),
    )
    .hint("remove each peer (`nats server cluster peer-remove`) and take away one server at a time");
    in_file(warning, entry)
}

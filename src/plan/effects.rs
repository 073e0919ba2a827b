//! What a change does to running servers: from renderings where there are any, else from the values.

use serde_json::Value;

use super::action::{Effect, PlannedExchange, ValueChange};
use super::scene::Held;
use super::stateful::{
    self, PROCEDURE, has_jetstream, immutable_change, immutable_value, template_changes,
};
use crate::diagnostic::Diagnostic;
use crate::observe::observed::{Render, StoredRelease};
use crate::reason::Reason;

/// Values below `config` that reach the pods' template, so that the pods restart.
const TEMPLATE_KEYS: [&str; 5] = ["enabled", "port", "tls", "dir", "secretName"];

/// Values outside `config` that reach no server.
const HARMLESS: [&str; 5] = [
    "natsBox",
    "podDisruptionBudget",
    "service",
    "headlessService",
    "extraResources",
];

/// Adds the effects of an upgrade to `entry`, or says why it cannot be done.
pub(super) fn foresee(
    entry: &mut PlannedExchange,
    stored: &StoredRelease,
    wanted: &Value,
    render: Option<&Render>,
) -> Result<(), Held> {
    let mut effects = Vec::new();
    let (before, after) = match render {
        Some(Render::Refused(text)) => {
            return Err(Held::blocked(
                Reason::RenderFailed,
                format!("helm could not render the chart: {text}"),
            ));
        }
        Some(Render::Rendered {
            stateful_sets,
            config_changes,
        }) => {
            if let Some(field) = immutable_change(&stored.stateful_sets, stateful_sets) {
                entry.effects = vec![Effect::RecreatesStatefulset];
                return Err(immutable(&field));
            }
            if *config_changes {
                effects.push(Effect::ReloadsConfig);
            }
            if template_changes(&stored.stateful_sets, stateful_sets) {
                effects.push(Effect::RestartsPods);
            }
            (
                stateful::replicas(&stored.stateful_sets),
                stateful::replicas(stateful_sets),
            )
        }
        None => {
            if let Some(path) = immutable_value(&stored.values, wanted) {
                entry.effects = vec![Effect::RecreatesStatefulset];
                return Err(immutable(path));
            }
            effects = estimated(&entry.values, entry.chart.old != entry.chart.new);
            entry
                .text
                .push_str("; effects are estimated from the values, not rendered");
            (stateful::servers(&stored.values), stateful::servers(wanted))
        }
    };
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
    effects.sort_unstable();
    effects.dedup();
    entry.effects = effects;
    Ok(())
}

fn immutable(field: &str) -> Held {
    Held::blocked(
        Reason::StatefulSetImmutable,
        format!("{field} cannot change on a live release: {PROCEDURE}"),
    )
}

fn estimated(changes: &[ValueChange], chart_changes: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    // The chart's version is a label of the pods.
    if chart_changes {
        effects.push(Effect::RestartsPods);
    }
    for change in changes {
        let keys: Vec<&str> = change.path.iter().map(String::as_str).collect();
        match keys.as_slice() {
            ["config", rest @ ..] => {
                effects.push(Effect::ReloadsConfig);
                let merged = rest.iter().any(|key| *key == "merge" || *key == "patch");
                if !merged && rest.iter().any(|key| TEMPLATE_KEYS.contains(key)) {
                    effects.push(Effect::RestartsPods);
                }
            }
            [first, ..] if HARMLESS.contains(first) => {}
            [_, ..] => effects.push(Effect::RestartsPods),
            [] => {}
        }
    }
    effects
}

fn scale_down_warning(entry: &PlannedExchange, before: u64, after: u64) -> Diagnostic {
    let warning = Diagnostic::warning(
        Reason::ClusterNotFormed,
        format!("{before} -> {after} JetStream servers: the ones taken away stay in the meta group and count for its quorum"),
    )
    .hint("remove each peer (`nats server cluster peer-remove`) and take away one server at a time");
    if entry.file.is_empty() {
        warning
    } else {
        warning.in_file(entry.file.clone())
    }
}

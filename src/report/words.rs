//! The words of a plan for people.

use owo_colors::Style as Ink;

use super::safe;
use crate::exchange::desired::Layer;
use crate::plan::action::{
    Action, Effect, EffectsFrom, PlannedExchange, RegistryAction, StepKind, ValueChange,
};

pub(super) fn layer_words(layer: &Layer) -> String {
    match layer {
        Layer::Base => "values.yaml".to_owned(),
        Layer::Profile(name) => format!("profiles/{}.yaml", safe(name)),
        Layer::Block(name) => safe(name),
        Layer::Exchange => "helm_values".to_owned(),
    }
}

/// The identity; of a broken file nobody can attribute, the file.
pub(super) fn id_text(entry: &PlannedExchange) -> String {
    entry
        .id
        .as_ref()
        .map_or_else(|| safe(&entry.file), ToString::to_string)
}

/// What is done, for people.
pub(super) fn action_word(action: Action) -> &'static str {
    if action == Action::None {
        "unchanged"
    } else {
        action.word()
    }
}

/// `1 exchange`, `2 exchanges`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// What happens to servers and volumes, with how sure that is; empty where there is nothing to say.
pub(super) fn effect_text(entry: &PlannedExchange) -> String {
    let words = effect_words(entry).join("; ");
    if words.is_empty() {
        return words;
    }
    let held = if entry.action.is_change() {
        ""
    } else {
        "if it were done: "
    };
    let estimated = if entry.effects_from == Some(EffectsFrom::Table) {
        " (estimated from the values)"
    } else {
        ""
    };
    format!("{held}{words}{estimated}")
}

/// Whether what happens to servers and volumes deserves a second look.
pub(super) fn is_grave(entry: &PlannedExchange) -> bool {
    let grave = [
        Effect::RestartsPods,
        Effect::ScalesDown,
        Effect::RecreatesStatefulset,
        Effect::DeletesVolumes,
    ];
    entry.destructive || entry.effects.iter().any(|effect| grave.contains(effect))
}

/// What happens to servers and volumes, one after another.
pub(super) fn effect_words(entry: &PlannedExchange) -> Vec<String> {
    let (before, after) = entry
        .figures
        .servers
        .map_or((None, None), |servers| (servers.old, servers.new));
    let volumes = entry.figures.volumes.iter();
    let volumes: Vec<String> = volumes
        .map(|volumes| format!("{} × {}", volumes.count, safe(&volumes.size)))
        .collect();
    let volumes = |say: &str| match volumes.join(", ") {
        sizes if sizes.is_empty() => say.to_owned(),
        sizes => format!("{say}: {sizes}"),
    };
    let mut words = Vec::new();
    match (before, after) {
        (None, Some(after)) => {
            words.push(servers(Some(after), "starts", "start"));
            words.extend(Some(volumes("volumes")).filter(|text| text != "volumes"));
        }
        (Some(before), None) => words.push(servers(Some(before), "stops", "stop")),
        (Some(_) | None, _) => {}
    }
    let stay = before.min(after);
    let restarts = entry.effects.contains(&Effect::RestartsPods);
    let scale = match (before, after) {
        (Some(before), Some(after)) => Some(format!("scales {before} -> {after}")),
        (_, _) => None,
    };
    words.extend(entry.effects.iter().map(|effect| {
        match effect {
            Effect::ReloadsConfig if restarts => "the configuration changes".to_owned(),
            Effect::ReloadsConfig => {
                let text = servers(
                    stay,
                    "reloads its configuration",
                    "reload their configuration",
                );
                format!("{text}, no restart")
            }
            Effect::RestartsPods => match stay {
                Some(1) => "1 pod restarts".to_owned(),
                Some(count) => format!("{count} pods restart, one after another"),
                None => "pods restart, one after another".to_owned(),
            },
            Effect::ScalesUp => scale
                .clone()
                .unwrap_or_else(|| "servers are added".to_owned()),
            Effect::ScalesDown => match &scale {
                Some(scale) => format!("{scale}: servers are taken away"),
                None => "servers are taken away".to_owned(),
            },
            Effect::RecreatesStatefulset => "the StatefulSet is made anew".to_owned(),
            Effect::KeepsVolumes => volumes("volumes kept"),
            Effect::DeletesVolumes => volumes("volumes DELETED with their data"),
            Effect::RegistryOnly => "only the registry changes".to_owned(),
        }
    }));
    if words.is_empty() && before.is_some() && after.is_some() && entry.action.is_change() {
        words.push("running servers are not touched".to_owned());
    }
    words
}

fn servers(count: Option<u64>, one: &str, many: &str) -> String {
    match count {
        Some(1) => format!("1 server {one}"),
        Some(count) => format!("{count} servers {many}"),
        None => format!("servers {many}"),
    }
}

/// What of a record's changes people are shown: that our own mark follows the release is said by the rest of the entry.
pub(super) fn record_changes(entry: &PlannedExchange) -> impl Iterator<Item = &ValueChange> {
    let follows = entry.effects != [Effect::RegistryOnly];
    let changes = entry.registry.iter().flat_map(|change| &change.changes);
    changes.filter(move |change| {
        let is_mark = change
            .path
            .iter()
            .map(String::as_str)
            .take(2)
            .eq(["metadata", "natsx"]);
        !(follows && is_mark)
    })
}

/// How a record changes; none where it does not.
pub(super) fn registry_word(action: RegistryAction) -> Option<&'static str> {
    match action {
        RegistryAction::Create => Some("create"),
        RegistryAction::Update => Some("update"),
        RegistryAction::Delete => Some("delete"),
        RegistryAction::None => None,
    }
}

pub(super) fn step_words(step: StepKind) -> &'static str {
    match step {
        StepKind::Unlock => "unlock",
        StepKind::CreateNamespace => "create namespace if missing",
        StepKind::HelmInstall => "helm install",
        StepKind::HelmUpgrade => "helm upgrade",
        StepKind::PatchObjects => "patch objects",
        StepKind::PatchStamp => "patch labels",
        StepKind::WaitReady => "wait ready",
        StepKind::Register => "register",
        StepKind::MarkDeleting => "mark deleting",
        StepKind::HelmUninstall => "helm uninstall",
        StepKind::WaitGone => "wait gone",
        StepKind::DeleteVolumes => "delete volumes",
        StepKind::Deregister => "deregister",
    }
}

pub(super) fn ink(action: Action) -> Ink {
    match action {
        Action::Install => Ink::new().green(),
        Action::Upgrade | Action::Repair | Action::Adopt | Action::Register => Ink::new().yellow(),
        Action::Uninstall | Action::Deregister | Action::Conflict => Ink::new().red(),
        Action::None => Ink::new(),
        Action::Blocked | Action::Unreadable => Ink::new().magenta(),
    }
}

//! The words of a plan for people.

use owo_colors::Style as Ink;

use super::safe;
use crate::exchange::desired::Layer;
use crate::plan::action::{Action, Effect, PlannedExchange, RegistryAction, StepKind};

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

/// What happens to servers and volumes.
pub(super) fn effect_words(entry: &PlannedExchange) -> Vec<String> {
    let restarts = entry.effects.contains(&Effect::RestartsPods);
    let words = entry.effects.iter().map(|effect| match effect {
        Effect::ReloadsConfig if restarts => "the configuration changes".to_owned(),
        Effect::ReloadsConfig => "servers reload their configuration, no restart".to_owned(),
        Effect::RestartsPods => "pods restart, one after another".to_owned(),
        Effect::ScalesUp => format!("servers are added{}", servers(entry)),
        Effect::ScalesDown => format!("servers are taken away{}", servers(entry)),
        Effect::RecreatesStatefulset => "the StatefulSet would have to be made anew".to_owned(),
        Effect::KeepsVolumes => "volumes are kept".to_owned(),
        Effect::DeletesVolumes => "volumes are DELETED with their data".to_owned(),
        Effect::RegistryOnly => "only the registry changes".to_owned(),
    });
    words.collect()
}

/// ` (3 -> 5)`, where the values say so.
fn servers(entry: &PlannedExchange) -> String {
    let change = entry
        .values
        .iter()
        .find(|change| change.path == ["config", "cluster", "replicas"]);
    match change.map(|change| (&change.old, &change.new)) {
        Some((Some(old), Some(new))) => format!(" ({old} -> {new})"),
        Some(_) | None => String::new(),
    }
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
        StepKind::CreateNamespace => "create namespace",
        StepKind::HelmInstall => "helm install",
        StepKind::HelmUpgrade => "helm upgrade",
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

//! The words of a plan for people.

use owo_colors::Style as Ink;

use super::safe;
use crate::exchange::desired::Layer;
use crate::plan::action::{Action, Effect, StepKind};

pub(super) fn layer_words(layer: &Layer) -> String {
    match layer {
        Layer::Base => "values.yaml".to_owned(),
        Layer::Profile(name) => format!("profiles/{}.yaml", safe(name)),
        Layer::Block(name) => safe(name),
        Layer::Exchange => "helm_values".to_owned(),
    }
}

pub(super) fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::ReloadsConfig => "servers reload their configuration",
        Effect::RestartsPods => "pods restart",
        Effect::ScalesUp => "servers are added",
        Effect::ScalesDown => "servers are taken away",
        Effect::RecreatesStatefulset => "the StatefulSet would have to be made anew",
        Effect::KeepsVolumes => "volumes stay",
        Effect::DeletesVolumes => "volumes are DELETED with their data",
        Effect::RegistryOnly => "only the registry changes",
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

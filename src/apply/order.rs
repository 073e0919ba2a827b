//! The order of effects of each action. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::effect::Effect;
use crate::observe::observed::{ObjectRef, SecretIdentity};
use crate::plan::action::{Action, PlannedExchange, StepKind};

/// A volume claim, by uid: a later one of the same name is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedClaim {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What an unfinished removal left in the journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Leftover {
    /// The objects of the removed release.
    pub objects: Vec<ObjectRef>,
    /// Its volume claims, where they were to go, too.
    #[serde(default)]
    pub claims: Vec<SavedClaim>,
}

/// The effects of an entry, in order. Readings before each change are part of it, so that no caller can forget one.
pub fn order(entry: &PlannedExchange) -> VecDeque<Effect> {
    let steps = entry.steps.as_slice();
    let mut effects = VecDeque::new();
    let releases = |kind: &StepKind| matches!(kind, StepKind::HelmInstall | StepKind::HelmUpgrade);
    if steps.iter().any(releases) {
        effects.push_back(Effect::FetchChart);
    }
    // Of a release that is gone already, objects may still be there.
    let mut watched = entry.action != Action::Deregister;
    for kind in steps {
        // Whatever follows a removal relies on its end.
        let relies = matches!(
            kind,
            StepKind::HelmInstall | StepKind::DeleteVolumes | StepKind::Deregister
        );
        if relies && !watched {
            effects.push_back(gone());
            watched = true;
        }
        watched = *kind == StepKind::WaitGone || (watched && *kind != StepKind::HelmUninstall);
        push(&mut effects, *kind, entry);
    }
    if !watched {
        effects.push_back(gone());
    }
    effects
}

fn push(effects: &mut VecDeque<Effect>, kind: StepKind, entry: &PlannedExchange) {
    let nowhere = SecretIdentity {
        name: SmolStr::default(),
        uid: SmolStr::default(),
        resource_version: SmolStr::default(),
        created: None,
    };
    match kind {
        StepKind::Unlock => {
            let secret = entry.precondition.secret.clone().unwrap_or(nowhere);
            effects.extend([Effect::Fence, Effect::Unlock { secret }]);
        }
        StepKind::CreateNamespace => effects.push_back(Effect::EnsureNamespace),
        // The revision is filled in from what the fence reads.
        StepKind::HelmInstall => effects.extend([
            Effect::AwaitClear,
            Effect::Fence,
            Effect::Install { revision: 1 },
        ]),
        StepKind::HelmUpgrade => effects.extend([
            Effect::DryRun,
            Effect::AwaitClear,
            Effect::Fence,
            Effect::Upgrade { revision: 1 },
        ]),
        StepKind::PatchObjects => effects.extend([Effect::Fence, Effect::PatchObjects]),
        StepKind::PatchStamp => effects.extend([
            Effect::Fence,
            Effect::PatchStamp {
                secret: nowhere,
                revision: 1,
            },
        ]),
        StepKind::WaitReady => effects.push_back(Effect::AwaitReady),
        StepKind::Register => effects.push_back(Effect::WriteRecord),
        StepKind::MarkDeleting => effects.extend([Effect::Fence, Effect::MarkDeleting]),
        StepKind::HelmUninstall => {
            effects.extend([Effect::Fence, Effect::SaveManifest, Effect::Uninstall]);
        }
        StepKind::WaitGone => effects.push_back(gone()),
        // Which ones is filled in from what was saved. That they go is said by the plan alone: what was saved says what an
        // earlier commit wanted.
        StepKind::DeleteVolumes => {
            effects.push_back(Effect::DeleteClaims { claims: Vec::new() });
        }
        StepKind::Deregister => effects.push_back(Effect::DeleteRecord),
    }
}

/// What was saved is filled in when it is asked for.
fn gone() -> Effect {
    Effect::AwaitGone {
        objects: Vec::new(),
    }
}

//! The words between the step function and the world. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::order::{Leftover, SavedClaim};
use crate::diagnostic::causes;
use crate::mask::masked_of;
use crate::observe::observed::{ObjectRef, ReleaseStatus, SecretIdentity};
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;

/// What the world is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Have the chart archive at hand.
    FetchChart,
    /// Make the namespace unless it is there.
    EnsureNamespace,
    /// Nothing of an earlier release is terminating.
    AwaitClear,
    /// Render, and let the API server say whether it would take the StatefulSet.
    DryRun,
    /// Read the release just before something relies on it.
    Fence,
    /// Read the release after something went wrong.
    Inspect,
    /// Delete exactly this Secret of an interrupted operation.
    Unlock {
        /// The Secret.
        secret: SecretIdentity,
    },
    /// `helm install`.
    Install {
        /// The revision it will create.
        revision: u32,
    },
    /// `helm upgrade`.
    Upgrade {
        /// The revision it will create.
        revision: u32,
    },
    /// `helm rollback`.
    Rollback {
        /// Back to.
        revision: u32,
    },
    /// Keep what the release consists of, so that its going can be watched.
    SaveManifest,
    /// `helm uninstall`.
    Uninstall,
    /// Put single objects back to what the release says.
    PatchObjects,
    /// Bring our labels to what is wanted.
    PatchStamp {
        /// The release the labels go on.
        secret: SecretIdentity,
        /// Its revision.
        revision: u32,
    },
    /// Make the labels helm copied from an older revision true for this one.
    RestoreStamp {
        /// The release the labels go on.
        secret: SecretIdentity,
        /// Its revision.
        revision: u32,
    },
    /// NATS is healthy.
    AwaitReady,
    /// Neither the release nor any of these objects is there.
    AwaitGone {
        /// Of the saved manifest.
        objects: Vec<ObjectRef>,
    },
    /// Delete the volume claims.
    DeleteClaims {
        /// Of the saved manifest.
        claims: Vec<SavedClaim>,
    },
    /// Write the record.
    WriteRecord,
    /// Mark the record `deleting`.
    MarkDeleting,
    /// Delete the record.
    DeleteRecord,
}

impl Effect {
    /// The word, as in the journal.
    pub fn word(&self) -> &'static str {
        match self {
            Self::FetchChart => "fetch_chart",
            Self::EnsureNamespace => "ensure_namespace",
            Self::AwaitClear => "await_clear",
            Self::DryRun => "dry_run",
            Self::Fence => "fence",
            Self::Inspect => "inspect",
            Self::Unlock { .. } => "unlock",
            Self::Install { .. } => "helm_install",
            Self::Upgrade { .. } => "helm_upgrade",
            Self::Rollback { .. } => "helm_rollback",
            Self::SaveManifest => "save_manifest",
            Self::Uninstall => "helm_uninstall",
            Self::PatchObjects => "patch_objects",
            Self::PatchStamp { .. } => "patch_stamp",
            Self::RestoreStamp { .. } => "restore_stamp",
            Self::AwaitReady => "wait_ready",
            Self::AwaitGone { .. } => "wait_gone",
            Self::DeleteClaims { .. } => "delete_volumes",
            Self::WriteRecord => "register",
            Self::MarkDeleting => "mark_deleting",
            Self::DeleteRecord => "deregister",
        }
    }

    /// Whether it starts a helm, of which only so many run at a time.
    pub fn starts_helm(&self) -> bool {
        matches!(self, Self::DryRun) || self.is_helm_write()
    }

    /// Whether helm changes the release; whether it did is read from the cluster, never guessed.
    pub fn is_helm_write(&self) -> bool {
        matches!(
            self,
            Self::Install { .. } | Self::Upgrade { .. } | Self::Rollback { .. } | Self::Uninstall
        )
    }

    /// Whether it is done for the helm that follows: what is read must still be so when that starts, and what is saved
    /// is of use only with it.
    pub fn leads_to_helm(&self) -> bool {
        matches!(self, Self::Fence | Self::SaveManifest)
    }

    /// Whether it is journalled: reads can be repeated after a crash without a trace.
    pub fn is_write(&self) -> bool {
        match self {
            Self::FetchChart
            | Self::AwaitClear
            | Self::DryRun
            | Self::Fence
            | Self::Inspect
            | Self::AwaitReady
            | Self::AwaitGone { .. } => false,
            Self::EnsureNamespace
            | Self::Unlock { .. }
            | Self::Install { .. }
            | Self::Upgrade { .. }
            | Self::Rollback { .. }
            | Self::SaveManifest
            | Self::Uninstall
            | Self::PatchObjects
            | Self::PatchStamp { .. }
            | Self::RestoreStamp { .. }
            | Self::DeleteClaims { .. }
            | Self::WriteRecord
            | Self::MarkDeleting
            | Self::DeleteRecord => true,
        }
    }

    /// Whether all it does is to look whether something is so by now.
    pub fn only_waits(&self) -> bool {
        matches!(
            self,
            Self::AwaitClear | Self::AwaitReady | Self::AwaitGone { .. }
        )
    }

    /// Whether it is asked again, as long as a wait may take, where nobody can be asked. A fence changes nothing, and nothing
    /// follows before it is answered: what it sees then is as fresh as if it had been asked only then. A lock is not taken
    /// away in that manner: whether it was is not known, so its end is for the next plan to see, which looks again whose it
    /// is; and the lease that is asked for before it is out of reach just as well.
    pub fn goes_on_without_answer(&self) -> bool {
        self.only_waits() || *self == Self::Fence
    }

    /// Whether it may answer that it is not time yet: it waits, or for a helm that outlived an earlier process.
    pub fn is_wait(&self) -> bool {
        self.only_waits() || matches!(self, Self::Fence | Self::Unlock { .. })
    }
}

/// A release as just read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its latest Secret.
    pub secret: SecretIdentity,
    /// Its latest revision.
    pub revision: u32,
    /// helm's word.
    pub status: ReleaseStatus,
    /// It carries our instance's mark.
    pub is_ours: bool,
    /// Nobody else acted since we stamped it.
    pub is_untouched: bool,
    /// The stamp names the wanted digest.
    pub is_wanted: bool,
    /// The latest deployed revision, when the latest is not.
    pub last_deployed: Option<u32>,
}

/// What the world answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It is so now.
    Done,
    /// The release, to `Fence` and `Inspect`.
    Release(Option<Seen>),
    /// What the release consists of, to `SaveManifest`.
    Saved(Leftover),
    /// To a wait: ask again.
    NotYet(Why),
    /// Held back before anything was changed.
    Blocked(Why),
    /// It was tried and refused; the same again would be refused again.
    Refused(Why),
    /// Nobody knows whether it happened.
    Lost(Why),
    /// A wait took longer than it may.
    TimedOut(Why),
    /// Ended because we were told to stop, or what it leads to is not wanted any more.
    Cancelled,
    /// To a helm: its turn came long after what it relies on was read.
    Late,
}

/// A reason with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The stable word.
    pub reason: Reason,
    /// For people, masked.
    pub text: String,
    /// The causes, outermost first, masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The same again would be refused again, until something changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}

impl Reply {
    /// Why it is not so, unless that is only a matter of time.
    pub fn trouble(&self) -> Option<&Why> {
        match self {
            Self::Blocked(why) | Self::Refused(why) | Self::Lost(why) | Self::TimedOut(why) => {
                Some(why)
            }
            Self::Done
            | Self::Release(_)
            | Self::Saved(_)
            | Self::NotYet(_)
            | Self::Cancelled
            | Self::Late => None,
        }
    }

    /// The same without the secrets among `values`: programs and servers quote what they refuse.
    #[must_use]
    pub fn without_secrets(mut self, values: impl FnOnce() -> Value) -> Self {
        match &mut self {
            Self::NotYet(why)
            | Self::Blocked(why)
            | Self::Refused(why)
            | Self::Lost(why)
            | Self::TimedOut(why) => {
                let values = values();
                for text in std::iter::once(&mut why.text).chain(&mut why.chain) {
                    *text = masked_of(text, &values);
                }
            }
            Self::Done | Self::Release(_) | Self::Saved(_) | Self::Cancelled | Self::Late => {}
        }
        self
    }
}

impl Why {
    /// A reason in these words.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
            chain: Vec::new(),
            is_final: false,
        }
    }

    /// Why a plan holds this one; none where it changes it, or leaves it as it is.
    pub fn of_hold(entry: &PlannedExchange) -> Option<Self> {
        let holds = entry.action != Action::None && !entry.action.is_change();
        holds.then(|| Self::new(entry.reason, entry.text.clone()))
    }

    /// The words and what led to them, in one line.
    pub fn sentence(&self) -> String {
        let causes = self.chain.iter();
        causes.fold(self.text.clone(), |text, cause| {
            if text.contains(cause.as_str()) {
                text
            } else {
                format!("{text}: {cause}")
            }
        })
    }

    /// A reason from an error and its causes.
    pub fn from_error(reason: Reason, error: &dyn std::error::Error) -> Self {
        Self {
            reason,
            text: error.to_string(),
            chain: causes(error).map(ToString::to_string).collect(),
            is_final: false,
        }
    }
}

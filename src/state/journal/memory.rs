//! What the journal says of each exchange: the sum of its lines, and the `state` line that begins each file.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::ended::{Ended, HeldBack};
use super::{Entry, Phase};
use crate::apply::effect::Why;
use crate::apply::order::Leftover;
use crate::exchange::desired::DesiredExchange;
use crate::id::{CommitId, Digest, ExchangeId, SystemId};
use crate::observe::observed::ReleaseStatus;
use crate::plan::policy::{Begun, PutBack};

/// The step of the line that begins each file.
pub(super) const STATE: &str = "state";

/// The step that writes how an exchange is into its record. It goes on beside everything else and begins anew by itself,
/// so that one without an outcome is nothing that was interrupted.
pub const SET_STATE: &str = "set_state";

/// The step of a line that says that nothing differs any more, a good while after drift was repaired.
pub const CALM: &str = "calm";

/// Drift that comes within this time after it was repaired comes again.
pub const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// The last successful install or upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The commit it was made for; none from a plain folder.
    pub commit: Option<CommitId>,
    /// Its file.
    pub file: String,
    /// The key of its record.
    pub system_id: Option<SystemId>,
    /// When.
    pub time: Timestamp,
}

/// Something begun without an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The line.
    pub seq: u64,
    /// The word of the effect.
    pub step: String,
    /// What belongs to it.
    pub detail: Value,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Of these values and this chart.
    pub digest: Option<Digest>,
    /// And of what the record tells; none where nothing was wanted, or an older version wrote it.
    #[serde(default)]
    pub told: Option<Digest>,
    /// Why.
    pub why: Why,
    /// How often.
    pub count: u32,
    /// Not tried again before; none = not before something changes.
    pub until: Option<Timestamp>,
}

impl Refused {
    /// Whether it is of what is wanted now.
    pub fn is_of(&self, wanted: Option<&DesiredExchange>) -> bool {
        self.digest.as_ref() == wanted.map(|one| &one.digest)
            && self.told == wanted.map(DesiredExchange::told)
    }
}

/// What is known of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The last install, while it is there.
    pub installed: Option<Installed>,
    /// Begun without an outcome.
    pub open: Option<Open>,
    /// Refused. What another version wrote may have a reason this one does not know: then it is tried again, and nothing else
    /// is forgotten.
    #[serde(deserialize_with = "if_understood")]
    pub refused: Option<Refused>,
    /// Held back, and nothing was begun since: the same again is not said again.
    #[serde(
        deserialize_with = "if_understood",
        skip_serializing_if = "Option::is_none"
    )]
    pub held_back: Option<HeldBack>,
    /// What a removal that was begun has still to see gone.
    pub leftover: Option<Leftover>,
    /// Drift that was repaired last.
    pub put_back: Option<PutBack>,
    /// This host began to change its release at least once.
    pub acted: bool,
    /// The last Helm operation on it, unless that succeeded.
    #[serde(
        deserialize_with = "if_understood",
        skip_serializing_if = "Option::is_none"
    )]
    pub begun: Option<Begun>,
}

fn if_understood<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Of all exchanges.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memories(BTreeMap<ExchangeId, Memory>);

impl Memories {
    /// Of one; nothing, where nothing is known.
    pub fn get(&self, id: &ExchangeId) -> Memory {
        self.0.get(id).cloned().unwrap_or_default()
    }

    /// What follows of each, where anything does.
    pub fn each<T>(&self, of: impl Fn(&Memory) -> Option<T>) -> BTreeMap<ExchangeId, T> {
        let known = self.0.iter();
        known
            .filter_map(|(id, memory)| Some((id.clone(), of(memory)?)))
            .collect()
    }

    /// Those of which this holds.
    pub fn those(&self, holds: impl Fn(&Memory) -> bool) -> BTreeSet<ExchangeId> {
        let known = self.0.iter().filter(|(_, memory)| holds(memory));
        known.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        let Some(id) = &entry.id else {
            if entry.step == STATE
                && let Ok(all) = serde_json::from_value(entry.detail.clone())
            {
                *self = all;
            }
            return;
        };
        let memory = self.0.entry(id.clone()).or_default();
        memory.take(entry);
        if *memory == Memory::default() {
            self.0.remove(id);
        }
    }
}

impl Memory {
    /// Whether volumes of a removal that is not over were to go with it.
    pub fn leaves_volumes(&self) -> bool {
        let leftover = self.leftover.as_ref();
        leftover.is_some_and(|left| !left.claims.is_empty())
    }

    fn take(&mut self, entry: &Entry) {
        if entry.step == SET_STATE {
            return;
        }
        if entry.step == CALM {
            self.put_back = None;
            return;
        }
        if let Some(ended) = Ended::of(entry) {
            self.open = None;
            self.held_back = HeldBack::by(&ended);
            return;
        }
        match entry.phase {
            Phase::Intent => {
                self.held_back = None;
                if entry.is_helm() {
                    self.acted = true;
                    self.begun = self.begins(entry);
                }
                self.open = Some(Open {
                    seq: entry.seq,
                    step: entry.step.clone(),
                    detail: entry.detail.clone(),
                });
            }
            Phase::Done => {
                self.open = None;
                if entry.is_helm() {
                    self.begun = None;
                }
                self.take_done(entry);
            }
            Phase::Failed => {
                self.open = None;
                if entry.is_helm()
                    && let Some(begun) = &mut self.begun
                {
                    begun.ended = Some(entry.time);
                }
                if entry.step == "finished" {
                    self.held_back = None;
                    self.refused = serde_json::from_value(entry.detail.clone()).ok();
                }
            }
        }
    }

    /// The operation that a line says begins. None where it makes no revision or does not say which: then nothing that holds the
    /// release is taken for it.
    fn begins(&self, entry: &Entry) -> Option<Begun> {
        let revision = || {
            let revision = entry.detail.pointer("/effect/revision")?;
            u32::try_from(revision.as_u64()?).ok()
        };
        let (status, revision) = match entry.step.as_str() {
            "helm_install" => (ReleaseStatus::PendingInstall, revision()?),
            "helm_upgrade" => (ReleaseStatus::PendingUpgrade, revision()?),
            // The revision it names is the one it goes back to; it makes the one after that which failed.
            "helm_rollback" => {
                let failed = self.begun.as_ref()?.revision;
                (ReleaseStatus::PendingRollback, failed.checked_add(1)?)
            }
            _ => return None,
        };
        Some(Begun {
            status,
            revision,
            ended: None,
        })
    }

    fn take_done(&mut self, entry: &Entry) {
        let text = |key: &str| entry.detail.get(key).and_then(Value::as_str);
        match entry.step.as_str() {
            "helm_install" | "helm_upgrade" => {
                self.installed = Some(Installed {
                    commit: entry.commit.clone(),
                    file: text("file").unwrap_or_default().to_owned(),
                    system_id: text("system_id").and_then(|id| id.parse().ok()),
                    time: entry.time,
                });
                self.leftover = None;
            }
            "save_manifest" => {
                self.leftover = serde_json::from_value(entry.detail.clone()).ok();
            }
            "finished" => {
                self.refused = None;
                self.held_back = None;
                self.begun = None;
                self.take_put_back(entry);
                if matches!(text("action"), Some("uninstall" | "deregister")) {
                    *self = Self::default();
                }
            }
            _ => {}
        }
    }

    /// What comes again long after it was put back is another's doing, not the same one's.
    fn take_put_back(&mut self, entry: &Entry) {
        let text = |key: &str| entry.detail.get(key).and_then(Value::as_str);
        let (Some(drift), Some(digest)) = (text("drift"), text("digest")) else {
            return;
        };
        let Ok(digest) = digest.parse::<Digest>() else {
            return;
        };
        let before = self.put_back.take().filter(|before| {
            let soon = entry.time.duration_since(before.at) < AGAIN;
            soon && before.drift == drift && before.digest == digest
        });
        self.put_back = Some(PutBack {
            drift: drift.to_owned(),
            digest,
            count: before.map_or(1, |before| before.count.saturating_add(1)),
            at: entry.time,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Drift was put back so many minutes after the beginning.
    fn after(memory: &mut Memory, minutes: i64, step: &str, drift: &str, digest: &Digest) -> u32 {
        memory.take(&Entry {
            seq: 0,
            prev: Digest::of(b""),
            time: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes),
            pass: 1,
            actor: None,
            begins: false,
            commit: None,
            id: None,
            step: step.to_owned(),
            phase: Phase::Done,
            detail: json!({"action": "repair", "drift": drift, "digest": digest}),
        });
        memory.put_back.as_ref().map_or(0, |one| one.count)
    }

    #[test]
    fn the_same_drift_put_back_soon_after_is_counted() {
        let (mut memory, digest) = (Memory::default(), Digest::of(b"values"));
        let mut put_back = |minutes, drift| after(&mut memory, minutes, "finished", drift, &digest);
        assert_eq!(put_back(0, "a"), 1);
        assert_eq!(put_back(59, "a"), 2);
        assert_eq!(put_back(118, "a"), 3);
        assert_eq!(put_back(178, "a"), 1, "long after it is another's");
        assert_eq!(put_back(179, "b"), 1);
        let other = Digest::of(b"other values");
        assert_eq!(after(&mut memory, 180, "finished", "b", &other), 1);
        assert_eq!(after(&mut memory, 181, CALM, "", &other), 0);
    }

    #[test]
    fn an_action_without_drift_leaves_the_count_alone() {
        let (mut memory, digest) = (Memory::default(), Digest::of(b"values"));
        after(&mut memory, 0, "finished", "a", &digest);
        after(&mut memory, 1, "helm_upgrade", "", &digest);
        assert_eq!(memory.put_back.unwrap().count, 1);
    }
}

//! What was noticed of exchanges, clusters and the daemon itself, and is not over: each change is one line, so that it is
//! told once, also across restarts. Each file of the journal begins with all of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::memory::STATE;
use super::{Entry, Line, Phase};
use crate::id::{ClusterId, CommitId, ExchangeId};
use crate::reason::Reason;

/// The step of a line about something noticed.
const NOTICED: &str = "noticed";

/// The step of the line that says all of it anew.
pub(super) const STANDING: &str = "standing";

/// What something was noticed of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// An exchange.
    Exchange(ExchangeId),
    /// A whole cluster.
    Cluster(ClusterId),
    /// A part of the daemon's own work: `pass`, `settings`, `registry`, or the file or reason somebody has to look at.
    Daemon(String),
}

/// What can be so or otherwise at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Held back by a rule or a person.
    Hold,
    /// Somebody else changed it.
    Drift,
    /// Its servers are well (`Ready`), or why not; nothing before they were asked.
    Health,
    /// It cannot be read, or not done.
    Trouble,
}

/// Something that became so, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Of what.
    pub place: Place,
    /// What of it.
    pub aspect: Aspect,
    /// Why it is so; none when it is over.
    pub reason: Option<Reason>,
    /// For people, masked.
    pub text: String,
}

impl Notice {
    /// The line of it.
    pub fn line(&self, pass: u64, commit: Option<CommitId>) -> Line {
        Line {
            pass,
            commit,
            // Nothing was done about the exchange: its history and its memory are not about this.
            id: None,
            step: NOTICED.to_owned(),
            phase: Phase::Done,
            detail: json!(self),
        }
    }

    /// What a line says; nothing when it is about something else.
    pub fn of(entry: &Entry) -> Option<Self> {
        entry.told(NOTICED)
    }
}

/// Everything noticed that is not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "Vec<(Place, Aspect, Reason)>",
    into = "Vec<(Place, Aspect, Reason)>"
)]
pub struct Noticed(BTreeMap<(Place, Aspect), Reason>);

impl Noticed {
    /// Why something is so; none when it is not.
    pub fn reason(&self, place: &Place, aspect: Aspect) -> Option<Reason> {
        self.0.get(&(place.clone(), aspect)).copied()
    }

    /// All of it.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, Aspect, Reason)> {
        self.0
            .iter()
            .map(|((place, aspect), reason)| (place, *aspect, *reason))
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        if entry.step == STATE {
            *self = Self::default();
        } else if entry.step == STANDING {
            // Of a version that knew other words: what it says is noticed anew.
            *self = serde_json::from_value(entry.detail.clone()).unwrap_or_default();
        } else if let Some(notice) = Notice::of(entry) {
            let key = (notice.place, notice.aspect);
            match notice.reason {
                Some(reason) => self.0.insert(key, reason),
                None => self.0.remove(&key),
            };
        } else if let Some(id) = removed(entry) {
            let gone = Place::Exchange(id.clone());
            self.0.retain(|(place, _), _| *place != gone);
        }
    }
}

impl From<Vec<(Place, Aspect, Reason)>> for Noticed {
    fn from(all: Vec<(Place, Aspect, Reason)>) -> Self {
        let each = all.into_iter();
        Self(
            each.map(|(place, aspect, reason)| ((place, aspect), reason))
                .collect(),
        )
    }
}

impl From<Noticed> for Vec<(Place, Aspect, Reason)> {
    fn from(noticed: Noticed) -> Self {
        let each = noticed.0.into_iter();
        each.map(|((place, aspect), reason)| (place, aspect, reason))
            .collect()
    }
}

/// The exchange whose removal ended with this line.
fn removed(entry: &Entry) -> Option<&ExchangeId> {
    let action = entry.detail.get("action").and_then(Value::as_str);
    let over = entry.step == "finished" && entry.phase == Phase::Done;
    entry
        .id
        .as_ref()
        .filter(|_| over && matches!(action, Some("uninstall" | "deregister")))
}

//! What somebody changed at single objects of a release: live objects held against what the API server makes of the
//! stored manifest. Pure.

mod compare;
mod path;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use compare::{differences, settled};
pub use path::{IgnoredPath, PathError};

use crate::id::Digest;

/// How single objects of a release differ from what it says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// The release that was compared: the uid of its Secret. Of another one it says nothing.
    pub release: String,
    /// What differs, in the order of the manifest.
    pub differences: Vec<Difference>,
    /// What could not be compared, in words: it may have drifted or not.
    pub unread: Vec<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `StatefulSet`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// Where in it, with elements of lists by their name; empty = the whole object.
    pub path: Vec<String>,
    /// How.
    pub change: Change,
    /// The live value, where it is a number or a boolean of something that holds no secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// What the release says, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Value>,
}

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Put in what the release does not say.
    Added,
    /// Set to something else.
    Changed,
    /// Taken away.
    Removed,
}

impl Difference {
    /// A whole object that is not there.
    pub fn gone(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            path: Vec::new(),
            change: Change::Removed,
            live: None,
            wanted: None,
        }
    }

    /// Whether the whole object is not there: patching does not help.
    pub fn is_gone(&self) -> bool {
        self.path.is_empty()
    }

    /// The place, as `drift_ignore` takes it.
    pub fn place(&self) -> String {
        path::text(&self.kind, &self.path)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_gone() {
            return write!(f, "{} {} is gone", self.kind, self.name);
        }
        write!(f, "{} of {} ", self.place(), self.name)?;
        match (self.change, &self.live, &self.wanted) {
            (Change::Changed, Some(live), Some(wanted)) => write!(f, "is {live}, not {wanted}"),
            (Change::Changed, _, _) => f.write_str("was changed"),
            (Change::Added, _, _) => f.write_str("was added"),
            (Change::Removed, _, _) => f.write_str("was taken away"),
        }
    }
}

/// Names a drift by what differs and never by how: two of one name are the same change made again. 40 hex; none where
/// nothing differs.
pub fn name_of(differences: &[Difference]) -> Option<String> {
    let places: BTreeSet<_> = differences
        .iter()
        .map(|one| (one.place(), one.name.as_str()))
        .collect();
    let material = serde_json::to_vec(&places).ok()?;
    (!places.is_empty()).then(|| Digest::of(&material).label().to_owned())
}

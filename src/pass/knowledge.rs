//! What this host remembers of its own deeds: from the open journal, or from its files where somebody else holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::id::ExchangeId;
use crate::pass::PassError;
use crate::plan::policy::{Begun, PutBack};
use crate::state::journal::{Journal, Memories, Memory};

/// The part of the journal a plan depends on.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// Exchanges whose releases this host acted on.
    pub journalled: BTreeSet<ExchangeId>,
    /// The last Helm operations of this host, of those that are not known to have succeeded.
    pub begun: BTreeMap<ExchangeId, Begun>,
    /// Exchanges this host installed, with their file: the proof of removals in a plain folder.
    pub installed: BTreeMap<ExchangeId, String>,
    /// Exchanges whose removal this host began and whose volumes were to go and may be left.
    pub volumes_left: BTreeSet<ExchangeId>,
    /// Drift this host repaired last, by exchange.
    pub put_back: BTreeMap<ExchangeId, PutBack>,
}

impl Knowledge {
    /// Of the journal this process holds.
    pub fn of(journal: &Journal) -> Self {
        journal.known_of_all(|all| Self::from(all))
    }

    /// From the files, for commands that only look. They hold no lock, so a pending release is never theirs to unlock.
    pub fn read(folder: &Path) -> Result<Self, PassError> {
        let entries = if folder.exists() {
            Journal::entries(folder)?
        } else {
            Vec::new()
        };
        Ok(Self {
            journalled: BTreeSet::new(),
            begun: BTreeMap::new(),
            ..Self::from(&Journal::memories(&entries))
        })
    }
}

impl From<&Memories> for Knowledge {
    fn from(all: &Memories) -> Self {
        Self {
            journalled: all.those(|memory| memory.acted),
            begun: all.each(|memory| memory.begun.clone()),
            installed: all.each(|memory| Some(memory.installed.as_ref()?.file.clone())),
            volumes_left: all.those(Memory::leaves_volumes),
            put_back: all.each(|memory| memory.put_back.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::journal::{Line, Phase};

    #[test]
    fn who_only_looks_knows_the_same_installs() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "test").unwrap();
        let done = |name: &str, step: &str, detail: serde_json::Value| {
            for phase in [Phase::Intent, Phase::Done] {
                let line = Line {
                    pass: 1,
                    commit: None,
                    id: Some(format!("c/n/{name}").parse().unwrap()),
                    step: step.to_owned(),
                    phase,
                    detail: detail.clone(),
                };
                journal.append(line).unwrap();
            }
        };
        done("a", "helm_install", json!({"file": "exchanges/a.yaml"}));
        done("b", "helm_upgrade", json!({"file": "exchanges/b.yaml"}));
        done("b", "finished", json!({"action": "uninstall"}));
        let claim = json!({"name": "data-0", "uid": "u"});
        let left = json!({"objects": [], "claims": [claim], "purge": true});
        done("c", "save_manifest", left);
        let retained = json!({"objects": [], "claims": [], "purge": false});
        done("d", "save_manifest", retained);
        let looked = Knowledge::read(folder.path()).unwrap();
        let files: Vec<_> = looked.installed.values().collect();
        assert_eq!(files, ["exchanges/a.yaml"]);
        assert_eq!(looked.installed, Knowledge::of(&journal).installed);
        assert_eq!(looked.volumes_left, ["c/n/c".parse().unwrap()].into());
        assert_eq!(looked.volumes_left, Knowledge::of(&journal).volumes_left);
        let absent = Knowledge::read(&folder.path().join("absent")).unwrap();
        assert!(absent.installed.is_empty());
    }
}

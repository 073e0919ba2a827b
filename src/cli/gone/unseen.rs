//! Why what no status lists may be there all the same.

use crate::id::ExchangeId;
use crate::plan::action::Action;
use crate::reason::Reason;
use crate::status::{Status, Trouble, Unread};

/// What was not seen.
pub(super) struct Unseen {
    /// As a part of a sentence.
    pub(super) why: Trouble,
    /// What has to be read before it can be removed, where it is certain that no file declares it.
    pub(super) waits_for: Option<String>,
}

/// None where it was looked for at its place and is not there, whatever else could not be read.
pub(super) fn unseen(id: &ExchangeId, status: &Status) -> Option<Unseen> {
    let because = |reason, text| {
        let why = Trouble { reason, text };
        let waits_for = None;
        Some(Unseen { why, waits_for })
    };
    let waits = |what: &str, unread: &Unread| {
        let Trouble { reason, text } = &unread.why;
        let text = format!("{what} could not be read: {text}");
        let waits_for = status.source.is_none().then(|| unread.what());
        let why = Trouble {
            reason: *reason,
            text,
        };
        Some(Unseen { why, waits_for })
    };
    if let Some(Trouble { reason, text }) = &status.trouble {
        return because(
            *reason,
            format!("no pass could be made since the one it is of: {text}"),
        );
    }
    let ExchangeId {
        cluster, namespace, ..
    } = id;
    let is_its = |one: &&Unread| one.cluster.as_ref() == Some(cluster);
    if let Some(one) = status.unreadable.iter().find(is_its) {
        return waits("its cluster", one);
    }
    let Some(read) = status.read.iter().find(|read| read.cluster == *cluster) else {
        let text = format!(
            "its cluster was not looked at: {cluster} is not in the inventory, or another cluster than it was"
        );
        return because(Reason::ClusterNotInInventory, text);
    };
    let namespaces = read.namespaces.as_ref();
    if namespaces.is_some_and(|all| !all.contains(namespace)) {
        let text = format!("namespace {namespace} is outside clusters.{cluster}.namespaces");
        return because(Reason::NamespaceNotObserved, text);
    }
    let mut unread = status.unreadable.iter();
    if let Some(one) = unread.find(|one| one.cluster.is_none()) {
        return waits("the registry", one);
    }
    if let Some(Trouble { reason, text }) = &status.source {
        return because(*reason, format!("a file may still declare it: {text}"));
    }
    if status.complete || is_explained(status) {
        return None;
    }
    let text = "not everything could be read".to_owned();
    because(Reason::SourceIncomplete, text)
}

/// Whether it is known what was not read. A daemon of before did not tell that of files.
fn is_explained(status: &Status) -> bool {
    let mut entries = status.exchanges.iter();
    !status.unreadable.is_empty() || entries.any(|entry| entry.action == Action::Unreadable)
}

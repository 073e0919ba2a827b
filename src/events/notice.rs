//! What a status says that was not so before. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::ExchangeId;
use crate::mask::masked;
use crate::plan::action::Action;
use crate::reason::Reason;
use crate::state::journal::{Aspect, Notice, Noticed, Place};
use crate::status::{Phase, Status, StatusEntry, Trouble};

/// What is so now: why, in a word and for people.
type Now = BTreeMap<(Place, Aspect), (Reason, String)>;

/// What became so, or is over, since `before`. A status from before the first pass says nothing of exchanges.
pub fn notices(before: &Noticed, status: &Status) -> Vec<Notice> {
    let mut now = Now::new();
    let mut unclear = BTreeSet::new();
    take_daemon(status, &mut now);
    for entry in &status.exchanges {
        take_exchange(entry, before, &mut now, &mut unclear);
    }
    let known: BTreeSet<_> = status
        .exchanges
        .iter()
        .filter_map(|entry| entry.id.as_ref())
        .collect();
    let begins = now
        .iter()
        .filter(|((place, aspect), (reason, _))| before.reason(place, *aspect) != Some(*reason))
        .map(|((place, aspect), (reason, text))| Notice {
            place: place.clone(),
            aspect: *aspect,
            reason: Some(*reason),
            text: masked(text),
        });
    let ends = before
        .iter()
        .filter(|(place, aspect, _)| {
            let key = ((*place).clone(), *aspect);
            !now.contains_key(&key) && is_over(&key, status, &known, &unclear)
        })
        .map(|(place, aspect, _)| Notice {
            place: place.clone(),
            aspect,
            reason: None,
            text: String::new(),
        });
    ends.chain(begins).collect()
}

/// Whether what the status does not say any more is over, or only not seen.
fn is_over(
    (place, aspect): &(Place, Aspect),
    status: &Status,
    known: &BTreeSet<&ExchangeId>,
    unclear: &BTreeSet<(Place, Aspect)>,
) -> bool {
    match place {
        Place::Exchange(_) if *aspect == Aspect::Health => false,
        Place::Exchange(id) if known.contains(id) => !unclear.contains(&(place.clone(), *aspect)),
        // What nobody declares any more is seen only where everything could be read.
        Place::Exchange(_) => status.pass > 0 && status.trouble.is_none() && status.complete,
        Place::Daemon(part) if part == SETTINGS => true,
        Place::Daemon(part) if part == PASS => status.pass > 0,
        Place::Cluster(_) | Place::Daemon(_) => status.pass > 0 && status.trouble.is_none(),
    }
}

/// Parts of the daemon's work.
const PASS: &str = "pass";
const SETTINGS: &str = "settings";
const REGISTRY: &str = "registry";

fn take_daemon(status: &Status, now: &mut Now) {
    let mut take = |place: Place, trouble: &Trouble| {
        now.insert(
            (place, Aspect::Trouble),
            (trouble.reason, trouble.text.clone()),
        );
    };
    if let Some(trouble) = &status.trouble {
        take(Place::Daemon(PASS.to_owned()), trouble);
    }
    if let Some(trouble) = &status.settings {
        take(Place::Daemon(SETTINGS.to_owned()), trouble);
    }
    for trouble in &status.attention {
        take(Place::Daemon(trouble.reason.name().to_owned()), trouble);
    }
    // What cannot be read at all is worse, and takes its place.
    for kept in &status.kubeconfigs {
        take(Place::Cluster(kept.cluster.clone()), &kept.why);
    }
    for unread in &status.unreadable {
        let place = match &unread.cluster {
            Some(id) => Place::Cluster(id.clone()),
            None => Place::Daemon(REGISTRY.to_owned()),
        };
        take(place, &unread.why);
    }
    for entry in status.exchanges.iter().filter(|entry| entry.id.is_none()) {
        let text = entry.text.clone();
        let reason = entry.reason;
        take(Place::Daemon(entry.file.clone()), &Trouble { reason, text });
    }
}

fn take_exchange(
    entry: &StatusEntry,
    before: &Noticed,
    now: &mut Now,
    unclear: &mut BTreeSet<(Place, Aspect)>,
) {
    let Some(id) = &entry.id else { return };
    let place = Place::Exchange(id.clone());
    let was = |aspect| before.reason(&place, aspect);
    let seen = [
        (Aspect::Hold, hold(entry, was(Aspect::Hold))),
        (Aspect::Drift, drift(entry, was(Aspect::Health).is_some())),
        (Aspect::Health, health(entry)),
    ];
    for (aspect, seen) in seen {
        let key = (place.clone(), aspect);
        match seen {
            Seen::So(reason, text) => {
                now.insert(key, (reason, text));
            }
            Seen::Not => {}
            Seen::Unclear => {
                unclear.insert(key);
            }
        }
    }
}

/// What a status says of one aspect of an exchange.
enum Seen {
    So(Reason, String),
    Not,
    Unclear,
}

/// The plan holds it, or failures of others do. What merely waits for its turn, or to be tried again, is not held.
fn hold(entry: &StatusEntry, before: Option<Reason>) -> Seen {
    let so = || Seen::So(entry.reason, entry.text.clone());
    match (entry.action, entry.phase) {
        // Nobody could look, or it was looked into the middle of what we are doing.
        (Action::Unreadable, _)
        | (_, Phase::Unknown)
        | (
            Action::Blocked | Action::Conflict,
            Phase::Removing | Phase::Progressing | Phase::Waiting,
        ) => Seen::Unclear,
        (Action::Blocked | Action::Conflict, _) | (_, Phase::Suspended) => so(),
        (_, Phase::Blocked) if entry.reason == Reason::HaltedByFailures => so(),
        // It is tried now; how that ends is not known yet.
        (_, Phase::Progressing | Phase::Waiting) if before == Some(Reason::HaltedByFailures) => {
            Seen::Unclear
        }
        _ => Seen::Not,
    }
}

/// Somebody else changed what was as wanted. That a record differs may be a commit's doing as well.
fn drift(entry: &StatusEntry, seen: bool) -> Seen {
    let so = |reason: Reason| Seen::So(reason, reason.story().to_owned());
    if entry.midway {
        return Seen::Unclear;
    }
    match (entry.action, entry.planned) {
        // What is held may have drifted or not: the reason is about the hold.
        (Action::Unreadable | Action::Blocked | Action::Conflict, _) => Seen::Unclear,
        (_, Some(reason @ (Reason::ChangedByOthers | Reason::ObjectsDrifted))) => so(reason),
        // What was never well may be half installed, by us.
        (_, Some(reason @ Reason::RecordMissing)) if seen => so(reason),
        (Action::Install, _) if seen => so(Reason::ReleaseGone),
        // What is being put back is not yet back.
        _ if matches!(
            entry.phase,
            Phase::Removing | Phase::Progressing | Phase::Waiting
        ) =>
        {
            Seen::Unclear
        }
        _ => Seen::Not,
    }
}

fn health(entry: &StatusEntry) -> Seen {
    let well = matches!(entry.health.as_str(), "healthy" | "limited");
    if entry.degraded {
        Seen::So(entry.reason, entry.text.clone())
    } else if well && entry.phase == Phase::Ready && !entry.midway {
        Seen::So(Reason::Ready, String::new())
    } else {
        Seen::Unclear
    }
}

#[cfg(test)]
mod tests;

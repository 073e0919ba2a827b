//! Whether each cluster is the one it was. Kubeconfigs get swapped and clusters are made anew under an old name; both look
//! as if everything had been removed. One that was told from others and is not any more may be any.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::id::ClusterId;
use crate::observe::observed::{Unreadable, Views};
use crate::reason::Reason;
use crate::state::clusters::KnownCluster;
use crate::state::{State, StateError};
use crate::status::Trouble;

/// Marks the views of clusters that are not what they were, and of entries that lead to one cluster. `uids` says which each is,
/// also of those that could not be read now: who is alone in being read would be taken for alone in leading there.
/// Gives that of each, as far as it is known.
pub(super) fn identify(
    views: &mut Views,
    state: &State,
    uids: &BTreeMap<ClusterId, String>,
) -> BTreeMap<ClusterId, String> {
    for (id, view) in views.iter_mut() {
        let Ok(seen) = view else { continue };
        // Where the settings limit us to namespaces, it is not asked which one it is.
        if seen.uid.is_none() && seen.scope.is_some() {
            continue;
        }
        match (state.known_cluster(id), &seen.uid) {
            (Ok(Some(known)), Some(uid)) if known.uid != *uid => {
                Arc::make_mut(seen).replaced = Some(known.uid);
            }
            (Ok(Some(_)), None) => *view = Err(untold(id)),
            (Ok(_), _) => {}
            (Err(error), _) => *view = Err(unknown(id, &error)),
        }
    }
    let mut led = BTreeMap::new();
    let mut by_uid: BTreeMap<String, Vec<ClusterId>> = BTreeMap::new();
    for (id, view) in views.iter() {
        let uid = match view {
            Ok(view) => view.uid.clone(),
            Err(_) => uids.get(id).cloned().or_else(|| known_uid(id, state)),
        };
        let Some(uid) = uid else { continue };
        led.insert(id.clone(), uid.clone());
        by_uid.entry(uid).or_default().push(id.clone());
    }
    for same in by_uid.into_values().filter(|same| same.len() > 1) {
        let names: Vec<_> = same.iter().map(ClusterId::as_str).collect();
        let text = format!(
            "{} lead to one cluster; take all but one out of `clusters`, or give each its own `namespaces`",
            names.join(" and ")
        );
        for id in &same {
            let reason = Reason::SameCluster;
            let text = text.clone();
            if let Some(view) = views.get_mut(id).filter(|view| view.is_ok()) {
                *view = Err(Unreadable { reason, text });
            }
        }
    }
    led
}

fn known_uid(id: &ClusterId, state: &State) -> Option<String> {
    let known = state.known_cluster(id).ok()?;
    known.map(|known| known.uid)
}

/// Remembers clusters that are seen for the first time.
pub(super) fn remember(views: &Views, state: &State, now: Timestamp) -> Result<(), StateError> {
    for (id, view) in views {
        if let Ok(view) = view
            && let Some(uid) = &view.uid
            && state.known_cluster(id)?.is_none()
        {
            let uid = uid.clone();
            state.know_cluster(id, &KnownCluster { uid, since: now })?;
        }
    }
    Ok(())
}

fn untold(id: &ClusterId) -> Unreadable {
    Unreadable {
        reason: Reason::ClusterForbidden,
        text: format!(
            "the namespace kube-system cannot be read any more, so whether this is the cluster it was is not known: grant `get` on namespaces, with the rule `natsx-sync doctor` prints; if it is another and meant to be, `natsx-sync approve {id}` then. Where that cannot be granted and you know that it is the one, limit us to `clusters.{id}.namespaces` in the settings"
        ),
    }
}

fn unknown(id: &ClusterId, error: &StateError) -> Unreadable {
    let cause = Trouble::of(Reason::ClusterReplaced, error);
    Unreadable {
        reason: cause.reason,
        text: format!(
            "whether this is the cluster it was is not known: {}; `natsx-sync approve {id}` takes the one its kubeconfig leads to now",
            cause.text
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::observe::observed::ClusterView;

    fn id(text: &str) -> ClusterId {
        text.parse().unwrap()
    }

    fn views(uids: &[(&str, Option<&str>)]) -> Views {
        let view = |uid: Option<&str>| ClusterView {
            uid: uid.map(str::to_owned),
            ..ClusterView::default()
        };
        let all = uids.iter();
        all.map(|(name, uid)| (id(name), Ok(Arc::new(view(*uid)))))
            .collect()
    }

    fn replaced(views: &Views, name: &str) -> Option<String> {
        views[&id(name)].as_ref().unwrap().replaced.clone()
    }

    #[test]
    fn a_cluster_is_remembered_and_another_in_its_place_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut first = views(&[("a", Some("1")), ("b", Some("2")), ("c", None)]);
        identify(&mut first, &state, &BTreeMap::new());
        assert_eq!(replaced(&first, "a"), None);
        remember(&first, &state, now).unwrap();
        let mut swapped = views(&[("a", Some("2")), ("b", Some("1")), ("c", Some("3"))]);
        identify(&mut swapped, &state, &BTreeMap::new());
        assert_eq!(replaced(&swapped, "a").as_deref(), Some("1"));
        assert_eq!(replaced(&swapped, "b").as_deref(), Some("2"));
        assert_eq!(replaced(&swapped, "c"), None);
        // What differs is never taken for the first.
        remember(&swapped, &state, now).unwrap();
        assert_eq!(state.known_cluster(&id("a")).unwrap().unwrap().uid, "1");
        assert!(state.forget_cluster(&id("a")).unwrap());
        assert!(!state.forget_cluster(&id("a")).unwrap());
    }

    /// As when a kubeconfig leads to another cluster, whose role lists Secrets and does not read namespaces.
    #[test]
    fn one_that_does_not_say_any_more_which_it_is_counts_as_no_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let first = views(&[("a", Some("1")), ("limited", Some("2"))]);
        remember(&first, &state, Timestamp::UNIX_EPOCH).unwrap();
        let mut seen = views(&[("a", None), ("limited", None), ("never-said", None)]);
        let limited = seen.get_mut(&id("limited")).unwrap().as_mut().unwrap();
        Arc::make_mut(limited).scope = Some(BTreeSet::new());
        identify(&mut seen, &state, &BTreeMap::new());
        let unreadable = seen[&id("a")].as_ref().unwrap_err();
        assert_eq!(unreadable.reason, Reason::ClusterForbidden);
        for words in ["kube-system", "`natsx-sync doctor`", "approve a`"] {
            assert!(unreadable.text.contains(words), "{}", unreadable.text);
        }
        assert!(seen[&id("limited")].is_ok());
        assert!(seen[&id("never-said")].is_ok());
        assert_eq!(state.known_cluster(&id("a")).unwrap().unwrap().uid, "1");
    }

    #[test]
    fn a_damaged_memory_is_no_first_sight() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        state.private("clusters").unwrap();
        std::fs::write(folder.path().join("clusters/a.json"), "{").unwrap();
        let mut seen = views(&[("a", Some("1")), ("b", Some("2"))]);
        identify(&mut seen, &state, &BTreeMap::new());
        let unreadable = seen[&id("a")].as_ref().unwrap_err();
        assert_eq!(unreadable.reason, Reason::ClusterReplaced);
        assert!(unreadable.text.contains("a.json"), "{}", unreadable.text);
        assert!(seen[&id("b")].is_ok());
    }

    #[test]
    fn two_entries_for_one_cluster_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let mut seen = views(&[("a", Some("1")), ("b", Some("1")), ("c", Some("2"))]);
        identify(&mut seen, &state, &BTreeMap::new());
        let unreadable = seen[&id("b")].as_ref().unwrap_err();
        assert_eq!(unreadable.reason, Reason::SameCluster);
        assert!(unreadable.text.contains("a and b"), "{}", unreadable.text);
        assert!(seen[&id("c")].is_ok());
    }
    /// Its release would be one of ours that nobody declares there, and be uninstalled.
    #[test]
    fn one_that_cannot_be_read_now_still_leads_where_it_led() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        remember(&views(&[("old", Some("1"))]), &state, Timestamp::UNIX_EPOCH).unwrap();
        let unread = || {
            Err(Unreadable {
                reason: Reason::ClusterUnreachable,
                text: "no answer".to_owned(),
            })
        };
        let nothing = BTreeMap::new();
        let seen_once = BTreeMap::from([(id("b"), "2".to_owned())]);
        for (away, there, uid, uids) in [("old", "new", "1", &nothing), ("b", "a", "2", &seen_once)]
        {
            let mut seen = views(&[(there, Some(uid))]);
            seen.insert(id(away), unread());
            let led = identify(&mut seen, &state, uids);
            assert_eq!((&led[&id(away)], led.len()), (&uid.to_owned(), 2));
            let same = seen[&id(there)].as_ref().unwrap_err();
            assert_eq!(same.reason, Reason::SameCluster, "{}", same.text);
            let still = seen[&id(away)].as_ref().unwrap_err();
            assert_eq!(still.reason, Reason::ClusterUnreachable);
        }
        let mut other = views(&[("new", Some("3"))]);
        other.insert(id("old"), unread());
        identify(&mut other, &state, &nothing);
        assert!(other[&id("new")].is_ok());
    }
}

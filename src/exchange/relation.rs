//! What files say about each other: one identity twice, objects of one name, circles.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::desired::DesiredExchange;
use super::draft::Draft;
use super::federation::{Link, full_name};
use crate::diagnostic::Diagnostic;
use crate::id::ExchangeId;
use crate::reason::Reason;

/// Checks all drafts against each other; errors land in the files they are about.
pub(super) fn check(drafts: &mut [Draft<'_>]) {
    refuse_same_identity(drafts);
    refuse_same_record(drafts);
    refuse_same_objects(drafts);
    check_dependencies(drafts);
    check_peers(drafts);
}

/// So many are named where many are meant: each of thousands says it of all the others.
const NAMED: usize = 3;

fn few<S: Borrow<str>>(names: &[S]) -> String {
    match names.split_at_checked(NAMED) {
        Some((first, [_, ..])) => format!("{} and more", first.join(", ")),
        Some(_) | None => names.join(", "),
    }
}

/// Groups the files by a key and refuses groups of more than one.
fn refuse_groups<K: Ord>(
    drafts: &mut [Draft<'_>],
    keys: impl Fn(&Draft<'_>) -> Vec<K>,
    error: impl Fn(&K, &str) -> Diagnostic,
    field: &str,
) {
    let drafts_of = drafts.iter().enumerate();
    let mut all: Vec<(K, usize)> = drafts_of
        .flat_map(|(index, draft)| keys(draft).into_iter().map(move |key| (key, index)))
        .collect();
    all.sort_unstable();
    all.dedup();
    for group in all.chunk_by(|one, other| one.0 == other.0) {
        let [(key, _), _, ..] = group else {
            continue;
        };
        let members = group.iter().map(|(_, index)| *index);
        let files: Vec<String> = members
            .clone()
            .filter_map(|index| drafts.get(index))
            .map(|draft| draft.file.path.clone())
            .collect();
        for index in members {
            if let Some(draft) = drafts.get_mut(index) {
                let others: Vec<&str> = files
                    .iter()
                    .map(String::as_str)
                    .filter(|file| *file != draft.file.path)
                    .take(NAMED + 1)
                    .collect();
                draft.refuse(error(key, &few(&others)), field);
            }
        }
    }
}

fn refuse_same_identity(drafts: &mut [Draft<'_>]) {
    refuse_groups(
        drafts,
        |draft| draft.id.iter().cloned().collect(),
        |id, others| {
            Diagnostic::error(
                Reason::DuplicateExchange,
                format!("{id} is declared by {others} too"),
            )
            .hint("delete one of the files, or give it another release_name or namespace")
        },
        "release_name",
    );
}

/// What more than one file declares: of course they have the same record and the same objects.
fn twice(drafts: &[Draft<'_>]) -> BTreeSet<ExchangeId> {
    let mut once = BTreeSet::new();
    let ids = drafts.iter().filter_map(|draft| draft.id.as_ref());
    ids.filter(|id| !once.insert(*id)).cloned().collect()
}

fn refuse_same_record(drafts: &mut [Draft<'_>]) {
    let twice = twice(drafts);
    refuse_groups(
        drafts,
        |draft| match &draft.record {
            Some(record) if !draft.is_one_of(&twice) => vec![record.clone()],
            Some(_) | None => Vec::new(),
        },
        |id, others| {
            Diagnostic::error(
                Reason::DuplicateExchange,
                format!("the system_id {id} is used by {others} too"),
            )
            .hint("every exchange has a registry record of its own: take the line away in one file")
        },
        "system_id",
    );
}

fn refuse_same_objects(drafts: &mut [Draft<'_>]) {
    let twice = twice(drafts);
    refuse_groups(
        drafts,
        |draft| {
            if draft.is_one_of(&twice) {
                Vec::new()
            } else {
                draft.services.clone()
            }
        },
        |(_, _, name), others| {
            Diagnostic::error(
                Reason::ObjectCollision,
                format!("its objects would be named {name}, as those of {others}"),
            )
            .hint("choose another release_name: the chart appends `-nats` to names without `nats`")
        },
        "release_name",
    );
}

/// A Service by cluster, namespace and name.
pub(super) type Service = (String, String, String);

/// The Services of an exchange with these values: the objects whose names can meet.
pub(super) fn services(id: &ExchangeId, chart: &str, values: &Value) -> Vec<Service> {
    let text = |key: &str| {
        values
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let chart = text("nameOverride").unwrap_or(chart);
    let name = match text("fullnameOverride") {
        Some(name) => name.to_owned(),
        None => full_name(id, chart),
    };
    let space = text("namespaceOverride").unwrap_or(id.namespace.as_str());
    let [headless, service] = ["headlessService", "service"].map(|section| {
        let name = values.get(section)?.get("name")?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    });
    let mut all = named(id, space, name);
    for (one, name) in all.iter_mut().zip([headless, service]) {
        if let Some(name) = name {
            one.2 = name;
        }
    }
    all
}

/// The same where no value gives them another name.
fn plain_services(exchange: &DesiredExchange) -> Vec<Service> {
    let name = full_name(&exchange.id, &exchange.chart.name);
    named(&exchange.id, exchange.id.namespace.as_str(), name)
}

fn named(id: &ExchangeId, space: &str, name: String) -> Vec<Service> {
    let cluster = id.cluster.to_string();
    let place = |name: String| (cluster.clone(), space.to_owned(), name);
    vec![place(format!("{name}-headless")), place(name)]
}

fn check_dependencies(drafts: &mut [Draft<'_>]) {
    let mut graph: BTreeMap<ExchangeId, Vec<ExchangeId>> = BTreeMap::new();
    let mut known: BTreeSet<ExchangeId> = BTreeSet::new();
    for draft in drafts.iter() {
        if let Some(id) = &draft.id {
            known.insert(id.clone());
            let needed = draft
                .depends_on
                .iter()
                .map(|(needed, _)| needed.clone())
                .collect();
            graph.insert(id.clone(), needed);
        }
    }
    let circular = circular(&graph);
    for draft in drafts.iter_mut() {
        if draft.id.as_ref().is_some_and(|id| circular.contains(id)) {
            let names: Vec<String> = circular
                .iter()
                .take(NAMED + 1)
                .map(ToString::to_string)
                .collect();
            draft.refuse(
                Diagnostic::error(
                    Reason::InvalidValue,
                    format!(
                        "depends_on runs in a circle, through some of {}",
                        few(&names)
                    ),
                )
                .hint("take one of the dependencies away"),
                "depends_on",
            );
        }
        for (needed, place) in draft.depends_on.clone() {
            if !known.contains(&needed) {
                draft.warn(
                    Diagnostic::warning(Reason::InvalidValue, format!("no file declares {needed}"))
                        .hint("correct the id, or take it away"),
                    place,
                );
            }
        }
    }
}

/// A link comes about only if the other end listens, under the name and at the port that are taken for granted. That is
/// said and not refused: what another file says must not hold this one back.
fn check_peers(drafts: &mut [Draft<'_>]) {
    if drafts.iter().all(|draft| draft.peers.is_empty()) {
        return;
    }
    let mut known: BTreeMap<ExchangeId, Option<Arc<DesiredExchange>>> = BTreeMap::new();
    for draft in drafts.iter() {
        if let Some(id) = &draft.id {
            known.insert(id.clone(), draft.exchange.clone());
        }
    }
    for draft in drafts.iter_mut() {
        for peer in draft.peers.clone() {
            let (text, hint) = match known.get(&peer.id) {
                None => (
                    format!("no file declares {}", peer.id),
                    "correct the id, or name the other end by `url`".to_owned(),
                ),
                Some(Some(other)) => match objection(other, peer.link) {
                    Some(found) => found,
                    None => continue,
                },
                // Its own file says what is wrong.
                Some(None) => continue,
            };
            let warning = Diagnostic::warning(Reason::NeedsOther, text).hint(hint);
            draft.warn(warning, peer.place);
        }
    }
}

/// Why a link to this exchange would not come about, and what to do.
fn objection(other: &DesiredExchange, link: Link) -> Option<(String, String)> {
    let (section, port) = (link.section(), link.port());
    let values = other.values.open();
    let config = values.get("config").and_then(|config| config.get(section));
    let told = |key: &str| config.and_then(|section| section.get(key));
    let id = &other.id;
    if told("enabled") != Some(&Value::Bool(true)) {
        return Some((
            format!("{id} does not listen for it: config.{section}.enabled is not true there"),
            format!("set config.{section}.enabled in {}", other.file),
        ));
    }
    let tls = config.and_then(|section| section.get("tls")?.get("enabled"));
    let elsewhere = told("port").is_some_and(|told| told.as_u64() != Some(port));
    if elsewhere
        || tls == Some(&Value::Bool(true))
        || services(id, &other.chart.name, &values) != plain_services(other)
    {
        return Some((
            format!(
                "{id} has a name, a port or TLS of its own there, which `exchange` does not follow"
            ),
            "add `url` with its address".to_owned(),
        ));
    }
    None
}

/// The exchanges that wait for themselves.
fn circular(graph: &BTreeMap<ExchangeId, Vec<ExchangeId>>) -> BTreeSet<ExchangeId> {
    // Whoever needs nothing that is left, and whoever nothing left needs, is in no circle.
    let mut left: BTreeSet<&ExchangeId> = graph.keys().collect();
    loop {
        let needs = |id: &ExchangeId| graph.get(id).into_iter().flatten();
        let needed: BTreeSet<&ExchangeId> = left.iter().flat_map(|id| needs(id)).collect();
        let next: BTreeSet<&ExchangeId> = left
            .iter()
            .copied()
            .filter(|id| needed.contains(id) && needs(id).any(|other| left.contains(other)))
            .collect();
        if next.len() == left.len() {
            return left.into_iter().cloned().collect();
        }
        left = next;
    }
}

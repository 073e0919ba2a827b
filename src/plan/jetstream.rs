//! Changes that would lose what `JetStream` stores: found in the values, decided by what the running servers say.

use serde_json::Value;

use super::action::{Action, Plan};
use super::scene::Held;
use super::stateful::{has_jetstream, is_on, servers};
use super::values::at;
use crate::exchange::desired::Desired;
use crate::exchange::{chart_text, quantity};
use crate::id::ExchangeId;
use crate::observe::observed::{Observed, ServerStored, Stored, StoredRelease, Unreadable};
use crate::reason::Reason;

/// What a change does to stored streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Risk {
    /// The servers from this ordinal on are taken away.
    ScalesDown {
        /// Servers now.
        before: u64,
        /// Servers then.
        after: u64,
    },
    /// A single server becomes one of a cluster, which knows nothing of its streams.
    Joins,
    /// `JetStream` is switched off.
    SwitchedOff,
    /// The file store is to hold no more than this.
    File(u64),
    /// The memory store is to hold no more than this.
    Memory(u64),
}

/// The exchanges whose planned upgrade may lose what their servers store, with what is released of them: those servers
/// are to be asked before the plan can be believed.
pub fn to_ask<'a>(
    plan: &'a Plan,
    desired: &'a Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a ExchangeId, &'a StoredRelease)> {
    let upgraded = plan
        .exchanges
        .iter()
        .filter(|entry| entry.action == Action::Upgrade);
    upgraded.filter_map(|entry| {
        let id = entry.id.as_ref()?;
        let stored = observed.release(id)?.stored.as_ref()?;
        let wanted = desired.exchanges.get(id)?.values.open();
        (!risks(&stored.values, &wanted).is_empty()).then_some((id, stored))
    })
}

/// Everything that puts at risk what these values' servers may store.
pub(super) fn risks(old: &Value, new: &Value) -> Vec<Risk> {
    if !has_jetstream(old) {
        return Vec::new();
    }
    if !has_jetstream(new) {
        return vec![Risk::SwitchedOff];
    }
    let mut found = Vec::new();
    let (before, after) = (servers(old), servers(new));
    let clustered = |values: &Value| is_on(values, &["config", "cluster", "enabled"]);
    if after < before {
        found.push(Risk::ScalesDown { before, after });
    } else if !clustered(old) && clustered(new) {
        found.push(Risk::Joins);
    }
    found.extend(smaller(file_limit(old), file_limit(new)).map(Risk::File));
    found.extend(smaller(memory_limit(old), memory_limit(new)).map(Risk::Memory));
    found
}

/// The stores that are to hold less.
pub(super) fn lowered_limits(old: &Value, new: &Value) -> impl Iterator<Item = &'static str> {
    risks(old, new).into_iter().filter_map(|risk| match risk {
        Risk::File(_) => Some("file"),
        Risk::Memory(_) => Some("memory"),
        Risk::ScalesDown { .. } | Risk::Joins | Risk::SwitchedOff => None,
    })
}

/// The new limit where it is below the old one; none is no limit.
fn smaller(old: Option<u64>, new: Option<u64>) -> Option<u64> {
    new.filter(|new| old.is_none_or(|old| *new < old))
}

fn file_limit(values: &Value) -> Option<u64> {
    let store = ["config", "jetstream", "fileStore"];
    let below = |keys: &[&'static str]| [store.as_slice(), keys].concat();
    if !is_on(values, &below(&["enabled"])) {
        return Some(0);
    }
    let explicit = at(values, &below(&["maxSize"])).and_then(quantity);
    let claim = is_on(values, &below(&["pvc", "enabled"]))
        .then(|| size_or_default(values, &below(&["pvc", "size"])));
    explicit.or(claim.flatten())
}

fn memory_limit(values: &Value) -> Option<u64> {
    let store = ["config", "jetstream", "memoryStore"];
    let below = |key: &'static str| [store.as_slice(), &[key]].concat();
    if !is_on(values, &below("enabled")) {
        return Some(0);
    }
    size_or_default(values, &below("maxSize"))
}

fn size_or_default(values: &Value, path: &[&str]) -> Option<u64> {
    match at(values, path) {
        Some(size) => quantity(size),
        None => quantity(&chart_text(path)?.into()),
    }
}

/// Holds a change that would lose something, or may: `stored` is none where nobody asked.
pub(super) fn protect(
    risks: &[Risk],
    stored: Option<&Result<Stored, Unreadable>>,
) -> Result<(), Held> {
    let Some(stored) = stored else {
        return Ok(());
    };
    let stored = match stored {
        _ if risks.is_empty() => return Ok(()),
        Ok(stored) => stored,
        Err(why) => {
            return Err(Held::blocked(
                Reason::StoreUnknown,
                format!(
                    "what JetStream stores could not be asked, so nothing that may lose it is done ({}); \
                     mend that, or take the change back",
                    why.text
                ),
            ));
        }
    };
    risks.iter().try_for_each(|risk| hold(risk, stored))
}

fn hold(risk: &Risk, stored: &Stored) -> Result<(), Held> {
    let streams: u64 = stored.servers.values().map(|server| server.streams).sum();
    let most =
        |of: fn(&ServerStored) -> u64| stored.servers.values().map(of).max().unwrap_or_default();
    let lost = |text: String| Err(Held::blocked(Reason::StreamsAtRisk, text));
    match risk {
        Risk::ScalesDown { before, after } => {
            let leaving: Vec<String> = stored
                .servers
                .iter()
                .filter(|(name, server)| {
                    server.streams > 0 && ordinal(name).is_none_or(|number| number >= *after)
                })
                .map(|(name, server)| format!("{name} ({})", streams_text(server.streams)))
                .collect();
            if !leaving.is_empty() {
                return lost(format!(
                    "{before} -> {after} servers takes away what holds streams: {}; move them first \
                     (`nats stream edit STREAM --replicas`, `nats stream cluster peer-remove STREAM SERVER`), \
                     then `natsx-sync reconcile`",
                    leaving.join(", ")
                ));
            }
            if streams > 0 && after.saturating_mul(2) <= *before {
                return lost(format!(
                    "{before} -> {after} servers at once leaves JetStream without a majority; take away one \
                     server at a time, each removed as a peer (`nats server cluster peer-remove`)"
                ));
            }
            Ok(())
        }
        Risk::Joins if streams > 0 => lost(format!(
            "a cluster does not take over the {} of a single server: back up with `nats account backup DIR`, \
             remove what is there, change to a cluster, then `nats account restore DIR`",
            streams_text(streams)
        )),
        Risk::SwitchedOff if streams > 0 => lost(format!(
            "JetStream would be switched off while it holds {}: back up with `nats account backup DIR` and remove \
             what is there first",
            streams_text(streams)
        )),
        Risk::File(limit) => fits("file", *limit, most(|server| server.file)),
        Risk::Memory(limit) => fits("memory", *limit, most(|server| server.memory)),
        Risk::Joins | Risk::SwitchedOff => Ok(()),
    }
}

fn fits(store: &str, limit: u64, used: u64) -> Result<(), Held> {
    if used <= limit {
        return Ok(());
    }
    Err(Held::blocked(
        Reason::StoreTooSmall,
        format!(
            "a {store} store of {} is smaller than the {} a server holds: purge or remove streams first, or keep the \
             limit",
            size_text(limit),
            size_text(used)
        ),
    ))
}

fn streams_text(count: u64) -> String {
    match count {
        1 => "1 stream".to_owned(),
        count => format!("{count} streams"),
    }
}

/// `10Gi`, where that is exact; else bytes, because the difference may be small.
fn size_text(bytes: u64) -> String {
    let units = [(30_u32, "Gi"), (20, "Mi"), (10, "Ki")];
    units
        .into_iter()
        .filter(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map(|(shift, unit)| format!("{}{unit}", bytes >> shift))
        .next()
        .unwrap_or_else(|| format!("{bytes} bytes"))
}

/// `3` of `nats-3`.
fn ordinal(pod: &str) -> Option<u64> {
    pod.rsplit_once('-')?.1.parse().ok()
}

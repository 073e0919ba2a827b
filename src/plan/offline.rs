//! A plan from git alone: what a branch changes against its base. No cluster is seen, so it says what git asks for, not
//! what will be found.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::{Action, Effect, Guard, Plan, PlannedExchange, StepKind};
use super::conceal::conceal;
use super::effects::foresee;
use super::figures;
use super::fingerprint::{Inputs, fingerprint};
use super::guard::{Limits, excess, hold};
use super::policy::{Policy, Withheld};
use super::scene::Held;
use super::values::difference;
use super::{broken_entry, general_diagnostics};
use crate::diagnostic::{Diagnostic, Severity};
use crate::exchange::desired::{DeletionPolicy, Desired, DesiredExchange, SyncMode};
use crate::id::ExchangeId;
use crate::observe::observed::StoredRelease;
use crate::reason::Reason;

/// Compares `head` with `base`; without one, everything is new.
pub fn plan_offline(head: &Desired, base: Option<&Desired>) -> Plan {
    let nothing = Desired::default();
    let before = base.unwrap_or(&nothing);
    let mut entries = BTreeMap::new();
    for (id, exchange) in &head.exchanges {
        let entry = match before.exchanges.get(id) {
            None => added(exchange),
            Some(old) => changed(old, exchange),
        };
        entries.insert(id.clone(), entry);
    }
    for (id, old) in &before.exchanges {
        if !head.exchanges.contains_key(id) {
            entries.insert(id.clone(), removed(head, old));
        }
    }
    let mut diagnostics = general_diagnostics(head);
    let unattributed = block_broken(head, before, &mut entries);
    diagnostics.extend(guard(head, before, &mut entries));
    let mut exchanges: Vec<PlannedExchange> = entries.into_values().collect();
    exchanges.extend(unattributed);
    for entry in &mut exchanges {
        entry.fingerprint = fingerprint(entry, &Inputs::of(entry, head));
    }
    let mut plan = Plan {
        commit: head.commit.clone(),
        exchanges,
        unreadable: BTreeMap::new(),
        diagnostics,
        until: None,
    };
    conceal(&mut plan, head, &|id| {
        let before = before.exchanges.get(id);
        before.map(|exchange| Cow::Owned(exchange.values.open()))
    });
    plan
}

fn added(exchange: &DesiredExchange) -> PlannedExchange {
    let mut entry = PlannedExchange::declared(exchange);
    entry.decide(
        Action::Install,
        Reason::FileAdded,
        format!("{} declares it", exchange.file),
    );
    let values = exchange.values.open();
    entry.values = difference(&Value::Null, &values, &exchange.provenance.open());
    entry.compare(None, &values, &BTreeSet::new());
    entry.figures = figures::of_install(&values, None);
    entry.steps = vec![
        StepKind::HelmInstall,
        StepKind::WaitReady,
        StepKind::Register,
    ];
    keep_to_terms(exchange, &mut entry);
    entry
}

fn changed(old: &DesiredExchange, exchange: &DesiredExchange) -> PlannedExchange {
    let mut entry = PlannedExchange::declared(exchange);
    "git asks for what it asked for before".clone_into(&mut entry.text);
    entry.chart.old = Some(old.chart.version.clone());
    // Head and base share what they have in common: of thousands of files, nearly all.
    if std::ptr::eq(old, exchange) {
        entry.diagnostics.clear();
        return entry;
    }
    let (released, values) = (released(old), exchange.values.open());
    entry.values = difference(&released.values, &values, &exchange.provenance.open());
    entry.compare(Some(&released.values), &values, &BTreeSet::new());
    let (reason, text) = match (old.chart == exchange.chart, entry.values.is_empty()) {
        (true, true) => {
            if is_record_changed(old, exchange) {
                entry.decide(
                    Action::Register,
                    Reason::RecordDiffers,
                    "its record changes",
                );
                entry.steps = vec![StepKind::Register];
                entry.effects = vec![Effect::RegistryOnly];
                keep_to_terms(exchange, &mut entry);
            } else {
                // What was said of it before is nothing that this change brings.
                let told = |found: &Diagnostic| {
                    let mut before = old.diagnostics.iter();
                    before.any(|old| old.reason == found.reason && old.text == found.text)
                };
                entry.diagnostics.retain(|found| !told(found));
            }
            return entry;
        }
        (true, false) => (Reason::ValuesChanged, "values changed"),
        (false, true) => (Reason::ChartVersionChanged, "chart version changed"),
        (false, false) => (
            Reason::ChartAndValuesChanged,
            "chart version and values changed",
        ),
    };
    entry.decide(Action::Upgrade, reason, text);
    entry.steps = vec![
        StepKind::HelmUpgrade,
        StepKind::WaitReady,
        StepKind::Register,
    ];
    match foresee(&mut entry, &released, &values, None, None) {
        Ok(()) => keep_to_terms(exchange, &mut entry),
        Err(held) => held.hold(&mut entry),
    }
    entry
}

/// What is released where the base is.
fn released(old: &DesiredExchange) -> StoredRelease {
    StoredRelease {
        chart: old.chart.name.clone(),
        chart_version: old.chart.version.clone(),
        values: old.values.open(),
        stateful_sets: Vec::new(),
        objects: Vec::new(),
        configuration: Vec::new(),
    }
}

fn removed(head: &Desired, old: &DesiredExchange) -> PlannedExchange {
    let mut entry = PlannedExchange::declared(old);
    entry.diagnostics.clear();
    entry.chart.old = entry.chart.new.take();
    entry.decide(
        Action::Uninstall,
        Reason::FileRemoved,
        format!("{} does not declare it any more", old.file),
    );
    entry.destructive = true;
    entry.figures = figures::of_removal(&released(old));
    let purges = old.terms.deletion_policy == DeletionPolicy::Purge;
    entry.effects = vec![if purges {
        Effect::DeletesVolumes
    } else {
        Effect::KeepsVolumes
    }];
    entry.steps = vec![
        StepKind::MarkDeleting,
        StepKind::HelmUninstall,
        StepKind::WaitGone,
    ];
    if purges {
        entry.steps.push(StepKind::DeleteVolumes);
    }
    entry.steps.push(StepKind::Deregister);
    if let Some(first) = head.incomplete.first() {
        Held::incomplete(first).hold(&mut entry);
    } else if old.terms.protect {
        let guard = Guard {
            name: Reason::Protected,
            needs: "take `protect` away in a commit of its own first".to_owned(),
        };
        Held {
            guard: Some(guard),
            ..Held::blocked(
                Reason::Protected,
                format!("{}, but the base protects it", entry.text),
            )
        }
        .hold(&mut entry);
    } else {
        keep_to_terms(old, &mut entry);
    }
    entry
}

/// Suspensions with an end count as in force: there is no clock here to say otherwise.
fn keep_to_terms(exchange: &DesiredExchange, entry: &mut PlannedExchange) {
    if let Some(suspend) = &exchange.terms.suspend {
        let text = super::scene::suspension_text("in its file", suspend);
        Held::blocked(Reason::Suspended, text).hold(entry);
        return;
    }
    let reason = match exchange.terms.sync_mode {
        SyncMode::DryRun => Reason::SyncModeDryRun,
        SyncMode::OneTime if entry.action != Action::Install => Reason::SyncModeOneTime,
        SyncMode::OneTime | SyncMode::Continuous | SyncMode::ContinuousWithDriftDetection => return,
    };
    let text = format!("would {}: {}", entry.action.word(), entry.text);
    entry.decide(Action::None, reason, text);
    entry.disarm();
}

fn is_record_changed(old: &DesiredExchange, new: &DesiredExchange) -> bool {
    old.system_id != new.system_id
        || old.name != new.name
        || old.org_ids != new.org_ids
        || old.public_url != new.public_url
        || old.metadata != new.metadata
}

fn block_broken(
    head: &Desired,
    base: &Desired,
    entries: &mut BTreeMap<ExchangeId, PlannedExchange>,
) -> Vec<PlannedExchange> {
    let mut unattributed = Vec::new();
    for broken in &head.broken {
        let known = base
            .broken
            .iter()
            .any(|old| old.file == broken.file && old.diagnostics == broken.diagnostics);
        let entry = |id: Option<&ExchangeId>| {
            let mut entry = broken_entry(broken, id.cloned());
            if known {
                // Whoever broke it is not who asks now.
                let text = "the file has errors, as it has at the base";
                entry.decide(Action::None, Reason::FileInvalid, text);
                for diagnostic in &mut entry.diagnostics {
                    diagnostic.severity = diagnostic.severity.max(Severity::Warning);
                }
            }
            entry
        };
        if broken.blocks.is_empty() {
            unattributed.push(entry(None));
        }
        for id in &broken.blocks {
            entries.insert(id.clone(), entry(Some(id)));
        }
    }
    unattributed
}

fn guard(
    head: &Desired,
    base: &Desired,
    entries: &mut BTreeMap<ExchangeId, PlannedExchange>,
) -> Option<Diagnostic> {
    let removed: BTreeSet<ExchangeId> = entries
        .iter()
        .filter(|(_, entry)| entry.action == Action::Uninstall)
        .map(|(id, _)| id.clone())
        .collect();
    let owned = base.exchanges.keys().cloned().collect();
    let nobody = BTreeSet::new();
    let limits = Limits {
        empty: head.exchanges.is_empty(),
        share: Policy::default().max_delete_percent,
        allowed: &nobody,
        removing: &nobody,
        withheld: &Withheld::default(),
    };
    hold(&excess(&removed, &removed, &owned, &limits), entries)
}

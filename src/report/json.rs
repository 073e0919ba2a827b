//! A plan for programs. Names are fixed; fields may be added.

use serde_json::{Value, json};

use super::safe::json_text;
use super::words::effect_words;
use super::{FORMAT_VERSION, Header, is_complete, summary};
use crate::plan::action::{Plan, PlannedExchange};

/// The plan as one JSON document.
pub fn plan_json(plan: &Plan, header: &Header) -> String {
    let document = plan_value(plan, header);
    json_text(&document).unwrap_or_default()
}

/// The same as a value, to be put into something larger.
pub fn plan_value(plan: &Plan, header: &Header) -> Value {
    let exchanges: Vec<Value> = plan.exchanges.iter().map(entry_value).collect();
    let unreadable: Vec<Value> = plan
        .unreadable
        .iter()
        .map(|(cluster, why)| json!({"cluster": cluster, "reason": why.reason, "text": why.text}))
        .collect();
    json!({
        "format_version": FORMAT_VERSION,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "truth": header.truth,
        "source": {
            "repository": header.repository,
            "commit": plan.commit,
            "base": header.base,
            "against": header.against,
            "dirty": header.dirty,
        },
        "complete": is_complete(plan),
        "digest": plan.digest(),
        "summary": summary(plan),
        "exchanges": exchanges,
        "unreadable": unreadable,
        "diagnostics": plan.diagnostics,
    })
}

fn entry_value(entry: &PlannedExchange) -> Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "file": entry.file,
        "line": entry.line,
        "action": entry.action,
        "reason": entry.reason,
        "text": entry.text,
        "destructive": entry.destructive,
        "effects": entry.effects,
        "effects_from": entry.effects_from,
        "effects_text": effect_words(entry),
        "figures": entry.figures,
        "steps": entry.steps,
        "fingerprint": entry.fingerprint,
        "chart": entry.chart,
        "values": entry.values,
        "subjects": entry.subjects,
        "links": entry.links,
        "drift": entry.drift,
        "registry": entry.registry,
        "guard": entry.guard,
        "diagnostics": entry.diagnostics,
    })
}

//! What was let through, for people and for programs.

use serde_json::json;

use crate::cli::options::Format;
use crate::cli::{Failure, Output};
use crate::control::Acknowledged;
use crate::id::ClusterId;
use crate::report::{FORMAT_VERSION, json_text};
use crate::state::approvals::Approval;

/// All of it, in the order it was done.
#[derive(Default)]
pub(super) struct Given {
    pub(super) clusters: Vec<Meant>,
    pub(super) removals: Option<Approval>,
    /// The pass that sees it.
    pass: Option<u64>,
}

/// A cluster that is meant.
pub(super) struct Meant {
    pub(super) id: ClusterId,
    /// It was another one before.
    pub(super) is_new: bool,
    pub(super) text: String,
}

impl Given {
    /// The last one counts: it sees all that was said before.
    pub(super) fn seen_by(&mut self, told: Option<Acknowledged>) {
        self.pass = told.map(|told| told.pass).or(self.pass);
    }

    /// Nothing where nothing was let through.
    pub(super) fn tell(&self, format: Format, output: &Output) -> Result<(), Failure> {
        if self.clusters.is_empty() && self.removals.is_none() {
            return Ok(());
        }
        match format {
            Format::Text => self.texts().iter().for_each(|text| output.result(text)),
            Format::Json => output.result(&json_text(&self.json())?),
        }
        Ok(())
    }

    fn texts(&self) -> Vec<String> {
        let clusters = self.clusters.iter().map(|cluster| cluster.text.clone());
        clusters.chain(self.removals.iter().map(sentence)).collect()
    }

    fn json(&self) -> serde_json::Value {
        let clusters = self
            .clusters
            .iter()
            .map(|Meant { id, is_new, text }| json!({"id": id, "changed": is_new, "text": text}));
        let clusters: Vec<_> = clusters.collect();
        let removals = self.removals.as_ref();
        let exchanges = removals.iter().flat_map(|given| &given.ids);
        let exchanges: Vec<_> = exchanges.collect();
        json!({
            "format_version": FORMAT_VERSION,
            "exchanges": exchanges,
            "commit": removals.and_then(|given| given.commit.as_ref()),
            "expires": removals.map(|given| given.expires),
            "clusters": clusters,
            "pass": self.pass,
        })
    }
}

fn sentence(approval: &Approval) -> String {
    let ids: Vec<_> = approval.ids.iter().map(ToString::to_string).collect();
    format!(
        "approved at {} until {:.0}: {}",
        shown_commit(approval),
        approval.expires,
        ids.join(", ")
    )
}

/// What the approval is of.
pub(super) fn shown_commit(approval: &Approval) -> &str {
    let commit = approval.commit.as_ref();
    commit.map_or("the folder as it is", |commit| commit.short())
}

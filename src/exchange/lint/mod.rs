//! What only somebody who knows NATS and its chart can tell about composed values. Helm accepts all of
//! this without a word.

mod chart;
mod examples;
mod resources;
mod server;
mod subject;
mod topology;

pub use examples::{EXAMPLES, Example, LINTS};

use semver::Version;
use serde_json::Value;

use super::chart_defaults::chart_switch;
use super::chart_values::NEWEST;
use super::desired::ChartRef;
use super::tree::{Origin, Tree};
use crate::diagnostic::{Diagnostic, Severity};
use crate::reason::Reason;

/// What a lint found, and where the layer that set it stands.
pub(super) struct Finding {
    pub(super) diagnostic: Diagnostic,
    pub(super) origin: Origin,
}

/// The composed values under examination.
struct Bench<'t> {
    tree: &'t Tree,
    /// Of the chart; none where it has no version of the usual kind.
    version: Option<&'t Version>,
    found: Vec<Finding>,
}

/// Looks at the composed values of one exchange. Where they are not `whole`, only what is wrong by itself is found: what
/// another value would make right may be in the part that could not be read.
pub(super) fn examine(tree: &Tree, chart: &ChartRef, whole: bool) -> Vec<Finding> {
    let version = Version::parse(&chart.version).ok();
    let mut bench = Bench {
        tree,
        version: version.as_ref(),
        found: Vec::new(),
    };
    chart::examine(&mut bench);
    if whole {
        topology::examine(&mut bench);
        resources::examine(&mut bench);
    }
    server::examine(&mut bench);
    subject::examine(&mut bench);
    if !whole {
        let is_error = |found: &Finding| found.diagnostic.severity == Severity::Error;
        bench.found.retain(is_error);
    }
    bench.found
}

impl<'t> Bench<'t> {
    fn add(
        &mut self,
        severity: Severity,
        reason: Reason,
        origin: Origin,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let diagnostic = match severity {
            Severity::Error => Diagnostic::error(reason, text),
            Severity::Warning => Diagnostic::warning(reason, text),
            Severity::Note => Diagnostic::note(reason, text),
        };
        self.found.push(Finding {
            diagnostic: diagnostic.hint(hint),
            origin,
        });
    }

    /// Whether the server's configuration has one of these keys, or may have it where it cannot be seen: in an included
    /// file, a patch, or what a resolver brings along.
    fn may_configure(&self, keys: &[&str]) -> bool {
        let merge = self.get(&["config", "merge"]);
        let patch = self.get(&["config", "patch"]);
        merge.is_some_and(|merge| {
            merge.children().any(|(key, _)| {
                keys.contains(&key.as_str())
                    || key.ends_with("$include")
                    || key.starts_with("$tplYaml")
            })
        }) || patch.is_some_and(|patch| !patch.items().is_empty())
            || self.is_on(&["config", "resolver", "enabled"])
    }

    fn error(
        &mut self,
        reason: Reason,
        origin: Origin,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Error, reason, origin, text, hint);
    }

    fn warning(
        &mut self,
        reason: Reason,
        origin: Origin,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Warning, reason, origin, text, hint);
    }

    /// A key the chart does not know; one newer than ours may.
    fn unknown(&mut self, origin: Origin, text: String, hint: String) {
        let newer = |version: &Version| (version.major, version.minor) > NEWEST;
        if self.version.is_some_and(newer) {
            let (major, minor) = NEWEST;
            let text = format!("{text} (as far as known, which is to {major}.{minor})");
            self.warning(Reason::UnknownValue, origin, text, hint);
        } else {
            self.error(Reason::UnknownValue, origin, text, hint);
        }
    }

    fn get(&self, path: &[&str]) -> Option<&'t Tree> {
        self.tree.get(path)
    }

    /// Whether a switch is on, by these values or by the chart's default.
    fn is_on(&self, path: &[&str]) -> bool {
        self.get(path)
            .and_then(Tree::leaf)
            .and_then(Value::as_bool)
            .unwrap_or_else(|| chart_switch(path))
    }
}

//! Whether the operator knows the cluster a file names.

use super::context::Context;
use super::finding::Findings;
use crate::diagnostic::{Diagnostic, did_you_mean, nearest};
use crate::id::ClusterId;
use crate::reason::Reason;
use crate::yaml::Node;

/// So many clusters of an inventory are named.
const NAMED: usize = 5;

/// Reports a `cluster_id` below `root` that leads nowhere; one that is no name is reported where it is read.
pub(super) fn check(root: &Node, context: &Context, findings: &mut Findings<'_>) {
    let Some(node) = root.get("cluster_id") else {
        return;
    };
    let id = node.text().and_then(|text| text.parse().ok());
    if let Some(id) = id
        && !context.clusters.is_empty()
        && !context.clusters.contains(&id)
    {
        findings.add(unknown_cluster(&id, context.clusters.iter()), node.place);
    }
}

/// That the inventory has no such cluster, what it has, and which one may be meant.
pub fn unknown_cluster<'c>(
    cluster: &ClusterId,
    known: impl ExactSizeIterator<Item = &'c ClusterId> + Clone,
) -> Diagnostic {
    let near = nearest(cluster.as_str(), known.clone().map(ClusterId::as_str));
    let hint = near.map_or_else(
        || "correct it, or name the cluster in `clusters` of the settings".to_owned(),
        did_you_mean,
    );
    Diagnostic::error(
        Reason::ClusterNotInInventory,
        format!(
            "cluster {cluster} is not in the inventory, which has {}; nothing there is touched",
            named(known)
        ),
    )
    .hint(hint)
}

/// The clusters of an inventory, as far as somebody who looks for one reads them.
fn named<'c>(all: impl ExactSizeIterator<Item = &'c ClusterId>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut named: Vec<_> = all.take(NAMED).map(ToString::to_string).collect();
    if named.is_empty() {
        return "none".to_owned();
    }
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

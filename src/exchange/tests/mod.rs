//! Whole repositories through `resolve`.

mod access;
mod broken;
mod chance;
mod examples;
mod federation;
mod layering;
mod lints;
mod relations;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{ChartRef, Desired};
use super::{Context, LastDeclared, Severities, resolve};
use crate::source::checkout::{Checkout, SourceFile};

pub(super) fn context() -> Context {
    Context {
        chart: ChartRef {
            name: "nats".into(),
            version: "2.14.2".into(),
        },
        clusters: BTreeSet::new(),
        hosts: BTreeMap::from([("east".parse().unwrap(), "nats.example.org".into())]),
        allow_values: Vec::new(),
        severities: Severities::default(),
    }
}

pub(super) fn checkout(files: &[(&str, &str)]) -> Checkout {
    let file = |(path, text): &(&str, &str)| SourceFile {
        path: (*path).to_owned(),
        blob: crate::id::Digest::of(text.as_bytes()).to_string(),
        bytes: text.as_bytes().to_vec(),
    };
    Checkout {
        repository: "test".into(),
        commit: None,
        dirty: false,
        has_history: true,
        shallow: false,
        files: files.iter().map(file).collect(),
        unreadable: Vec::new(),
        folder: "exchanges".into(),
        moved: None,
    }
}

pub(super) fn resolved(files: &[(&str, &str)]) -> Desired {
    resolve(&checkout(files), &context(), &|paths| {
        paths
            .iter()
            .map(|path| (path.clone(), LastDeclared::Never))
            .collect()
    })
}

/// A file of an exchange with a release name and more lines.
pub(super) fn exchange(release: &str, more: &str) -> String {
    format!("name: N\nrelease_name: {release}\ncluster_id: east\norg_ids: [o]\n{more}")
}

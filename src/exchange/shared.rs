//! The values files that exchanges share: `values.yaml` and the profiles.

use std::collections::BTreeMap;

use super::context::Context;
use super::desired::Layer;
use super::finding::{Findings, point};
use super::tree::{Clash, Tree};
use super::{credential, privilege};
use crate::diagnostic::Diagnostic;
use crate::reason::Reason;
use crate::source::checkout::{Checkout, SourceFile};
use crate::yaml::{self, Data, Node, Place};

/// What part a file has in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Values(Layer),
    Exchange,
    None,
}

/// Tells the role from the path.
pub(super) fn role(path: &str, folder: &str) -> Role {
    let stem = path
        .strip_suffix(".yaml")
        .or_else(|| path.strip_suffix(".yml"));
    let Some(stem) = stem else {
        return Role::None;
    };
    if stem == "values" {
        return Role::Values(Layer::Base);
    }
    if let Some(name) = stem.strip_prefix("profiles/") {
        return Role::Values(Layer::Profile(name.to_owned()));
    }
    let folder = folder.trim_matches('/');
    let inside = folder.is_empty()
        || folder == "."
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'));
    if inside { Role::Exchange } else { Role::None }
}

/// One shared values file.
pub(super) struct Shared<'a> {
    pub(super) path: String,
    pub(super) blob: Option<&'a str>,
    /// What could be read of it; none where the text breaks off.
    pub(super) tree: Option<Tree>,
    /// Without errors: whoever uses a broken one is blocked.
    pub(super) sound: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Reads every shared values file; those that could not be read count as broken.
pub(super) fn read_all<'a>(
    checkout: &'a Checkout,
    context: &Context,
) -> BTreeMap<Layer, Shared<'a>> {
    let mut shelf = BTreeMap::new();
    for (index, file) in checkout.files.iter().enumerate() {
        if let Role::Values(layer) = role(&file.path, &checkout.folder) {
            let shared = read(file, index, &layer, context);
            shelf.entry(layer).or_insert(shared);
        }
    }
    for unreadable in &checkout.unreadable {
        if let Role::Values(layer) = role(&unreadable.path, &checkout.folder) {
            let shared = Shared {
                path: unreadable.path.clone(),
                blob: None,
                tree: None,
                sound: false,
                diagnostics: vec![
                    Diagnostic::error(Reason::SourceUnreadable, &unreadable.text)
                        .at(&unreadable.path, 1, 1)
                        .hint("make it an ordinary file"),
                ],
            };
            shelf.insert(layer, shared);
        }
    }
    shelf
}

fn read<'a>(file: &'a SourceFile, index: usize, layer: &Layer, context: &Context) -> Shared<'a> {
    let mut findings = Findings::of(file);
    let document = yaml::read(&file.bytes);
    let torn = document.is_torn();
    findings.faults(document.faults);
    let empty = Node {
        place: Place::START,
        data: Data::Map(Vec::new()),
    };
    let root = document
        .root
        .filter(|root| !root.is_null())
        .unwrap_or(empty);
    if !matches!(root.data, Data::Map(_)) {
        findings.error(
            Reason::InvalidValue,
            root.place,
            format!("the file is {}; chart values are a map", root.kind()),
            "begin with a chart value, as in `config:`",
        );
    }
    let tree = expand(&root, index, &mut findings);
    credential::refuse(&tree, &mut findings);
    if *layer != Layer::Base {
        privilege::refuse(&tree, context, &mut findings);
    }
    Shared {
        path: file.path.clone(),
        blob: Some(&file.blob),
        tree: (!torn).then_some(tree),
        sound: findings.list.is_empty(),
        diagnostics: findings.list,
    }
}

/// Values of one file, dotted keys followed.
pub(super) fn expand(node: &Node, index: usize, findings: &mut Findings<'_>) -> Tree {
    let mut clashes = Vec::new();
    let tree = Tree::of_values(node, index, &mut clashes);
    for clash in clashes {
        match clash {
            Clash::Conflict { place, path, first } => findings.error(
                Reason::ValueConflict,
                place,
                format!("{path} is set twice in this file"),
                format!("keep one; the other is in line {}", first.line),
            ),
            Clash::Path { place, key, text } => findings.error(
                Reason::InvalidValue,
                place,
                format!("{key:?} is not a path to a value: {text}"),
                r"separate keys by dots; a dot that belongs to a key is written `\.`",
            ),
            Clash::Gaps { place } => findings.error(
                Reason::TooLarge,
                place,
                "list indexes leave too many empty elements",
                "write the list out",
            ),
        }
    }
    tree
}

/// A diagnostic about an unknown profile.
pub(super) fn unknown_profile(
    name: &str,
    known: Option<&str>,
    file: &SourceFile,
    place: Place,
) -> Diagnostic {
    let hint = match known {
        Some(known) => format!("did you mean {known}?"),
        None => format!("add profiles/{name}.yaml, or take the name away"),
    };
    point(
        Diagnostic::error(
            Reason::UnknownProfile,
            format!("there is no profile {name:?}"),
        )
        .hint(hint),
        file,
        place,
    )
}

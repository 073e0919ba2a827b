//! A checkout to the desired state. One broken file never hides the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use super::context::Context;
use super::desired::{BrokenFile, Desired, LastDeclared, Layer};
use super::draft::Draft;
use super::relation;
use super::shared::{self, Role, Shared};
use crate::diagnostic::{Diagnostic, Severity};
use crate::id::CommitId;
use crate::reason::Reason;
use crate::source::checkout::{Checkout, HeadMove};

/// Resolves every file. `last_declared` is asked once, for the paths of all broken exchange files.
pub fn resolve(
    checkout: &Checkout,
    context: &Context,
    last_declared: &dyn Fn(&[String]) -> BTreeMap<String, LastDeclared>,
) -> Desired {
    let shelf = shared::read_all(checkout, context);
    let drafts = read(checkout, context, &shelf, &Known::new());
    relate(checkout, &shelf, drafts, last_declared)
}

/// Resolves a head and its base, of which nothing is asked that history knows. What the two have in common is read once.
pub fn resolve_both(
    head: &Checkout,
    base: &Checkout,
    context: &Context,
    last_declared: &dyn Fn(&[String]) -> BTreeMap<String, LastDeclared>,
) -> (Desired, Desired) {
    let (shelf, old_shelf) = (
        shared::read_all(head, context),
        shared::read_all(base, context),
    );
    let drafts = read(head, context, &shelf, &Known::new());
    let known: Known<'_, '_> = if are_same(&shelf, &old_shelf) {
        let each = drafts.iter();
        each.map(|draft| ((draft.file.path.as_str(), draft.file.blob.as_str()), draft))
            .collect()
    } else {
        Known::new()
    };
    let old = read(base, context, &old_shelf, &known);
    // History is asked from this thread only.
    let mut before = Desired::default();
    let after = rayon::in_place_scope(|scope| {
        scope.spawn(|_| before = relate(base, &old_shelf, old, &|_| BTreeMap::new()));
        relate(head, &shelf, drafts, last_declared)
    });
    (after, before)
}

/// Files that were read already beside the same shared files, by path and blob.
type Known<'k, 'a> = BTreeMap<(&'k str, &'k str), &'k Draft<'a>>;

/// Whether exchanges find the same below them.
fn are_same(one: &BTreeMap<Layer, Shared<'_>>, other: &BTreeMap<Layer, Shared<'_>>) -> bool {
    let part = |(layer, shared): (&Layer, &Shared<'_>)| {
        (
            layer.clone(),
            shared.path.clone(),
            shared.blob.map(str::to_owned),
        )
    };
    one.iter().map(part).eq(other.iter().map(part))
}

/// Reads every exchange file as far as it can be read alone.
fn read<'a>(
    checkout: &'a Checkout,
    context: &Context,
    shelf: &BTreeMap<Layer, Shared<'_>>,
    known: &Known<'_, 'a>,
) -> Vec<Draft<'a>> {
    let files = checkout.files.par_iter().enumerate();
    files
        .filter(|(_, file)| shared::role(&file.path, &checkout.folder) == Role::Exchange)
        .filter_map(
            |(index, file)| match known.get(&(file.path.as_str(), file.blob.as_str())) {
                Some(draft) => Some(draft.again(file)),
                None => Draft::read(index, checkout, context, shelf),
            },
        )
        .collect()
}

/// What the files declare together.
fn relate(
    checkout: &Checkout,
    shelf: &BTreeMap<Layer, Shared<'_>>,
    mut drafts: Vec<Draft<'_>>,
    last_declared: &dyn Fn(&[String]) -> BTreeMap<String, LastDeclared>,
) -> Desired {
    // Which of two files is told about the other does not depend on how they were listed.
    drafts.sort_by(|one, other| one.file.path.cmp(&other.file.path));
    relation::check(&mut drafts);
    for draft in &mut drafts {
        draft
            .diagnostics
            .sort_by_key(|found| (found.file.clone(), found.line, found.column));
    }
    let mut desired = Desired {
        repository: checkout.repository.clone(),
        commit: checkout.commit.clone(),
        dirty: checkout.dirty,
        has_history: checkout.has_history,
        ..Desired::default()
    };
    desired.diagnostics.extend(
        checkout
            .moved
            .as_ref()
            .map(|moved| report_move(moved, checkout)),
    );
    for unreadable in &checkout.unreadable {
        let text = format!(
            "nothing is removed while this is not read: {}",
            unreadable.text
        );
        desired
            .incomplete
            .push(Diagnostic::error(Reason::SourceIncomplete, text).in_file(&unreadable.path));
    }
    report_shared(shelf, &drafts, &mut desired);
    let broken: Vec<String> = drafts
        .iter()
        .filter(|draft| !draft.is_sound())
        .map(|draft| draft.file.path.clone())
        .collect();
    let told = if broken.is_empty() {
        BTreeMap::new()
    } else {
        last_declared(&broken)
    };
    for draft in drafts {
        settle(draft, &told, &mut desired);
    }
    let mut unique: Vec<Diagnostic> = Vec::new();
    let mut seen = BTreeSet::new();
    for found in desired
        .diagnostics
        .drain(..)
        .chain(desired.incomplete.iter().cloned())
    {
        let key = (
            found.file.clone(),
            found.line,
            found.column,
            found.reason,
            found.text.clone(),
        );
        if seen.insert(key) {
            unique.push(found);
        }
    }
    desired.diagnostics = unique;
    desired
}

/// A broken shared file blocks all who use it, and every removal.
fn report_shared(shelf: &BTreeMap<Layer, Shared<'_>>, drafts: &[Draft<'_>], desired: &mut Desired) {
    for (layer, shared) in shelf {
        desired
            .diagnostics
            .extend(shared.diagnostics.iter().cloned());
        if shared.sound {
            continue;
        }
        desired.broken.push(BrokenFile {
            file: shared.path.clone(),
            line: shared
                .diagnostics
                .iter()
                .find_map(|found| found.line)
                .unwrap_or(1),
            blocks: drafts
                .iter()
                .filter(|draft| draft.waits_for.contains(layer))
                .filter_map(|draft| draft.id.clone())
                .collect(),
            diagnostics: shared.diagnostics.clone(),
        });
        desired.incomplete.push(
            Diagnostic::error(
                Reason::SourceIncomplete,
                "nothing is removed while a values file that exchanges share is broken",
            )
            .in_file(&shared.path)
            .hint("mend the file"),
        );
    }
}

fn settle(draft: Draft<'_>, told: &BTreeMap<String, LastDeclared>, desired: &mut Desired) {
    if draft.is_sound() {
        if let Some(mut exchange) = draft.exchange {
            // Only what other files show makes a copy of it.
            if exchange.diagnostics != draft.diagnostics {
                Arc::make_mut(&mut exchange)
                    .diagnostics
                    .clone_from(&draft.diagnostics);
            }
            desired.exchanges.insert(exchange.id.clone(), exchange);
        }
        desired.diagnostics.extend(draft.diagnostics);
        return;
    }
    desired
        .diagnostics
        .extend(draft.diagnostics.iter().cloned());
    let path = &draft.file.path;
    let mut blocks: BTreeSet<_> = draft.id.iter().cloned().collect();
    let last = told.get(path).unwrap_or(&LastDeclared::NotFound);
    match last {
        LastDeclared::Exchange(id) => {
            blocks.insert(id.clone());
        }
        LastDeclared::Never if !blocks.is_empty() => {}
        LastDeclared::Never | LastDeclared::NotFound => {
            let text = match blocks.first() {
                None => "nothing is removed while it cannot be told which exchange this broken file stands for".to_owned(),
                Some(id) => format!("nothing is removed while it cannot be told whether this broken file stood for another exchange before {id}"),
            };
            desired.incomplete.push(
                Diagnostic::error(Reason::SourceIncomplete, text)
                    .in_file(path)
                    .hint("mend the file"),
            );
        }
    }
    let errors = draft
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    let line = errors
        .clone()
        .filter(|found| found.file.as_ref() == Some(path))
        .find_map(|found| found.line);
    desired.broken.push(BrokenFile {
        file: path.clone(),
        line: line.unwrap_or(1),
        blocks,
        diagnostics: draft.diagnostics,
    });
}
/// That the branch is not where it can be followed blindly.
fn report_move(moved: &HeadMove, checkout: &Checkout) -> Diagnostic {
    let here = checkout.commit.as_ref().map_or("the last", CommitId::short);
    match moved {
        HeadMove::WentBack(head) => Diagnostic::warning(
            Reason::SourceWentBack,
            format!(
                "the branch went back to {}, an ancestor of {here}: {here} is kept",
                head.short()
            ),
        )
        .hint(format!("`natsx-sync reconcile --commit {head}` follows it")),
        HeadMove::Rewritten => Diagnostic::warning(
            Reason::HistoryRewritten,
            format!(
                "{here} is not a descendant of the commit followed before: what it declares is followed, removals need proof from its own history"
            ),
        ),
    }
}

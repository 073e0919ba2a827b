//! The two sides of an offline plan: what git says now, and what it said at the base.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PassError;
use super::repository::{Repository, context_of_git};
use crate::config::Settings;
use crate::exchange::desired::{BrokenFile, Desired};
use crate::exchange::{Context, resolve};
use crate::id::CommitId;
use crate::source::checkout::Checkout;
use crate::source::{Base, Revision};

/// How far back a file is followed that was broken at the base.
const EARLIER: usize = 8;

/// Head and base.
#[derive(Debug)]
pub struct Sides {
    /// What is planned.
    pub head: Desired,
    /// What it is compared with; without one everything is new.
    pub base: Option<(CommitId, Desired)>,
    /// What it is compared with and why, as the end of a sentence.
    pub against: String,
}

/// Reads both sides from a repository or folder of this host. `asked` is the revision whose merge base with the head is
/// the base.
pub fn read_sides(
    settings: &Settings,
    revision: &Revision,
    asked: Option<&str>,
) -> Result<Sides, PassError> {
    let repository = Repository::open(settings, None)?;
    let context = context_of_git(settings);
    let checkout = repository.source.read(revision)?;
    let against = repository.source.base(&checkout, asked)?;
    match against {
        Base::Nothing(why) => Ok(Sides {
            head: Arc::unwrap_or_clone(repository.resolve(&checkout, &context)?.desired),
            base: None,
            against: format!("nothing, so everything is shown as new: {why}"),
        }),
        Base::Commit { commit, text } => {
            let old = repository.source.read_base(&commit, &checkout)?;
            let (head, mut base) = repository.resolve_both(&checkout, &old, &context)?;
            if !base.broken.is_empty() {
                mend(&mut base, &head, &repository, &commit, &checkout, &context)?;
            }
            Ok(Sides {
                head,
                base: Some((commit, base)),
                against: text,
            })
        }
    }
}

/// What a commit declares. What its broken files declared before is not asked: they block nothing at a base.
fn declared(checkout: &Checkout, context: &Context) -> Desired {
    resolve(checkout, context, &|_| BTreeMap::new())
}

/// What was broken at the base and is not any more is compared with what its last good ancestor declared.
fn mend(
    base: &mut Desired,
    head: &Desired,
    repository: &Repository,
    commit: &CommitId,
    checkout: &Checkout,
    context: &Context,
) -> Result<(), PassError> {
    let is_broken = |desired: &Desired, path: &str| desired.broken.iter().any(|b| b.file == path);
    let mut open: Vec<BrokenFile> = base.broken.clone();
    open.retain(|broken| !is_broken(head, &broken.file));
    if open.is_empty() {
        return Ok(());
    }
    let paths: Vec<&str> = open.iter().map(|broken| broken.file.as_str()).collect();
    let history = repository.source.history(commit)?;
    for earlier in history.before_changes(&paths, EARLIER) {
        let older = repository.source.read_base(&earlier, checkout)?;
        let older = declared(&older, context);
        let is_good = |broken: &BrokenFile| !is_broken(&older, &broken.file);
        for broken in open.iter().filter(|broken| is_good(broken)) {
            let declared = older.exchanges.values().filter(|exchange| {
                exchange.file == broken.file || broken.blocks.contains(&exchange.id)
            });
            for exchange in declared {
                let id = exchange.id.clone();
                base.exchanges
                    .entry(id)
                    .or_insert_with(|| Arc::clone(exchange));
            }
        }
        open.retain(|broken| !is_good(broken));
        if open.is_empty() {
            break;
        }
    }
    Ok(())
}

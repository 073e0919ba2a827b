//! What is waited for and not listed: it was removed, or may be where nothing could be read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Args;
use super::road::Road;
use crate::cli::gone::Gone;
use crate::cli::named::{NotOne, refused};
use crate::cli::status::meant;
use crate::cli::{Common, Failure};
use crate::reason::Reason;
use crate::report::code_of;
use crate::report::exit::category_of_block;
use crate::status::Status;

/// What is known of those that are not listed.
#[derive(Default)]
pub(super) struct Absent {
    /// What was listed while it was waited for: when it is not any more, it is gone.
    listed: BTreeSet<String>,
    /// Of which status, and what became of it. The journal is read once for each: it may be long.
    told: BTreeMap<String, (Timestamp, Told)>,
}

/// What became of one.
#[derive(Clone)]
enum Told {
    /// The journal knows it, and whether its removal is what was waited for.
    Gone(Box<Gone>, bool),
    /// Nobody here knows it.
    Unknown,
}

/// What that means for the wait.
pub(super) enum Stands {
    /// It was removed, which is as good as ready; how, where that is known here.
    Removed(Option<Box<Gone>>),
    /// It may be there: why nobody knows, where that is known of this one.
    Unseen(Option<String>),
    /// A guard holds its removal; the exit code that says so.
    Held(u8, String),
}

impl Absent {
    /// It is listed now.
    pub(super) fn list(&mut self, wanted: &str) {
        if !self.listed.contains(wanted) {
            self.listed.insert(wanted.to_owned());
        }
    }

    /// Where one stands that nothing in the status is called; `error` says so.
    ///
    /// # Errors
    /// When nothing can come of it: it was removed before, or is nowhere that is looked at.
    pub(super) fn stands(
        &mut self,
        wanted: &str,
        error: NotOne,
        status: &Status,
        args: &Args,
        common: &Common,
        road: &Road<'_>,
    ) -> Result<Stands, Failure> {
        // What is tried again by `reconcile` was listed when that was said.
        let was_listed = args.served.is_some() || self.listed.contains(wanted);
        let known = self.told.get(wanted);
        let told = match known.filter(|(at, _)| *at == status.written_at) {
            Some((_, told)) => told.clone(),
            None => match meant(common, args.status.as_ref(), status, wanted) {
                Err(NotOne::Gone(gone)) => {
                    let is_meant = was_listed || is_of_commit(&gone, road);
                    Told::Gone(gone, is_meant)
                }
                Ok(_) | Err(NotOne::Nothing { .. }) => Told::Unknown,
                Err(several @ NotOne::Several { .. }) => return Err(refused(several)),
            },
        };
        self.told
            .insert(wanted.to_owned(), (status.written_at, told.clone()));
        match told {
            Told::Gone(gone, is_meant) => stands_gone(gone, is_meant),
            Told::Unknown if !status.complete => Ok(Stands::Unseen(None)),
            Told::Unknown if was_listed => Ok(Stands::Removed(None)),
            Told::Unknown => Err(refused(error)),
        }
    }
}

/// Whether it went with the commit that is waited for, or after it. Where nobody knows for which commit it went, that one
/// may have been it.
fn is_of_commit(gone: &Gone, road: &Road<'_>) -> bool {
    road.is_any() && gone.removed_for().is_none_or(|at| road.leads_to(at))
}

fn stands_gone(gone: Box<Gone>, is_meant: bool) -> Result<Stands, Failure> {
    let reason = gone.reason();
    if reason == Reason::Removed && is_meant {
        return Ok(Stands::Removed(Some(gone)));
    }
    let is_over = [
        Reason::Removed,
        Reason::ClusterNotInInventory,
        Reason::NamespaceNotObserved,
    ];
    if is_over.contains(&reason) {
        return Err(refused(NotOne::Gone(gone)));
    }
    let text = gone.to_string();
    if reason == Reason::MassRemoval {
        let code = code_of([category_of_block(reason)]);
        return Ok(Stands::Held(code, text));
    }
    Ok(Stands::Unseen(Some(text)))
}

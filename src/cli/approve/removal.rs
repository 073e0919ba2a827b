//! Removals that are meant: let through at the commit of the last pass, for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;

use super::given::{Given, shown_commit};
use crate::cli::named::{one_of, refused};
use crate::cli::said::{said, tell};
use crate::cli::{Common, Failure, NOTHING_MATCHED, Output, status};
use crate::id::ExchangeId;
use crate::state::State;
use crate::state::approvals::Approval;
use crate::state::journal::{Subject, Verb};

pub(super) fn approve_removals(
    common: &Common,
    ids: BTreeSet<ExchangeId>,
    expires: Duration,
    given: &mut Given,
    output: &Output,
) -> Result<(), Failure> {
    let (state, status) = status::read(common)?;
    // What nobody wants to remove would be let go by the next slip, within the hour.
    for id in &ids {
        let entry = one_of(&id.to_string(), &status.exchanges).map_err(refused)?;
        if entry.needs.is_none() {
            let text = "nothing holds a removal of it back; approve it when `natsx-sync status` shows that";
            return Err(Failure::new(NOTHING_MATCHED, anyhow!("{id}: {text}")));
        }
    }
    let state = State::open_to_write(state.folder())?;
    let now = Timestamp::now();
    let approval = Approval {
        ids,
        commit: status.commit.clone(),
        given: now,
        expires: now.checked_add(expires)?,
    };
    state.approve(&approval)?;
    let text = format!("its removal, at {}", shown_commit(&approval));
    let until = Some(approval.expires);
    let each = approval.ids.iter().cloned().map(Subject::Exchange);
    let all = each.map(|id| said(Verb::Approve, id, text.as_str(), until));
    given.seen_by(tell(&state, all.collect(), output));
    given.removals = Some(approval);
    Ok(())
}

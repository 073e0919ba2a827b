//! Finds the exchange somebody means.

use anyhow::anyhow;

use super::{Common, Failure};
use crate::id::ExchangeId;
use crate::state::State;

/// The state folder of the settings.
pub(super) fn state(common: &Common) -> Result<State, Failure> {
    let folder = common.settings()?.settings.state;
    Ok(State::open(&folder.ok_or_else(super::status::no_state)?)?)
}

/// The exchange that is called so in the last status: by id, an ending of it, or its file.
pub(super) fn named(state: &State, wanted: &str) -> Result<ExchangeId, Failure> {
    let status = state.read_status()?;
    let entries = status.iter().flat_map(|status| &status.exchanges);
    let ids: Vec<_> = entries
        .filter_map(|entry| {
            let meant = super::status::is_called(entry, wanted);
            entry.id.as_ref().filter(|_| meant)
        })
        .collect();
    match ids.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::new(
            7,
            anyhow!("no exchange is called {wanted:?}; `natsx-sync status` lists them"),
        )),
        _ => Err(Failure::new(
            7,
            anyhow!(
                "{wanted:?} names {} exchanges; write more of the id",
                ids.len()
            ),
        )),
    }
}

//! What was said by command is told to the daemon, and stands in the history.

use jiff::Timestamp;

use super::Output;
use crate::control::{self, Acknowledged, Request};
use crate::daemon::actor;
use crate::state::State;
use crate::state::journal::{Journal, Said, Subject, Verb};

/// In the name of whoever calls.
pub(super) fn said(
    verb: Verb,
    about: Subject,
    text: impl Into<String>,
    until: Option<Timestamp>,
) -> Said {
    Said {
        verb,
        about,
        by: actor(verb.word()),
        text: text.into(),
        until,
    }
}

/// Tells the daemon, if one runs, that something beside the repository was changed, and writes down what. Says which pass
/// sees it.
pub(super) fn tell(state: &State, all: Vec<Said>, output: &Output) -> Option<Acknowledged> {
    let mut seen_by = None;
    let written = match control::tell(state) {
        Ok(None) => alone(state, all),
        Ok(Some(told)) => {
            output.say(&format!("pass {} sees it", told.pass));
            seen_by = Some(told);
            let requests: Vec<_> = all.into_iter().map(Request::Said).collect();
            control::ask(state, &requests)
                .map(drop)
                .map_err(anyhow::Error::from)
        }
        Err(error) => {
            output.say(&format!(
                "note: the daemon sees this at its next pass only: {error}"
            ));
            return None;
        }
    };
    if let Err(error) = written {
        output.say(&format!("note: `history` does not tell of it: {error:#}"));
    }
    seen_by
}

/// Nobody is there to be asked: whoever holds the folder writes its journal, and that is us.
fn alone(state: &State, all: Vec<Said>) -> anyhow::Result<()> {
    let Some(first) = all.first() else {
        return Ok(());
    };
    let _lock = state.lock(Timestamp::now())?;
    let journal = Journal::open(&state.private("journal")?, &first.by)?;
    let lines = all.into_iter().map(|said| said.line(0, None));
    journal.append_all(lines.collect())?;
    Ok(())
}

//! What people hold by command, beside what files say. Git is still where it is wanted; this is a hand on the brake.

use std::collections::BTreeMap;
use std::fs::File;

use jiff::Timestamp;

use crate::exchange::desired::Suspend;
use crate::id::ExchangeId;
use crate::state::{State, StateError, cure, io, read_json, write_json};

const CURE: &str = "put back a copy; or stop the daemon, remove it, and before you start it again suspend what `natsx-sync history` says was suspended: without it nothing is held by command any more";

impl State {
    /// Those in force; a file that cannot be read is an error, for what it holds must not go on.
    pub fn suspensions(&self, now: Timestamp) -> Result<BTreeMap<ExchangeId, Suspend>, StateError> {
        let path = self.folder().join("suspensions.json");
        let all: Option<BTreeMap<ExchangeId, Suspend>> = read_json(&path).map_err(cure(CURE))?;
        let mut all = all.unwrap_or_default();
        all.retain(|_, suspend| suspend.until.is_none_or(|until| until > now));
        Ok(all)
    }

    /// Holds an exchange; what was said before of it is replaced and given back.
    pub fn suspend(
        &self,
        id: &ExchangeId,
        suspend: Suspend,
        now: Timestamp,
    ) -> Result<Option<Suspend>, StateError> {
        let _turn = self.suspending()?;
        let mut all = self.suspensions(now)?;
        let before = all.insert(id.clone(), suspend);
        self.write_suspensions(&all)?;
        Ok(before)
    }

    /// Holds it no longer; whether it was held.
    pub fn resume(&self, id: &ExchangeId, now: Timestamp) -> Result<bool, StateError> {
        let _turn = self.suspending()?;
        let mut all = self.suspensions(now)?;
        let held = all.remove(id).is_some();
        if held {
            self.write_suspensions(&all)?;
        }
        Ok(held)
    }

    /// Of two people who brake at the same time, neither undoes what the other did.
    fn suspending(&self) -> Result<File, StateError> {
        let path = self.folder().join("suspensions.lock");
        let file = crate::file::private(&path).map_err(io("open", &path))?;
        file.lock().map_err(io("lock", &path))?;
        Ok(file)
    }

    fn write_suspensions(&self, all: &BTreeMap<ExchangeId, Suspend>) -> Result<(), StateError> {
        let path = self.folder().join("suspensions.json");
        write_json(&path, all, 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_ends_by_command_or_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let (a, b): (ExchangeId, ExchangeId) = ("c/n/a".parse().unwrap(), "c/n/b".parse().unwrap());
        let suspend = |until| Suspend {
            reason: "storage is moved".to_owned(),
            until,
        };
        state.suspend(&a, suspend(Some(later)), now).unwrap();
        state.suspend(&b, suspend(None), now).unwrap();
        assert_eq!(state.suspensions(now).unwrap().len(), 2);
        let before = state.suspend(&b, suspend(None), now).unwrap();
        assert_eq!(before, Some(suspend(None)), "somebody else's may be lost");
        assert_eq!(state.suspensions(later).unwrap().len(), 1);
        assert!(state.resume(&b, now).unwrap());
        assert!(!state.resume(&b, now).unwrap());
        std::fs::write(folder.path().join("suspensions.json"), "{").unwrap();
        let error = state.suspensions(now).unwrap_err().to_string();
        assert!(error.contains("put back a copy"), "{error}");
    }

    #[test]
    fn nobody_loses_a_brake_to_somebody_else() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        std::thread::scope(|scope| {
            for number in 0..8 {
                let state = &state;
                scope.spawn(move || {
                    let suspend = Suspend {
                        reason: "storage is moved".to_owned(),
                        until: None,
                    };
                    let id = format!("c/n/r{number}").parse().unwrap();
                    state.suspend(&id, suspend, now).unwrap();
                });
            }
        });
        assert_eq!(state.suspensions(now).unwrap().len(), 8);
    }
}

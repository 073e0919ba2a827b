//! The state folder, before anything is kept in it: who only asks makes none.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::sheet::Check;
use crate::diagnostic::chain;
use crate::state::State;

/// What is to be said of the state folder, and where looking leaves what it has to: there, or in `spare` where it cannot be
/// used or would have to be made for that. What is fetched to be kept has it made.
pub(super) fn check_state(
    state: Option<&Path>,
    spare: &Path,
    keeps: bool,
) -> (Option<Check>, PathBuf) {
    let what = "state folder";
    let Some(folder) = state else {
        let advice = "set `state`, $STATE_DIRECTORY or $HOME";
        return (Some(Check::bad(what, "none", advice)), spare.to_owned());
    };
    if keeps || folder.exists() {
        return match State::open_to_write(folder) {
            Ok(_) => (None, folder.to_owned()),
            Err(error) => {
                let advice = "mend what is named and try again";
                let bad = Check::bad(what, &chain(&error), advice);
                (Some(bad), spare.to_owned())
            }
        };
    }
    let above = folder.ancestors().skip(1).find(|above| above.is_dir());
    let above = above.unwrap_or(Path::new("/"));
    let shown = folder.display();
    let check = if access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        Check::note(
            what,
            &format!("{shown} is not there yet; it is made when it is needed"),
        )
    } else {
        Check::bad(
            what,
            &format!(
                "{shown} is not there, and this user may not write to {}",
                above.display()
            ),
            "make it for the user natsx-sync runs as, or set `state`",
        )
    };
    (Some(check), spare.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_only_looks_makes_no_state_folder_and_has_a_place_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let spare = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let (check, place) = check_state(Some(&state), spare.path(), false);
        assert!(check.is_some() && !state.exists());
        assert_eq!(place, spare.path());
        let (check, place) = check_state(None, spare.path(), false);
        assert!(check.is_some());
        assert_eq!(place, spare.path());

        // What is fetched is kept.
        let (check, place) = check_state(Some(&state), spare.path(), true);
        assert!(check.is_none() && state.exists());
        assert_eq!(place, state);
        fs::write(state.join("format"), "7").unwrap();
        let (check, place) = check_state(Some(&state), spare.path(), false);
        assert!(check.unwrap().show(80).contains("has format"));
        assert_eq!(place, spare.path());
    }
}

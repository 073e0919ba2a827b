//! The state folder, before anything is kept in it: who only asks makes none.

use std::path::Path;

use rustix::fs::{Access, access};
use tempfile::TempDir;

use super::sheet::Sheet;
use crate::config::Settings;

/// Looks whether the state folder can be made, and has `spare` take its place meanwhile.
pub(super) fn check_state(settings: &mut Settings, spare: Option<&TempDir>, sheet: &mut Sheet) {
    let (Some(folder), Some(spare)) = (settings.state.clone(), spare) else {
        return;
    };
    if folder.exists() {
        return;
    }
    let what = "state folder";
    let above = folder.ancestors().skip(1).find(|above| above.is_dir());
    let above = above.unwrap_or(Path::new("/"));
    let shown = folder.display();
    if access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        sheet.note(
            what,
            &format!("{shown} is not there yet; it is made when it is needed"),
        );
    } else {
        sheet.bad(
            what,
            &format!(
                "{shown} is not there, and this user may not write to {}",
                above.display()
            ),
            "make it for the user natsx-sync runs as, or set `state`",
        );
    }
    settings.state = Some(spare.path().join("state"));
}

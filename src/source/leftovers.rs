//! What an interrupted fetch leaves in a mirror, and what months of fetches pile up there.

use std::fs;
use std::path::Path;

/// Removes locks that nobody holds any more and packs that were never whole; how many packs are left. Only to be asked while
/// no fetch runs. What cannot be removed is left to git, which says what it is in the way of.
pub(super) fn sweep(mirror: &Path) -> usize {
    sweep_within(mirror, 4)
}

fn sweep_within(folder: &Path, depth: usize) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let mut packs = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // Folders of two letters are those of single objects, of which there may be many.
        if is_folder && depth > 0 && name.len() > 2 {
            packs += sweep_within(&entry.path(), depth - 1);
        } else if !is_folder && (name.ends_with(".lock") || name.starts_with("tmp_pack")) {
            fs::remove_file(entry.path()).ok();
        } else if name.ends_with(".pack") {
            packs += 1;
        }
    }
    packs
}

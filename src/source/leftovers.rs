//! What an interrupted fetch leaves in a mirror, and what months of fetches pile up there.

use std::fs;
use std::path::Path;

/// Each fetch adds a pack and nothing is collected in the background, so beyond this reading gets slow.
const PACKS: usize = 200;

/// Whether a mirror has locks that nobody holds any more, or too many packs. Only asked while no fetch runs.
pub(super) fn hinder(mirror: &Path) -> bool {
    let mut packs = 0;
    locked(mirror, &mut packs, 4) || packs > PACKS
}

fn locked(folder: &Path, packs: &mut usize, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".lock") || name.starts_with("tmp_pack") {
            return true;
        }
        if name.ends_with(".pack") {
            *packs += 1;
        }
        let inner = entry.file_type().is_ok_and(|kind| kind.is_dir()) && name.len() > 2;
        if inner && depth > 0 && locked(&entry.path(), packs, depth - 1) {
            return true;
        }
    }
    false
}

//! `plan --out FILE`: a plan for `apply FILE`.

use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;

use super::Args;
use super::live::Basis;
use crate::cli::{Failure, Output, file};
use crate::plan::action::Plan;
use crate::report::Truth;
use crate::saved::{Circumstances, SavedPlan};

pub(super) fn save(
    path: &Path,
    plan: &Plan,
    basis: Basis,
    args: &Args,
    output: &Output,
) -> Result<(), Failure> {
    let Some(commit) = &plan.commit else {
        return Err(anyhow!(
            "nothing was saved: a folder without commits cannot be read again as it is now; commit the files first"
        )
        .into());
    };
    let created = Timestamp::now();
    let expires = created
        .checked_add(args.expires)
        .map_err(|_| anyhow!("--expires is too far away"))?;
    let saved = SavedPlan::new(
        plan,
        &basis.desired,
        Circumstances {
            created,
            expires,
            instance: basis.instance,
            truth: Truth::Live,
            allow_delete: args.allow_delete.iter().cloned().collect(),
            archives: basis.archives,
        },
    );
    file::write_private(path, &saved.to_text()?)?;
    let path = path.display();
    output.say(&format!(
        "saved {path}, to be applied until {expires:.0}: natsx-sync apply {path}"
    ));
    if basis.desired.dirty {
        output.say(&format!(
            "note: uncommitted changes are no part of commit {}; what rests on them will be stale",
            commit.short()
        ));
    }
    Ok(())
}

//! `snapshot`: a picture of the world for plans made elsewhere.

use std::path::PathBuf;

use super::{Common, Done, Output, file};
use crate::daemon::check;
use crate::pass::{Equipment, Purpose, take_snapshot};
use crate::report::{Category, code_of};
use crate::source::Revision;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync snapshot --out world.json     then: natsx-sync plan --snapshot world.json\n  natsx-sync snapshot --revision main      to stdout"
)]
pub(super) struct Args {
    /// Write it to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let settings = common.settings()?.settings;
    check(&settings)?;
    let equipment = Equipment::connect(settings, Purpose::Look).await?;
    equipment.repository.fetch_remote().await?;
    let revision = super::plan::revision(common, Revision::Files);
    let snapshot = take_snapshot(&equipment, &revision).await?;
    let text = snapshot.to_text()?;
    match &args.out {
        Some(path) => {
            file::write_private(path, &text)?;
            output.say(&format!("saved {}", path.display()));
        }
        None => output.result(&text),
    }
    let missing = snapshot.unreadable().map(|(name, why)| {
        output.say(&format!("not read: {name}: {}: {}", why.reason, why.text));
        Category::Incomplete
    });
    Ok(code_of(missing))
}

//! `plan --out FILE`: a plan for `apply FILE`.

use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;

use super::Args;
use super::live::Basis;
use crate::cli::{Common, Failure, Output, file};
use crate::plan::action::Plan;
use crate::report::Truth;
use crate::saved::{Circumstances, SavedPlan};

pub(super) fn save(
    path: &Path,
    plan: &Plan,
    basis: Basis,
    common: &Common,
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
    let path = path.display().to_string();
    output.say(&if is_empty(plan) {
        format!("saved {path}, which changes nothing: there is nothing to apply")
    } else {
        let command = command(common, &path);
        format!("saved {path}, to be applied until {expires:.0}: {command}")
    });
    if basis.desired.dirty {
        output.say(&format!(
            "note: uncommitted changes are no part of commit {}; what rests on them will be stale",
            commit.short()
        ));
    }
    Ok(())
}

fn is_empty(plan: &Plan) -> bool {
    !plan.exchanges.iter().any(|entry| entry.action.is_change())
}

/// What applies it: the clusters, the repository and the state are found as the plan found them.
fn command(common: &Common, path: &str) -> String {
    let mut words = vec!["natsx-sync".to_owned(), "apply".to_owned(), quoted(path)];
    let mut flag = |name: &str, value: &str| words.push(format!("{name} {}", quoted(value)));
    if let Some(file) = &common.config {
        flag("--config", &file.display().to_string());
    }
    if let Some(source) = &common.source {
        flag("--source", source);
    }
    for kubeconfig in &common.kubeconfig {
        flag("--kubeconfig", kubeconfig);
    }
    if let Some(folder) = &common.state {
        flag("--state", &folder.display().to_string());
    }
    words.join(" ")
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        common: Common,
    }

    #[test]
    fn the_command_that_applies_a_plan_finds_what_the_plan_found() {
        let line = [
            "x",
            "--source",
            "my files",
            "--kubeconfig",
            "one=/k/one",
            "--kubeconfig",
            "/k/two",
        ];
        let Line { common } = Line::parse_from(line);
        assert_eq!(
            command(&common, "p.json"),
            "natsx-sync apply p.json --source 'my files' --kubeconfig one=/k/one --kubeconfig /k/two"
        );
    }
}

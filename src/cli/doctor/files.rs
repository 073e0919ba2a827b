//! The files that settings name and that are read only when they are needed, which may be long after.

use super::sheet::Check;
use crate::config::Settings;
use crate::config::files::{self, Unreadable};
use crate::diagnostic::chain;
use crate::listen::Secrets;
use crate::mask::masked_address;

pub(super) async fn check_files(settings: &Settings) -> serde_json::Result<Vec<Check>> {
    let advice = "put it there, or see that this user may read it";
    let (found, count) = files::unreadable(settings)?;
    // Beside what else is said of it.
    let forge = |file: &&Unreadable| {
        file.key.starts_with("events.commit_status.") && file.key.ends_with("token_file")
    };
    let bad = found.iter().filter(|file| !forge(file));
    let bad = bad.map(|Unreadable { key, text }| Check::bad(key, text, advice));
    let mut checks: Vec<_> = bad.collect();
    let key = "webhook.secret_file";
    let secrets = settings.webhook.secret_file.clone();
    if let Some(path) = secrets.filter(|_| found.iter().all(|file| file.key != key))
        && let Err(error) = Secrets::in_file(path).read().await
    {
        checks.push(Check::bad(key, &chain(&error), advice));
    } else if found.is_empty() && count > 0 {
        checks.push(Check::good(
            "files",
            &format!("{count} named in the settings, all readable"),
        ));
    }
    checks.extend(check_commit_status(settings));
    Ok(checks)
}

/// The forge itself is not asked: it could only be told something.
fn check_commit_status(settings: &Settings) -> Option<Check> {
    let wanted = settings.events.commit_status.as_ref()?;
    let (what, advice) = ("commit status", "mend `events.commit_status`, or the file");
    let target = match wanted.target(settings.source.url.as_deref(), &settings.instance) {
        Ok(target) => target,
        Err(text) => return Some(Check::bad(what, &text, advice)),
    };
    let file = target.token_file.display();
    Some(match std::fs::read_to_string(&target.token_file) {
        Ok(token) if !token.trim().is_empty() => Check::good(
            what,
            &format!(
                "{} at {}, token in {file}",
                target.repository,
                masked_address(target.api.as_str())
            ),
        ),
        Ok(_) => Check::bad(what, &format!("{file} is empty"), advice),
        Err(error) => Check::bad(what, &format!("{file}: {error}"), advice),
    })
}

//! When a daemon did something: its journal says so.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use serde_json::Value;

/// When each effect of this name was over.
pub(super) fn done(state: &Path, step: &str) -> Result<Vec<SystemTime>> {
    let mut times = Vec::new();
    for file in std::fs::read_dir(state.join("journal"))? {
        for line in std::fs::read_to_string(file?.path())?.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let word = |key: &str| entry.get(key).and_then(Value::as_str);
            if word("step") == Some(step) && word("phase") == Some("done") {
                times.push(humantime::parse_rfc3339(word("time").unwrap_or_default())?);
            }
        }
    }
    Ok(times)
}

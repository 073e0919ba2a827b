//! When a daemon did something: its journal says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use serde_json::Value;

/// When an effect of this name came to this phase, of each exchange; the last time of several.
pub(super) fn times(state: &Path, step: &str, phase: &str) -> Result<BTreeMap<String, SystemTime>> {
    let mut times = BTreeMap::new();
    for file in std::fs::read_dir(state.join("journal"))? {
        for line in std::fs::read_to_string(file?.path())?.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            if word("step") == step && word("phase") == phase {
                let time = humantime::parse_rfc3339(word("time"))?;
                let last = times.entry(word("id").to_owned()).or_insert(time);
                *last = time.max(*last);
            }
        }
    }
    Ok(times)
}

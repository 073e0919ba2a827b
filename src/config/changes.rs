//! What a daemon that runs can take over of changed settings.

use serde_json::Value;

use crate::config::Settings;
use crate::config::keys::KEYS;

/// The keys that differ and are looked at only at start; all of those when they cannot be compared.
pub fn need_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let values = serde_json::to_value(old).and_then(|old| Ok((old, serde_json::to_value(new)?)));
    KEYS.iter()
        .filter(|key| {
            let pointer = format!("/{}", key.path.replace('.', "/"));
            let differs =
                |(old, new): &(Value, Value)| old.pointer(&pointer) != new.pointer(&pointer);
            key.at_start && values.as_ref().map_or(true, differs)
        })
        .map(|key| key.path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_only_at_start_is_named() {
        let old = Settings::default();
        let mut new = Settings::default();
        new.policy.prune = false;
        new.source.interval *= 2;
        assert!(need_restart(&old, &new).is_empty());
        new.source.url = Some("/elsewhere".to_owned());
        new.state = Some("/elsewhere".into());
        new.listen.status.set_port(1);
        assert_eq!(
            need_restart(&old, &new),
            ["source.url", "listen.status", "state"]
        );
    }
}

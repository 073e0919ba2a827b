//! What a daemon that runs can take over of changed settings.

use crate::config::Settings;
use crate::config::keys::KEYS;

/// The keys that differ and are looked at only at start.
pub fn need_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return Vec::new();
    };
    KEYS.iter()
        .filter(|key| {
            let pointer = format!("/{}", key.path.replace('.', "/"));
            key.at_start && old.pointer(&pointer) != new.pointer(&pointer)
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

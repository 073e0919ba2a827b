//! Our labels on a release Secret (design 4.2).

use std::collections::BTreeMap;

use crate::observe::observed::Stamp;

/// The label that says which natsx-sync owns a release.
pub(super) const INSTANCE: &str = "natsx-sync/instance";
const SYSTEM_ID: &str = "natsx-sync/system-id";
const DIGEST: &str = "natsx-sync/digest";
const CHART: &str = "natsx-sync/chart";
const COMMIT: &str = "natsx-sync/commit";
const REVISION: &str = "natsx-sync/revision";

/// Every label a stamp can set.
pub(super) const LABELS: [&str; 6] = [INSTANCE, SYSTEM_ID, DIGEST, CHART, COMMIT, REVISION];

/// The stamp as labels.
pub fn stamp_labels(stamp: &Stamp) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (INSTANCE.to_owned(), stamp.instance.to_string()),
        (SYSTEM_ID.to_owned(), stamp.system_id.to_string()),
        (DIGEST.to_owned(), stamp.digest.clone()),
        (REVISION.to_owned(), stamp.revision.to_string()),
    ]);
    if let Some(chart) = &stamp.chart {
        labels.insert(CHART.to_owned(), chart.clone());
    }
    if let Some(commit) = &stamp.commit {
        labels.insert(COMMIT.to_owned(), commit.to_string());
    }
    labels
}

/// The stamp of a release Secret. Labels that are not all of ours, or not legal, are no stamp: what is not surely ours
/// is not ours.
pub fn parse_stamp(labels: &BTreeMap<String, String>) -> Option<Stamp> {
    let chart = optional(labels, CHART).ok()?;
    let commit = match optional(labels, COMMIT).ok()? {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let digest = labels.get(DIGEST)?;
    if !is_hex40(digest) {
        return None;
    }
    Some(Stamp {
        instance: labels.get(INSTANCE)?.parse().ok()?,
        system_id: labels.get(SYSTEM_ID)?.parse().ok()?,
        digest: digest.clone(),
        chart,
        commit,
        revision: labels.get(REVISION)?.parse().ok()?,
    })
}

/// A label is there and no 40 hexadecimal digits.
struct Illegal;

/// Absent and empty are the same: Helm cannot take a label off a release again.
fn optional(labels: &BTreeMap<String, String>, key: &str) -> Result<Option<String>, Illegal> {
    match labels.get(key).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(text) if is_hex40(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(Illegal),
    }
}

fn is_hex40(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            instance: "default".parse().unwrap(),
            system_id: "89d4c61a-b35f-4fd0-8097-1aa58a77ec9f".parse().unwrap(),
            digest: "a".repeat(40),
            chart: Some("b".repeat(40)),
            commit: Some("c".repeat(40).parse().unwrap()),
            revision: 7,
        }
    }

    #[test]
    fn labels_come_back_as_the_stamp_they_were_made_of() {
        for stamp in [
            stamp(),
            Stamp {
                chart: None,
                commit: None,
                ..stamp()
            },
        ] {
            assert_eq!(parse_stamp(&stamp_labels(&stamp)), Some(stamp));
        }
    }

    #[test]
    fn labels_fit_kubernetes() {
        let longest = Stamp {
            instance: "i".repeat(40).parse().unwrap(),
            ..stamp()
        };
        for (key, value) in stamp_labels(&longest) {
            assert!(value.len() <= 63, "{key}");
            assert!(LABELS.contains(&key.as_str()));
        }
        for outside in ["-a", "a-"] {
            assert!(outside.parse::<crate::id::Instance>().is_err());
        }
    }

    #[test]
    fn incomplete_or_illegal_labels_are_no_stamp() {
        for key in [INSTANCE, SYSTEM_ID, DIGEST, REVISION] {
            let mut labels = stamp_labels(&stamp());
            labels.remove(key);
            assert_eq!(parse_stamp(&labels), None, "{key}");
        }
        for key in LABELS {
            let mut labels = stamp_labels(&stamp());
            labels.insert(key.to_owned(), "Not/Legal".to_owned());
            assert_eq!(parse_stamp(&labels), None, "{key}");
        }
    }
}

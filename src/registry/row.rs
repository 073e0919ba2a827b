//! Rows on the wire: read leniently, written completely.

use serde_json::{Value, json};

use crate::observe::observed::Record;

/// Reads an answer that should be JSON. The original writes `NaN` and `Infinity`, which are not; read as null, one such
/// record does not hide the others.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body)
        .or_else(|error| serde_json::from_slice(&without_nan(body)).map_err(|_| error))
}

fn without_nan(body: &[u8]) -> Vec<u8> {
    const BARE: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let mut mended = Vec::with_capacity(body.len());
    let (mut rest, mut in_string, mut escaped) = (body, false, false);
    while let Some((&first, tail)) = rest.split_first() {
        if !in_string && let Some(after) = BARE.iter().find_map(|word| rest.strip_prefix(*word)) {
            mended.extend_from_slice(b"null");
            rest = after;
            continue;
        }
        match first {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        mended.push(first);
        rest = tail;
    }
    mended
}

/// Reads a row; none when it has no key to speak of it by. A field that is missing or of a wrong type reads as absent,
/// so it differs from any wanted text and is mended.
pub(super) fn read(row: &Value) -> Option<Record> {
    let text = |field| row.get(field).and_then(Value::as_str).map(str::to_owned);
    Some(Record {
        system_id: text("system_id").filter(|key| !key.is_empty())?,
        org_ids: text("org_ids"),
        cluster_id: text("cluster_id"),
        public_url: text("public_url"),
        name: text("name"),
        metadata: row
            .get("metadata")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    })
}

/// All six fields: a PUT with fewer would leave a partial record if the record vanished meanwhile.
pub(super) fn body(record: &Record) -> Value {
    json!({
        "system_id": record.system_id,
        "org_ids": record.org_ids,
        "cluster_id": record.cluster_id,
        "public_url": record.public_url,
        "name": record.name,
        "metadata": record.metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_outside_strings_reads_as_null() {
        let body = br#"{"data":[{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN \" -Infinity \\"}]}"#;
        let value = parse(body).unwrap();
        assert_eq!(
            value,
            json!({"data": [{"a": null, "b": [null, null], "c": "NaN \" -Infinity \\"}]})
        );
        assert!(parse(b"<html>").is_err());
        assert!(parse(b"{\"a\":").is_err());
    }

    #[test]
    fn rows_read_leniently() {
        let row =
            json!({"system_id": "x", "org_ids": 42, "name": null, "metadata": [1], "other": 1});
        let record = read(&row).unwrap();
        assert_eq!(
            record,
            Record {
                system_id: "x".into(),
                ..Record::default()
            }
        );
        for row in [
            json!({}),
            json!({"system_id": 1}),
            json!({"system_id": ""}),
            json!(3),
        ] {
            assert!(read(&row).is_none(), "{row}");
        }
    }
}

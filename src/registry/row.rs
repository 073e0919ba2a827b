//! Rows on the wire: read leniently, written completely.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::wire::Tag;
use crate::observe::observed::{Record, RegistryView};
use crate::packed::Packed;

/// The answer to a query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) records: Vec<Record>,
    /// Rows without a key to speak of them by.
    pub(super) unusable: usize,
    /// Of the only row.
    pub(super) tag: Option<Tag>,
}

impl Rows {
    /// Takes a row in.
    pub(super) fn add(&mut self, row: Value) {
        match read(row) {
            Some(record) => self.records.push(record),
            None => self.unusable += 1,
        }
    }

    /// By key.
    pub(super) fn into_view(self) -> RegistryView {
        let mut view = RegistryView {
            unusable: self.unusable,
            ..RegistryView::default()
        };
        for record in self.records {
            let of_key = view.records.entry(record.system_id.clone());
            // One is what there is of nearly every key.
            let of_key = of_key.or_insert_with(|| Vec::with_capacity(1));
            of_key.push(record);
        }
        view
    }

    /// How many there are, usable or not.
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.unusable
    }
}

/// A query's answer on the wire.
#[derive(Deserialize)]
struct Listing<'a> {
    success: bool,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// Reads a query's answer, row by row: taken apart all at once, many thousands would be many times as large. None when it is
/// no list, or a row of it cannot be read.
pub(super) fn rows(body: &[u8]) -> Option<Rows> {
    let mut mended = Vec::new();
    let listing: Listing<'_> = lenient(body, &mut mended).ok()?;
    let mut rows = Rows::default();
    for row in listing.data.iter().filter(|_| listing.success) {
        rows.add(serde_json::from_str(row.get()).ok()?);
    }
    listing.success.then_some(rows)
}

/// Reads an answer that should be JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    lenient(body, &mut Vec::new())
}

/// The original writes `NaN` and `Infinity`, which are no JSON; read as null, one such record does not hide the others.
/// `mended` keeps what is read instead, where that is not the body itself.
fn lenient<'b, T: Deserialize<'b>>(
    body: &'b [u8],
    mended: &'b mut Vec<u8>,
) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(move |error| {
        *mended = without_nan(body);
        serde_json::from_slice(mended).map_err(|_| error)
    })
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
pub(super) fn read(row: Value) -> Option<Record> {
    let Value::Object(mut row) = row else {
        return None;
    };
    let mut text = |field| match row.remove(field) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Some(Record {
        system_id: text("system_id").filter(|key| !key.is_empty())?,
        org_ids: text("org_ids"),
        cluster_id: text("cluster_id"),
        public_url: text("public_url"),
        name: text("name"),
        metadata: match row.remove("metadata") {
            Some(Value::Object(metadata)) => Packed::of(&metadata),
            _ => Packed::default(),
        },
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
    fn a_list_with_a_row_that_nobody_can_read_is_none() {
        let list = |rows: &str| format!(r#"{{"data":[{rows}],"success":true,"more":1}}"#);
        let read = rows(list(r#"{"system_id":"a"},{"name":NaN},{"system_id":"b"}"#).as_bytes());
        let read = read.unwrap();
        let keys = read.records.iter().map(|row| row.system_id.as_str());
        let keys: Vec<_> = keys.collect();
        assert_eq!((keys, read.unusable), (vec!["a", "b"], 1));

        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let deep = format!(r#"{{"system_id":"a"}},{{"system_id":"b","metadata":{{"x":{deep}}}}}"#);
        for body in [
            list(&deep),
            list("{").clone(),
            r#"{"data":[],"success":false}"#.to_owned(),
            r#"{"data":{},"success":true}"#.to_owned(),
            r#"{"success":true}"#.to_owned(),
        ] {
            assert!(rows(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn rows_read_leniently() {
        let row =
            json!({"system_id": "x", "org_ids": 42, "name": null, "metadata": [1], "other": 1});
        let record = read(row).unwrap();
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
            assert!(read(row.clone()).is_none(), "{row}");
        }
    }
}

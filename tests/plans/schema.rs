//! The plan's own schema, stricter in one point: what it does not name is a fault, so that no field stays undocumented.

use jsonschema::Validator;
use serde_json::Value;

pub(crate) fn strict(schema: &Value) -> Validator {
    jsonschema::validator_for(&closed(schema)).unwrap()
}

fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut closed: serde_json::Map<String, Value> = fields
                .iter()
                .map(|(key, field)| (key.clone(), self::closed(field)))
                .collect();
            if fields.get("type").is_some() && fields.get("properties").is_some() {
                closed
                    .entry("additionalProperties")
                    .or_insert(Value::Bool(false));
            }
            Value::Object(closed)
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

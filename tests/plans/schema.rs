//! The part of JSON Schema that the plan's own uses. Stricter in one point: what the schema does not name is a fault,
//! so that no field stays undocumented.

use serde_json::Value;

pub(crate) fn check(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    faults: &mut Vec<String>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return check(root, target, value, at, faults);
    }
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("no type is {other}"),
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            is(name)
        }
    };
    let listed = schema["enum"]
        .as_array()
        .is_none_or(|words| words.contains(value));
    let matches = match (schema["pattern"].as_str(), value.as_str()) {
        (Some(pattern), Some(text)) => regex::Regex::new(pattern).unwrap().is_match(text),
        (_, _) => true,
    };
    let least = schema["minimum"]
        .as_i64()
        .is_none_or(|least| value.is_null() || value.as_i64() >= Some(least));
    if !(fits && listed && matches && least) {
        faults.push(format!("{at}: {value} does not fit {schema}"));
    }
    if let Some(items) = value.as_array() {
        for (number, item) in items.iter().enumerate() {
            check(
                root,
                &schema["items"],
                item,
                &format!("{at}[{number}]"),
                faults,
            );
        }
    }
    let (Some(fields), Some(_)) = (value.as_object(), schema.get("type")) else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            faults.push(format!("{at}: no {name}"));
        }
    }
    for (key, field) in fields {
        let inner = match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Null) => {
                faults.push(format!("{at}: {key} is not documented"));
                continue;
            }
            (Value::Null, others) => others,
            (known, _) => known,
        };
        check(root, inner, field, &format!("{at}.{key}"), faults);
    }
}

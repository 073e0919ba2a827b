//! The objects of a rendered manifest. Pure.

use serde_json::Value;

use super::observed::ObjectRef;
use super::release::DecodeError;

/// The objects of a multi-document manifest; empty documents are none, lists are taken apart.
pub fn parse_objects(manifest: &str) -> Result<Vec<Value>, DecodeError> {
    let documents: Vec<Value> =
        serde_yaml::from_multiple(manifest).map_err(|error| DecodeError::Manifest {
            place: error
                .location()
                .map(|location| format!(" (line {})", location.line()))
                .unwrap_or_default(),
        })?;
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        collect(document, &mut objects)?;
    }
    Ok(objects)
}

fn collect(document: Value, objects: &mut Vec<Value>) -> Result<(), DecodeError> {
    let kind = text(&document, "/kind").unwrap_or_default();
    if let Some(Value::Array(items)) = document
        .get("items")
        .filter(|_items| kind.ends_with("List"))
    {
        for item in items {
            objects.push(item.clone());
        }
        return Ok(());
    }
    match document {
        Value::Null => Ok(()),
        Value::Object(_) if !kind.is_empty() => {
            objects.push(document);
            Ok(())
        }
        Value::Object(_)
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => Err(DecodeError::Manifest {
            place: ": a document is not a Kubernetes object".to_owned(),
        }),
    }
}

/// Kind, namespace and name of each object, sorted.
pub fn references(objects: &[Value]) -> Vec<ObjectRef> {
    let mut references: Vec<ObjectRef> = objects.iter().filter_map(reference).collect();
    references.sort();
    references
}

/// Kind, namespace and name of an object; none where it does not say them.
pub fn reference(object: &Value) -> Option<ObjectRef> {
    Some(ObjectRef {
        api_version: text(object, "/apiVersion")?.to_owned(),
        kind: text(object, "/kind")?.to_owned(),
        namespace: text(object, "/metadata/namespace").map(str::to_owned),
        name: text(object, "/metadata/name")?.to_owned(),
    })
}

/// The `StatefulSet`s among the objects.
pub fn stateful_sets(objects: &[Value]) -> Vec<Value> {
    of_kind(objects, "StatefulSet").cloned().collect()
}

/// The data of the `ConfigMap`s among the objects.
pub fn configuration(objects: &[Value]) -> Vec<Value> {
    of_kind(objects, "ConfigMap")
        .filter_map(|object| object.get("data").cloned())
        .collect()
}

/// The objects of a kind.
pub fn of_kind<'objects>(
    objects: &'objects [Value],
    kind: &'static str,
) -> impl Iterator<Item = &'objects Value> {
    objects
        .iter()
        .filter(move |object| text(object, "/kind") == Some(kind))
}

/// The text at a JSON pointer.
pub fn text<'value>(value: &'value Value, pointer: &str) -> Option<&'value str> {
    value.pointer(pointer)?.as_str()
}

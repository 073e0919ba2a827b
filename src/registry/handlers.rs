//! What the server answers to each path; statuses and words are those of the original where it is right.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::filter::Filter;
use super::server::Shared;
use super::store::{Change, Store, StoreError};
use crate::id::SystemId;

/// How deep a record may be: every client has to parse it, most of them refuse more than about a hundred levels, and one
/// that nobody can parse would hide all the others.
const DEEPEST: usize = 32;
const TEXTS: [&str; 5] = ["system_id", "org_ids", "cluster_id", "public_url", "name"];

/// A refusal with its status.
pub(super) struct Refusal(StatusCode, String);

type Answered = Result<Response, Refusal>;
type Body = Result<Bytes, BytesRejection>;

pub(super) async fn health(State(shared): State<Shared>) -> Answered {
    let records = blocking(&shared.store, Store::count).await?;
    let data = json!({"instance": *shared.instance, "records": records, "status": "ok"});
    Ok(answer(
        StatusCode::OK,
        &json!({"data": data, "success": true}),
    ))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let mut record = checked(object(&headers, body)?)?;
    let id = match record.get("system_id").and_then(Value::as_str) {
        Some(id) => usable(id)?,
        None => random_id(),
    };
    for field in TEXTS {
        record.entry(field).or_insert_with(|| Value::from(""));
    }
    record.entry("metadata").or_insert_with(|| json!({}));
    record.insert("system_id".to_owned(), Value::from(id.as_str()));
    let key = id.clone();
    let revision = blocking(&shared.store, move |store| store.create(&key, record)).await?;
    let Some(revision) = revision else {
        return Err(Refusal(
            StatusCode::CONFLICT,
            format!("a record {id} exists"),
        ));
    };
    let data = json!({"id": id, "message": "BackboneData created"});
    let response = answer(StatusCode::CREATED, &json!({"data": data, "success": true}));
    Ok(tagged(response, revision))
}

pub(super) async fn read(State(shared): State<Shared>, Path(id): Path<String>) -> Answered {
    let entry = blocking(&shared.store, move |store| store.get(&id)).await?;
    let entry = entry.ok_or_else(|| absent("No document found"))?;
    let response = answer(
        StatusCode::OK,
        &json!({"data": entry.record, "success": true}),
    );
    Ok(tagged(response, entry.revision))
}

pub(super) async fn change(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let expected = expected(&headers)?;
    let mut fields = object(&headers, body)?;
    // One entry of the metadata may be named by a dotted key; the others stay.
    let dotted: Vec<_> = fields
        .keys()
        .filter(|key| key.starts_with("metadata."))
        .cloned()
        .collect();
    let dotted: Vec<_> = dotted
        .into_iter()
        .filter_map(|key| fields.remove_entry(&key))
        .collect();
    for (key, value) in &dotted {
        shallow(key.split('.').count() + depth(value))?;
    }
    let fields = checked(fields)?;
    if fields
        .get("system_id")
        .is_some_and(|named| named.as_str() != Some(&id))
    {
        return Err(bad("a record's system_id cannot be changed"));
    }
    let change = move |record: &mut Map<String, Value>| {
        record.extend(fields);
        for (key, value) in dotted {
            set(record, key.split('.'), value);
        }
    };
    match blocking(&shared.store, move |store| {
        store.change(&id, expected, change)
    })
    .await?
    {
        Change::Done(revision) => Ok(tagged(done("BackboneData updated"), revision)),
        Change::Absent => Err(absent("No document found to update")),
        Change::Stale => Err(stale()),
    }
}

pub(super) async fn remove(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let expected = expected(&headers)?;
    match blocking(&shared.store, move |store| store.remove(&id, expected)).await? {
        Change::Done(_) => Ok(done("BackboneData deleted")),
        Change::Absent => Err(absent("No document found to delete")),
        Change::Stale => Err(stale()),
    }
}

pub(super) async fn query(
    State(shared): State<Shared>,
    Query(page): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let wanted = Value::Object(object(&headers, body)?);
    let limit = page
        .get("limit")
        .map(|text| text.parse::<usize>())
        .transpose();
    let limit = limit
        .map_err(|_| bad("limit is a number"))?
        .unwrap_or(usize::MAX);
    let after = page.get("after").cloned().unwrap_or_default();
    // Patterns take their time to be compiled, too.
    let found = blocking(&shared.store, move |store| {
        let filter = match Filter::read(&wanted) {
            Ok(filter) => filter,
            Err(error) => return Ok(Err(error)),
        };
        let mut found = Found::default();
        match Filter::key(&wanted).filter(|_| after.is_empty()) {
            Some(key) => {
                if let Some(entry) = store.get(key)?.filter(|_| limit > 0) {
                    found.add(entry.revision, &Value::Object(entry.record).to_string());
                }
            }
            None => store.each(&after, |row| {
                if found.count == limit {
                    return Ok(ControlFlow::Break(()));
                }
                if filter.takes(row.record)? {
                    found.add(row.revision, row.record.get());
                }
                Ok(ControlFlow::Continue(()))
            })?,
        }
        Ok(Ok(found))
    })
    .await?
    .map_err(|error| bad(&error.to_string()))?;
    let response = written(
        StatusCode::OK,
        format!("{{\"data\":[{}],\"success\":true}}\n", found.rows),
    );
    Ok(match found.revision.filter(|_| found.count == 1) {
        Some(revision) => tagged(response, revision),
        None => response,
    })
}

/// The rows of an answer, as they are stored: taken apart, many thousands would be many times as large.
#[derive(Default)]
struct Found {
    /// JSON, with commas between.
    rows: String,
    count: usize,
    /// Of the last; who asked for one record may want to change it as it is.
    revision: Option<u64>,
}

impl Found {
    fn add(&mut self, revision: u64, row: &str) {
        if self.count > 0 {
            self.rows.push(',');
        }
        self.rows.push_str(row);
        self.count += 1;
        self.revision = Some(revision);
    }
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, text) = self;
        answer(status, &json!({"error": text, "success": false}))
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: &str) -> Self {
        Self(status, text.to_owned())
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    written(status, format!("{body}\n"))
}

fn written(status: StatusCode, body: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}

fn tagged(mut response: Response, revision: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn done(message: &str) -> Response {
    answer(
        StatusCode::OK,
        &json!({"data": {"message": message}, "success": true}),
    )
}

fn bad(text: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

fn absent(text: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, text)
}

fn stale() -> Refusal {
    Refusal::new(
        StatusCode::PRECONDITION_FAILED,
        "the record was changed meanwhile",
    )
}

/// A JSON media type is demanded so that a web page cannot write here with a plain form.
fn object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let media = media
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    if media != "application/json"
        && !(media.starts_with("application/") && media.ends_with("+json"))
    {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is to be application/json",
        ));
    }
    let body = body.map_err(|error| Refusal(error.status(), error.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| bad(&format!("the body is not a JSON object: {error}")))
}

/// The six fields with the types they have; others are dropped as the original's create does.
fn checked(fields: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut record = Map::new();
    for (field, value) in fields {
        if TEXTS.contains(&field.as_str()) {
            if !value.is_string() && !value.is_null() {
                return Err(bad(&format!("{field} is a text")));
            }
        } else if field == "metadata" {
            if !value.is_object() {
                return Err(bad("metadata is an object"));
            }
        } else {
            continue;
        }
        shallow(1 + depth(&value))?;
        record.insert(field, value);
    }
    Ok(record)
}

fn shallow(depth: usize) -> Result<(), Refusal> {
    if depth <= DEEPEST {
        return Ok(());
    }
    Err(bad(&format!(
        "a record is at most {DEEPEST} levels deep; this one has {depth}"
    )))
}

/// Levels of a value; what came as JSON has no more than its parser allows.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn usable(id: &str) -> Result<String, Refusal> {
    let id: SystemId = id.parse().map_err(|error| bad(&format!("{error}")))?;
    Ok(id.into())
}

fn random_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || {
        RandomState::new()
            .hash_one(std::process::id())
            .to_be_bytes()
    };
    let bytes = [half(), half()].concat();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes).to_string()
}

fn set<'a>(map: &mut Map<String, Value>, mut path: impl Iterator<Item = &'a str>, value: Value) {
    let Some(step) = path.next() else { return };
    let mut rest = path.peekable();
    if rest.peek().is_none() {
        map.insert(step.to_owned(), value);
        return;
    }
    let inner = map.entry(step).or_insert_with(|| json!({}));
    if !inner.is_object() {
        *inner = json!({});
    }
    if let Some(inner) = inner.as_object_mut() {
        set(inner, &mut rest as &mut dyn Iterator<Item = &'a str>, value);
    }
}

fn expected(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(tag) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let tag = tag.to_str().unwrap_or("").trim();
    if tag == "*" {
        return Ok(None);
    }
    let revision = tag.trim_matches('"').parse();
    revision.map(Some).map_err(|_| stale())
}

/// The database waits for the disk; the runtime's threads do not.
async fn blocking<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let store = store.clone();
    let outcome = tokio::task::spawn_blocking(move || work(&store)).await;
    let outcome = outcome.map_err(|error| Box::new(error) as Box<dyn Error>);
    outcome
        .and_then(|outcome| outcome.map_err(Into::into))
        .map_err(|error| {
            let cause = error.source().map(ToString::to_string);
            tracing::error!(%error, cause, "the registry's store failed");
            let text = match error.downcast_ref() {
                Some(StoreError::TooLarge { .. }) => {
                    return Refusal(StatusCode::PAYLOAD_TOO_LARGE, error.to_string());
                }
                Some(StoreError::Damaged { .. }) => error.to_string(),
                _ => "the registry's store failed".to_owned(),
            };
            Refusal(StatusCode::INTERNAL_SERVER_ERROR, text)
        })
}

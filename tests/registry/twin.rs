//! A twin of the original registry, traps included, as observed on the wire. The numbers are those of the traps.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::{Map, Value, json};

/// A text that is written as a bare `NaN` (13).
pub(crate) const NAN: &str = "\u{1}NaN";
const FIELDS: [&str; 6] = [
    "system_id",
    "org_ids",
    "cluster_id",
    "public_url",
    "metadata",
    "name",
];
const DRIVER: &str = "localhost:27017: [Errno 111] Connection refused (driver's timeout: 30s)";

/// What the twin does to the next request of a method, once.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Acts, and never answers.
    LoseAnswer,
    /// Does nothing, and never answers.
    LoseRequest,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) documents: Vec<Map<String, Value>>,
    /// The database is gone (1).
    pub(crate) is_dead: bool,
    pub(crate) faults: HashMap<&'static str, Vec<Fault>>,
    /// Method and path of each request, in order.
    pub(crate) log: Vec<String>,
    /// How long each request takes.
    pub(crate) pause: Duration,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
    turns: usize,
}

#[derive(Clone)]
pub(crate) struct Twin {
    world: Arc<Mutex<World>>,
    pub(crate) address: SocketAddr,
}

impl Twin {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let twin = Self {
            world: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let router = Router::new().fallback(handle).with_state(twin.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        twin
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn insert(&self, document: Value) {
        let Value::Object(document) = document else {
            panic!("no object")
        };
        self.world().documents.push(document);
    }

    pub(crate) fn of(&self, id: &str) -> Vec<Map<String, Value>> {
        let documents = self.world().documents.clone();
        documents
            .into_iter()
            .filter(|document| document.get("system_id") == Some(&json!(id)))
            .collect()
    }

    /// Two creates without a query between them.
    pub(crate) fn created_blindly(&self) -> bool {
        let log = self.world().log.clone();
        log.windows(2)
            .any(|pair| pair.iter().all(|line| line == "POST /backbone"))
    }
}

async fn handle(State(twin): State<Twin>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let (pause, fault) = {
        let mut world = twin.world();
        world.log.push(format!("{} {path}", parts.method));
        world.in_flight += 1;
        world.most_in_flight = world.most_in_flight.max(world.in_flight);
        let faults = match (&parts.method, path.as_str()) {
            (&Method::POST, "/backbones") => world.faults.get_mut("QUERY"),
            (method, _) => world.faults.get_mut(method.as_str()),
        };
        let fault = faults
            .filter(|faults| !faults.is_empty())
            .map(|faults| faults.remove(0));
        (world.pause, fault)
    };
    tokio::time::sleep(pause).await;
    let answer = (fault != Some(Fault::LoseRequest)).then(|| {
        respond(
            &mut twin.world(),
            &parts.method,
            &path,
            &parts.headers,
            &body,
        )
    });
    twin.world().in_flight -= 1;
    if fault.is_some() {
        std::future::pending::<()>().await;
    }
    answer.unwrap()
}

fn respond(
    world: &mut World,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    // 14: no redirect for a slash at the end, one for a doubled slash.
    if path.contains("//") {
        let location = path.replace("//", "/");
        return (
            StatusCode::PERMANENT_REDIRECT,
            [(LOCATION, location)],
            Html("<!doctype html>"),
        )
            .into_response();
    }
    let id = path
        .strip_prefix("/backbone/")
        .filter(|id| !id.is_empty() && !id.contains('/'));
    match (method.as_str(), path, id) {
        ("POST", "/backbones", _) => guarded(world, headers, body, true, |world, body| {
            query(world, &body)
        }),
        ("POST", "/backbone", _) => guarded(world, headers, body, true, create),
        ("GET", _, Some(id)) if !world.is_dead => read(world, id),
        ("PUT", _, Some(id)) => guarded(world, headers, body, false, |world, body| {
            put(world, id, body)
        }),
        ("DELETE", _, Some(id)) if !world.is_dead => delete(world, id),
        ("GET" | "DELETE", _, Some(_)) => failure(404, DRIVER),
        _ => (
            StatusCode::NOT_FOUND,
            Html("<!doctype html>\n<title>404 Not Found</title>"),
        )
            .into_response(),
    }
}

/// 12: whatever is wrong with a request is a 500. 1: a dead database is 400 for POST, 404 for the others.
fn guarded(
    world: &mut World,
    headers: &HeaderMap,
    body: &Bytes,
    is_post: bool,
    act: impl FnOnce(&mut World, Value) -> Response,
) -> Response {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !media.to_ascii_lowercase().starts_with("application/json") {
        return failure(
            500,
            "415 Unsupported Media Type: Did not attempt to load JSON data",
        );
    }
    match serde_json::from_slice(body) {
        Err(_) => failure(
            500,
            "400 Bad Request: The browser (or proxy) sent a request",
        ),
        Ok(_) if world.is_dead => failure(if is_post { 400 } else { 404 }, DRIVER),
        Ok(value) => act(world, value),
    }
}

/// 5, 6, 7: no unique key, an id that is none, a `system_id` made text from anything; unknown fields are dropped.
fn create(world: &mut World, body: Value) -> Response {
    let Value::Object(body) = body else {
        return failure(500, "argument must be a mapping");
    };
    let mut document: Map<String, Value> = body
        .into_iter()
        .filter(|(field, _)| FIELDS.contains(&field.as_str()))
        .collect();
    let id = match document.get("system_id") {
        None => format!("generated-{}", world.documents.len()),
        Some(Value::Null) => "None".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    document.insert("system_id".to_owned(), json!(id));
    world.documents.push(document);
    let oid = format!("{:024x}", world.documents.len());
    success(201, &json!({"id": oid, "message": "BackboneData created"}))
}

/// GET fills in what a record lacks and drops what it does not know (3, 11).
fn read(world: &World, id: &str) -> Response {
    let Some(document) = world
        .documents
        .iter()
        .find(|document| document["system_id"] == id)
    else {
        return failure(404, "No document found");
    };
    let field = |field: &&str| document.get(*field).cloned().unwrap_or_else(|| json!(""));
    let whole: Map<_, _> = FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), field(name)))
        .collect();
    success(200, &Value::Object(whole))
}

/// 3, 4, 7, 11: creates the unknown and says 404, says 404 when nothing changed, renames, stores anything.
fn put(world: &mut World, id: &str, body: Value) -> Response {
    let Value::Object(body) = body else {
        return failure(500, "argument must be a mapping");
    };
    let set = |document: &mut Map<String, Value>| {
        for (key, value) in &body {
            match key.strip_prefix("metadata.") {
                Some(inner) => {
                    document.entry("metadata").or_insert_with(|| json!({}))[inner] = value.clone();
                }
                None => drop(document.insert(key.clone(), value.clone())),
            }
        }
    };
    let mut documents = world.documents.iter_mut();
    if let Some(document) = documents.find(|document| document["system_id"] == id) {
        let before = document.clone();
        set(document);
        if *document != before {
            return success(200, &json!({"message": "BackboneData updated"}));
        }
    } else {
        let mut document = Map::from_iter([("system_id".to_owned(), json!(id))]);
        set(&mut document);
        world.documents.push(document);
    }
    failure(404, "No document found to update")
}

/// 5: one of several, which one is not defined.
fn delete(world: &mut World, id: &str) -> Response {
    let found = world
        .documents
        .iter()
        .rposition(|document| document["system_id"] == id);
    let Some(index) = found else {
        return failure(404, "No document found to delete");
    };
    world.documents.remove(index);
    success(200, &json!({"message": "BackboneData deleted"}))
}

/// 8, 9, 10: a falsy filter lists everything, in any order; operators other than equality are refused here.
fn query(world: &mut World, filter: &Value) -> Response {
    let is_falsy = match filter {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    };
    let empty = Map::new();
    let Some(wanted) = filter.as_object().or(is_falsy.then_some(&empty)) else {
        return failure(500, "filter must be an instance of dict");
    };
    if wanted.keys().any(|key| key.starts_with('$')) {
        return failure(400, "unknown top level operator");
    }
    let matches = |document: &&Map<String, Value>| {
        wanted
            .iter()
            .all(|(key, value)| document.get(key).unwrap_or(&Value::Null) == value)
    };
    let mut found: Vec<_> = world.documents.iter().filter(matches).cloned().collect();
    world.turns += 1;
    if !found.is_empty() {
        let turn = world.turns % found.len();
        found.rotate_left(turn);
    }
    success(200, &json!(found))
}

fn success(status: u16, data: &Value) -> Response {
    answer(status, &json!({"data": data, "success": true}))
}

fn failure(status: u16, error: &str) -> Response {
    answer(status, &json!({"error": error, "success": false}))
}

/// Keys sorted, ASCII only, a newline at the end; and NaN as no JSON parser takes it (13).
fn answer(status: u16, body: &Value) -> Response {
    let mut text = String::new();
    for char in body.to_string().replace("\"\\u0001NaN\"", "NaN").chars() {
        if char.is_ascii() {
            text.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                write!(text, "\\u{unit:04x}").unwrap();
            }
        }
    }
    text.push('\n');
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

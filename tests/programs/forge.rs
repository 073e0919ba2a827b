//! A forge of one pull request: the calls of GitHub and GitLab that keep a comment, with faults on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

/// The token the forge accepts.
pub(crate) const TOKEN: &str = "glpat-0123456789abcdef";

/// One comment.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) author: String,
    pub(crate) body: String,
}

/// What a write meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Refused with this status.
    Refuse(u16),
    /// Done, and then answered with this status: the caller cannot know.
    DoneBut(u16),
    /// An answer that is no JSON, to a read.
    Garbage,
}

#[derive(Debug, Default)]
pub(crate) struct Held {
    /// By id, from 1.
    pub(crate) comments: Vec<Comment>,
    /// Taken by writes, one each; `Garbage` by reads.
    pub(crate) faults: VecDeque<Fault>,
    /// Longest body that is taken.
    pub(crate) limit: Option<usize>,
    /// `METHOD path?query` of every call.
    pub(crate) calls: Vec<String>,
}

/// A forge on this host until it is dropped.
#[derive(Debug)]
pub(crate) struct Forge {
    pub(crate) held: Arc<Mutex<Held>>,
    pub(crate) address: String,
    #[expect(dead_code, reason = "ends the server when dropped")]
    runtime: tokio::runtime::Runtime,
}

impl Forge {
    pub(crate) fn start() -> Self {
        let held = Arc::new(Mutex::new(Held::default()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&held));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            held,
            address,
            runtime,
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap());
    }

    pub(crate) fn comments(&self) -> Vec<Comment> {
        self.held.lock().unwrap().comments.clone()
    }

    /// Methods of the calls so far.
    pub(crate) fn methods(&self) -> Vec<String> {
        let held = self.held.lock().unwrap();
        let first = |call: &String| call.split(' ').next().unwrap().to_owned();
        held.calls.iter().map(first).collect()
    }
}

const COMMENTS: [&str; 2] = [
    "/repos/team/exchanges/issues/7/comments",
    "/projects/3/merge_requests/7/notes",
];
const ONE: [&str; 2] = ["/repos/team/exchanges/issues/comments/", COMMENTS[1]];

async fn answer(
    State(held): State<Arc<Mutex<Held>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let mut held = held.lock().unwrap();
    held.calls.push(format!("{method} {uri}"));
    let said =
        |status: u16, value: Value| (StatusCode::from_u16(status).unwrap(), value.to_string());
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let known = header("authorization") == Some(&format!("Bearer {TOKEN}"))
        || header("private-token") == Some(TOKEN);
    if !known {
        return said(401, json!({"message": "Bad credentials"}));
    }
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    if method == Method::GET {
        if path == "/user" {
            return said(200, json!({"username": "plan-bot"}));
        }
        if !COMMENTS.contains(&path) {
            return said(404, json!({"message": "Not Found"}));
        }
        if let Some(Fault::Garbage) = held.faults.front() {
            held.faults.pop_front();
            return (StatusCode::OK, "<html>".to_owned());
        }
        return said(200, page(&held.comments, query));
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = body["body"].as_str().unwrap().to_owned();
    if held.limit.is_some_and(|limit| text.len() > limit) {
        return said(422, json!({"message": "Body is too long"}));
    }
    let fault = held.faults.pop_front();
    if let Some(Fault::Refuse(status)) = fault {
        return said(status, json!({"message": "not \u{1b}[31mnow"}));
    }
    let id = path
        .rsplit('/')
        .next()
        .and_then(|id| id.parse::<usize>().ok());
    match (method.as_str(), id) {
        ("POST", None) if COMMENTS.contains(&path) => held.comments.push(Comment {
            author: "plan-bot".to_owned(),
            body: text,
        }),
        ("PATCH" | "PUT", Some(id)) if ONE.iter().any(|start| path.starts_with(start)) => {
            held.comments[id - 1].body = text;
        }
        _ => return said(405, json!({"message": "no such call"})),
    }
    match fault {
        Some(Fault::DoneBut(status)) => said(status, json!({"message": "gateway"})),
        _ => said(201, json!({})),
    }
}

fn page(comments: &[Comment], query: &str) -> Value {
    let of = |name: &str| -> usize {
        let found = query.split('&').find_map(|part| part.strip_prefix(name));
        found.unwrap().parse().unwrap()
    };
    let (each, page) = (of("per_page="), of("page="));
    let shown = comments.iter().zip(1..).skip(each * (page - 1)).take(each);
    shown
        .map(|(comment, id)| {
            let author = json!({"login": comment.author, "username": comment.author});
            json!({"id": id, "body": comment.body, "user": author, "author": author})
        })
        .collect()
}

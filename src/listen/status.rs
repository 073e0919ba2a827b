//! The status endpoint: nothing here changes anything, and nothing here is secret.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::timeout::TimeoutLayer;

use super::Board;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const WAIT: Duration = Duration::from_secs(10);

/// `/healthz`, `/readyz`, `/metrics` and `/status`.
pub fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz, /metrics and /status\n",
            )
        })
        .layer(DefaultBodyLimit::max(0))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            WAIT,
        ))
        .with_state(board)
}

async fn healthz(State(board): State<Arc<Board>>) -> Response {
    judged(board.seen().hangs(Instant::now()))
}

async fn readyz(State(board): State<Arc<Board>>) -> Response {
    judged(board.seen().unready(Instant::now()))
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], board.metrics.text()).into_response()
}

async fn status(State(board): State<Arc<Board>>) -> Response {
    match board.seen().status {
        Some(status) => axum::Json(&*status).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no status yet\n").into_response(),
    }
}

fn judged(wrong: Option<String>) -> Response {
    match wrong {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(text) => (StatusCode::SERVICE_UNAVAILABLE, format!("{text}\n")).into_response(),
    }
}

//! The registry's own server: the original's contract on the embedded store, with unique keys, honest answers to
//! changes, conditional writes (`ETag`, `If-Match`) and pages (`?limit=N&after=SYSTEM_ID`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tower_http::timeout::TimeoutLayer;

use super::handlers::{self, Refusal};
use super::store::Store;

const LONGEST_BODY: usize = 1 << 20;
const TOTAL_WAIT: Duration = Duration::from_secs(30);

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) instance: Arc<str>,
    token: Option<Arc<SecretString>>,
}

/// Serves until `shutdown`, then finishes what is under way.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    instance: &str,
    token: Option<SecretString>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    store.announce(listener.local_addr()?)?;
    let router = router(Shared {
        store,
        instance: instance.into(),
        token: token.map(Arc::new),
    });
    crate::listen::serve(listener, router, shutdown).await;
    Ok(())
}

fn router(shared: Shared) -> Router {
    let guarded = Router::new()
        .route("/backbone", post(handlers::create))
        .route(
            "/backbone/{system_id}",
            get(handlers::read)
                .put(handlers::change)
                .delete(handlers::remove),
        )
        .route("/backbones", post(handlers::query))
        .layer(middleware::from_fn_with_state(shared.clone(), admit));
    Router::new()
        .route("/healthz", get(handlers::health))
        .merge(guarded)
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            TOTAL_WAIT,
        ))
        .with_state(shared)
}

async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let Some(token) = &shared.token else {
        return next.run(request).await;
    };
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or("");
    // Digests are compared, so that the time it takes says nothing about the token.
    if Sha256::digest(given) == Sha256::digest(token.expose_secret()) {
        next.run(request).await
    } else {
        Refusal::new(StatusCode::UNAUTHORIZED, "a bearer token is needed").into_response()
    }
}

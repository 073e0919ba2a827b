//! `POST /hook`: a forge says that something was pushed. A delivery carries nothing: one that is vouched for makes the
//! daemon look, and that is all it can do.

mod rate;
mod replay;
mod secret;
mod signature;

pub use secret::{SecretError, Secrets};

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::Notify;
use tower_http::timeout::TimeoutLayer;

use super::Board;
use rate::Rate;
use replay::Delivered;
use signature::{Check, Objection};

/// No forge sends more; it is checked as it comes and never held.
const LONGEST: u64 = 25 * 1024 * 1024;
/// The same of an address from which much comes in vain: what it sends is still looked at, as whoever has the secret may be
/// behind it too, but costs no more than this. Few pushes are described in more.
const SHORT: u64 = 1024 * 1024;
/// For the whole of a delivery.
const WAIT: Duration = Duration::from_secs(30);

/// What deliveries are held to, and whom they wake.
#[derive(Debug)]
pub struct Hook {
    secrets: Secrets,
    pushed: Arc<Notify>,
    board: Arc<Board>,
    /// What a secret vouched for.
    deliveries: Rate,
    /// What none did, counted apart: a proxy has one address for whoever comes through it, and whoever has no secret must not
    /// be able to silence who has.
    in_vain: Rate,
    delivered: Delivered,
}

impl Hook {
    /// Wakes `pushed` after each delivery that one of the secrets vouches for.
    pub fn new(secrets: Secrets, pushed: Arc<Notify>, board: Arc<Board>) -> Self {
        Self {
            secrets,
            pushed,
            board,
            deliveries: Rate::default(),
            in_vain: Rate::default(),
            delivered: Delivered::default(),
        }
    }
}

/// `POST /hook`, and nothing else.
pub fn router(hook: Hook) -> Router {
    Router::new()
        .route("/hook", post(deliver))
        .fallback(async || (StatusCode::NOT_FOUND, "there is POST /hook\n"))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "deliveries are POSTed\n")
        })
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            WAIT,
        ))
        .with_state(Arc::new(hook))
}

/// Why a delivery has no effect.
enum Refusal {
    TooMany(Duration),
    NotVouched(Objection),
    TooLarge,
    CutOff,
    NoSecret(SecretError),
    Repeated,
}

async fn deliver(
    State(hook): State<Arc<Hook>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let refusal = hook.take(peer, &headers, body).await.err();
    let word = refusal.as_ref().map_or("taken", Refusal::word);
    hook.board.metrics.delivery(word);
    match refusal {
        None => {
            tracing::debug!(%peer, "something was pushed");
            hook.pushed.notify_one();
            (StatusCode::ACCEPTED, "the daemon looks now\n").into_response()
        }
        Some(refusal) => refusal.answer(peer),
    }
}

impl Hook {
    async fn take(&self, peer: SocketAddr, headers: &HeaderMap, body: Body) -> Result<(), Refusal> {
        let peer = peer.ip();
        // Nobody without a secret uses it up, so it may be asked before anything is read.
        let room = self.deliveries.room(peer, Instant::now());
        room.map_err(Refusal::TooMany)?;
        let marks = self.vouched(peer, headers, body).await?;
        if self.delivered.knows(&marks) {
            // Whoever saw one on its way can send it again.
            self.in_vain.book(peer, Instant::now()).ok();
            return Err(Refusal::Repeated);
        }
        // One that is refused here may be sent again, so it is remembered only after that.
        let booked = self.deliveries.book(peer, Instant::now());
        booked.map_err(Refusal::TooMany)?;
        if self.delivered.is_new(&marks) {
            Ok(())
        } else {
            Err(Refusal::Repeated)
        }
    }

    /// What tells a delivery from others, if a secret vouches for it.
    async fn vouched(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Vec<String>, Refusal> {
        let full = self.in_vain.room(peer, Instant::now()).err();
        let longest = if full.is_some() { SHORT } else { LONGEST };
        let marks = match self.secrets.read().await {
            Ok(secrets) => match Check::begin(headers, secrets, Timestamp::now()) {
                Ok(check) => read(check, body, longest).await,
                Err(objection) => Err(Refusal::NotVouched(objection)),
            },
            Err(error) => Err(Refusal::NoSecret(error)),
        };
        marks.map_err(|refusal| {
            // Each is told, in the log and to its sender, but not a flood of them.
            let booked = self.in_vain.book(peer, Instant::now());
            match full.or(booked.err()) {
                Some(after) => Refusal::TooMany(after),
                None => refusal,
            }
        })
    }
}

async fn read(mut check: Check, body: Body, longest: u64) -> Result<Vec<String>, Refusal> {
    if body.size_hint().lower() > longest {
        return Err(Refusal::TooLarge);
    }
    let mut body = body.into_data_stream();
    let mut length: u64 = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Refusal::CutOff)?;
        length = length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if length > longest {
            return Err(Refusal::TooLarge);
        }
        check.update(&piece);
    }
    check.end().map_err(Refusal::NotVouched)
}

impl Refusal {
    /// The label of the metric.
    fn word(&self) -> &'static str {
        match self {
            Self::TooMany(_) => "limited",
            Self::Repeated => "repeated",
            Self::NotVouched(_) | Self::TooLarge | Self::CutOff => "refused",
            Self::NoSecret(_) => "failed",
        }
    }

    fn answer(self, peer: SocketAddr) -> Response {
        match self {
            Self::TooMany(after) => {
                let seconds = after.as_secs().saturating_add(1).to_string();
                let text =
                    "too many deliveries; what they are about is seen at the next interval\n";
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    [(RETRY_AFTER, seconds)],
                    text,
                )
                    .into_response()
            }
            Self::NotVouched(objection) => {
                tracing::warn!(%peer, %objection, "a delivery of a webhook is refused");
                // Whoever has no secret learns nothing about why.
                (StatusCode::UNAUTHORIZED, "not signed with the secret\n").into_response()
            }
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "larger than 25 MiB\n").into_response()
            }
            Self::CutOff => (StatusCode::BAD_REQUEST, "cut off\n").into_response(),
            Self::NoSecret(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "deliveries of webhooks are refused");
                let text = "the secret cannot be read; the daemon's log says why\n";
                (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
            // For a forge that sends it again because our answer was lost all is well.
            Self::Repeated => (StatusCode::OK, "seen before; nothing follows\n").into_response(),
        }
    }
}

#[cfg(test)]
mod tests;

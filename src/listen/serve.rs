//! Serves connections: so many at once, none for ever, and an end that waits for what is under way.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard::guard;

const HEADER_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of its answer.
const WRITE_WAIT: Duration = Duration::from_secs(20);
const MOST_CONNECTIONS: usize = 256;
/// A connection that is never finished must not hold up the end of the process.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then finishes what is under way.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_named(listener, router, Vec::new(), shutdown).await;
}

/// The same for whoever asks for one of these names, too, as what stands before us may. Each request has its peer as
/// [`ConnectInfo`].
pub async fn serve_named(
    listener: TcpListener,
    router: Router,
    names: Vec<String>,
    shutdown: impl Future<Output = ()>,
) {
    let names: Arc<[String]> = names.into();
    let router = match listener.local_addr() {
        Ok(local) => router.layer(middleware::from_fn(move |request, next| {
            guard(local, Arc::clone(&names), request, next)
        })),
        Err(_) => router,
    };
    let (ending, connections) = (Ending::default(), TaskTracker::new());
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let accept = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let router = router.clone().layer(Extension(ConnectInfo(peer)));
                    let served = connection(stream, router, ending.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                // Out of descriptors, or the peer is gone again: the next may do better.
                Err(error) => {
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
    ending.gentle.cancel();
    connections.close();
    let drained = tokio::time::timeout(DRAIN_WAIT, connections.wait()).await;
    if drained.is_err() {
        // Who still has a connection has the store open, too.
        ending.hard.cancel();
        connections.wait().await;
    }
}

/// How connections learn that it is over.
#[derive(Clone, Default)]
struct Ending {
    gentle: CancellationToken,
    hard: CancellationToken,
}

async fn connection(stream: TcpStream, router: Router, ending: Ending) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT);
    let service = TowerToHyperService::new(router);
    // Who asks and never reads would keep the whole answer in memory for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_WAIT));
    let stream = TokioIo::new(Box::pin(stream));
    let mut connection = std::pin::pin!(http.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ending.gentle.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = ending.hard.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

//! Pages of lists, read a few at a time. The text of a list is many times what is kept of it, and a daemon asks a hundred
//! clusters at once.

use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::access::Cluster;

/// Answers that are read at a time, over all clusters.
static PLACES: Semaphore = Semaphore::const_new(8);

/// What takes longer gives its place to others and is read on: a slow cluster delays only itself.
const SLOW: Duration = Duration::from_millis(500);

impl Cluster {
    /// The answer to a request for metadata.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        request: axum::http::Request<Vec<u8>>,
    ) -> kube::Result<T> {
        let answer = self.client().request_stream(request).await?;
        let text = read(answer).await;
        let text = text.map_err(|error| kube::Error::Service(error.into()))?;
        serde_json::from_slice(&text).map_err(kube::Error::SerdeError)
    }
}

async fn read(mut answer: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut reading = std::pin::pin!(answer.read_to_end(&mut text));
    // Never closed.
    let place = PLACES.acquire().await.ok();
    if let Ok(read) = tokio::time::timeout(SLOW, &mut reading).await {
        read?;
    } else {
        drop(place);
        reading.await?;
    }
    Ok(text)
}

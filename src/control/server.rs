//! The daemon's end: few conversations at once, each bounded and none for ever.

use std::fs::{Permissions, remove_file, set_permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec};

use super::{Answer, LONGEST_LINE, Request, place};

/// Conversations at once.
const MOST: usize = 16;
/// How long a client may take for a line, and the daemon for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request, and who waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub request: Request,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// The open socket. It is gone when this is dropped.
#[derive(Debug)]
pub struct Control {
    folder: std::path::PathBuf,
    serving: JoinHandle<()>,
}

impl Control {
    /// Opens the socket in a state folder that is locked, and gives the end where requests come out.
    ///
    /// # Errors
    /// When the folder's file system takes no socket.
    pub fn open(folder: &Path) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        let (path, opened) = place(folder)?;
        // Of a daemon that was killed: whoever has the lock is the only one.
        match remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        set_permissions(&path, Permissions::from_mode(0o600))?;
        drop(opened);
        let (asked, requests) = mpsc::channel(MOST);
        let serving = tokio::spawn(serve(listener, asked));
        let folder = folder.to_owned();
        Ok((Self { folder, serving }, requests))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.serving.abort();
        if let Ok((path, _opened)) = place(&self.folder) {
            remove_file(path).ok();
        }
    }
}

async fn serve(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, _)) => {
                let conversation = converse(stream, asked.clone());
                tokio::spawn(async move {
                    conversation.await;
                    drop(place);
                });
            }
            // Out of descriptors, or the client is gone again.
            Err(error) => {
                tracing::debug!(%error, "a request was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let stranger = stranger(&stream);
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LONGEST_LINE));
    while let Ok(Some(line)) = timeout(PATIENCE, lines.next()).await {
        let (answer, last) = match (line, &stranger) {
            (_, Some(refusal)) => (Answer::Refused(refusal.clone()), true),
            (Ok(line), None) => (answer(&line, &asked).await, false),
            // What follows cannot be told from the rest of it.
            (Err(error), None) => (Answer::Refused(format!("no request: {error}")), true),
        };
        let Ok(text) = serde_json::to_string(&answer) else {
            return;
        };
        let sent = timeout(PATIENCE, lines.send(text)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// Why whoever is at the other end may not ask; the kernel says who it is.
fn stranger(stream: &UnixStream) -> Option<String> {
    let ours = geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if is_allowed(peer.uid(), ours) => None,
        Ok(peer) => {
            let uid = peer.uid();
            tracing::warn!(uid, "somebody else asked and was refused");
            Some(format!("user {uid} may not ask; user {ours} and root may"))
        }
        Err(error) => Some(format!("it cannot be told who asks: {error}")),
    }
}

pub(super) fn is_allowed(peer: u32, ours: u32) -> bool {
    peer == ours || peer == 0
}

async fn answer(line: &str, asked: &mpsc::Sender<Asked>) -> Answer {
    let request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return Answer::Refused(format!("no request: {error}")),
    };
    let (answer, answered) = oneshot::channel();
    let ask = async {
        asked.send(Asked { request, answer }).await.ok()?;
        answered.await.ok()
    };
    match timeout(PATIENCE, ask).await {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::Refused("the daemon is ending".to_owned()),
        Err(_) => Answer::Refused("the daemon is busy; ask again".to_owned()),
    }
}

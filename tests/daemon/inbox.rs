//! What daemons post to, with faults.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fleet::pki::Identity;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// What was posted: the first line, the headers in small letters, and the body.
pub(crate) type Post = (String, Vec<String>, Value);

/// Somebody who is told over HTTP, and refuses so many posts before taking any.
pub(crate) struct Inbox {
    pub(crate) address: SocketAddr,
    posts: Receiver<Post>,
    /// So many more are refused.
    refuse: Arc<AtomicUsize>,
}

impl Inbox {
    pub(crate) fn start(refuse: usize) -> Self {
        Self::begin(refuse, None)
    }

    pub(crate) fn secured(identity: &Identity) -> Self {
        let certificates = CertificateDer::pem_file_iter(&identity.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates.map(Result::unwrap).collect(), key);
        Self::begin(0, Some(Arc::new(config.unwrap())))
    }

    fn begin(refuse: usize, secured: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, posts) = channel();
        let refuse = Arc::new(AtomicUsize::new(refuse));
        let refusing = Arc::clone(&refuse);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut stream: Box<dyn Stream> = match &secured {
                    Some(config) => {
                        let server = ServerConnection::new(Arc::clone(config)).unwrap();
                        Box::new(StreamOwned::new(server, stream))
                    }
                    None => Box::new(stream),
                };
                let Some(post) = read(&mut stream) else {
                    continue;
                };
                let one_less = |left: usize| left.checked_sub(1);
                let left = refusing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
                let answer = if left.is_ok() {
                    "503 Service Unavailable"
                } else {
                    "204 No Content"
                };
                let head =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                if told.send(post).is_err() {
                    return;
                }
                stream.write_all(head.as_bytes()).ok();
            }
        });
        Self {
            address,
            posts,
            refuse,
        }
    }

    pub(crate) fn next(&self) -> Post {
        self.posts.recv_timeout(Duration::from_secs(120)).unwrap()
    }

    /// From now on it takes what it is told.
    pub(crate) fn relent(&self) {
        self.refuse.store(0, Ordering::SeqCst);
    }

    /// What came until now.
    pub(crate) fn drain(&self) -> Vec<Post> {
        self.posts.try_iter().collect()
    }

    /// Whether nothing more came.
    pub(crate) fn is_empty(&self) -> bool {
        self.posts.try_recv().is_err()
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// None from somebody who does not believe us.
fn read(stream: &mut dyn Stream) -> Option<Post> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let first = lines.remove(0);
    let headers: Vec<_> = lines.iter().map(|line| line.to_lowercase()).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some((first, headers, serde_json::from_slice(&body).unwrap()))
}

//! Something in front of an API server that answers for it, or does not answer at all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::World;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// The API server answers it.
    Passes,
    /// So does it, but each piece of what it says comes so much later.
    Late(Duration),
    /// It is answered 503.
    Refuses,
    /// It is read, and that is all.
    Hangs,
}

impl Mood {
    /// Of what the API server says; none where it is not asked.
    fn lateness(self) -> Option<Duration> {
        match self {
            Self::Passes => Some(Duration::ZERO),
            Self::Late(by) => Some(by),
            Self::Refuses | Self::Hangs => None,
        }
    }
}

/// Ended when dropped. `kubectl proxy` speaks to the real API server, so that we need no certificates to listen in.
pub(crate) struct Front {
    proxy: Child,
    shared: Arc<Mutex<Shared>>,
    /// Leads here.
    pub(crate) kubeconfig: PathBuf,
}

struct Shared {
    mood: Mood,
    behind: SocketAddr,
    open: Vec<TcpStream>,
}

impl World {
    pub(crate) fn front(&self, cluster: &str) -> Front {
        let mut proxy = Command::new(&self.fleet.tools().kubectl)
            .arg("--kubeconfig")
            .arg(self.cluster(cluster).kubeconfig())
            .args(["proxy", "--port=0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(proxy.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let behind = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            mood: Mood::Passes,
            behind,
            open: Vec::new(),
        }));
        let seen = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, shared).ok());
            }
        });
        let text = std::fs::read_to_string(self.cluster(cluster).kubeconfig()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        file["clusters"][0]["cluster"] = json!({"server": format!("http://{address}")});
        file["users"][0]["user"] = json!({});
        let kubeconfig = self.path("front.kubeconfig");
        std::fs::write(&kubeconfig, file.to_string()).unwrap();
        Front {
            proxy,
            shared,
            kubeconfig,
        }
    }
}

impl Front {
    /// From now on, for connections that are open as well; those that go on being served stay open.
    pub(crate) fn set(&self, mood: Mood) {
        let mut shared = self.shared.lock().unwrap();
        let before = std::mem::replace(&mut shared.mood, mood);
        if before.lateness().is_some() && mood.lateness().is_some() {
            return;
        }
        for stream in shared.open.drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.set(Mood::Refuses);
        self.proxy.kill().ok();
        self.proxy.wait().ok();
    }
}

fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> std::io::Result<()> {
    let (mood, behind) = {
        let mut shared = shared.lock().unwrap();
        shared.open.push(stream.try_clone()?);
        (shared.mood, shared.behind)
    };
    match mood {
        Mood::Passes | Mood::Late(_) => pass_on(stream, behind, shared),
        Mood::Refuses => {
            let _asked = stream.read(&mut [0_u8; 16 * 1024])?;
            let body = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503,
                "reason": "ServiceUnavailable", "message": "etcd has no leader",
            });
            let body = body.to_string();
            write!(
                stream,
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )?;
            stream.shutdown(Shutdown::Write)
        }
        Mood::Hangs => loop {
            if stream.read(&mut [0_u8; 1024])? == 0 {
                return Ok(());
            }
        },
    }
}

fn pass_on(
    mut stream: TcpStream,
    behind: SocketAddr,
    shared: Arc<Mutex<Shared>>,
) -> std::io::Result<()> {
    let mut there = TcpStream::connect(behind)?;
    let (mut back, mut from) = (stream.try_clone()?, there.try_clone()?);
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            let late = shared.lock().unwrap().mood.lateness();
            std::thread::sleep(late.unwrap_or_default());
            if back.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        back.shutdown(Shutdown::Both).ok();
    });
    std::io::copy(&mut stream, &mut there)?;
    there.shutdown(Shutdown::Both)
}

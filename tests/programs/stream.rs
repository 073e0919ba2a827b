//! A real NATS server with `JetStream`, and what is in a stream of it.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use serde_json::Value;

/// A server with a port and a store of its own.
pub(crate) struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    configuration: Option<PathBuf>,
    port: u16,
    child: Option<Child>,
}

impl Server {
    pub(crate) fn start(program: &Path) -> Self {
        Self::configured(program, None)
    }

    /// One with a configuration file, which is read at each start.
    pub(crate) fn configured(program: &Path, configuration: Option<PathBuf>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self {
            program: program.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            configuration,
            port: free.local_addr().unwrap().port(),
            child: None,
        };
        drop(free);
        server.again();
        server
    }

    pub(crate) fn again(&mut self) {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let configuration = self.configuration.iter();
        let child = Command::new(&self.program)
            .args(configuration.flat_map(|path| [Path::new("-c"), path]))
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string()])
            .arg("-sd")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(
                Instant::now() < deadline,
                "nats-server does not come up: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As when its host loses power.
    pub(crate) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Every message of the stream, oldest first: subject, id in the header, and the event.
pub(crate) async fn stored(url: &str, stream: &str) -> Vec<(String, String, Value)> {
    stored_for(async_nats::connect(url).await.unwrap(), stream).await
}

/// The same, for whoever is connected.
pub(crate) async fn stored_for(
    client: async_nats::Client,
    stream: &str,
) -> Vec<(String, String, Value)> {
    let context = jetstream::new(client);
    let mut stream = context.get_stream(stream).await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut all = Vec::new();
    for sequence in 1..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let header = |name: &str| message.headers.get(name).unwrap().to_string();
        assert_eq!(header("Content-Type"), "application/cloudevents+json");
        let event = serde_json::from_slice(&message.payload).unwrap();
        all.push((message.subject.to_string(), header("Nats-Msg-Id"), event));
    }
    all
}

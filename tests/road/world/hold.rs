//! Keeps a helm waiting in the middle of its work, its release locked. The API server does it: it asks a webhook about every
//! change of the release's `ConfigMap`s, and the webhook does not answer.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use fleet::pki::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::World;

/// A request of the API server that waits for its answer.
type Asked = StreamOwned<ServerConnection, TcpStream>;

/// Ends when dropped: the change goes through then. The API server's own patience is 30 s.
pub(crate) struct Hold<'w> {
    world: &'w World,
    cluster: &'w str,
    name: String,
    address: SocketAddr,
    over: Arc<AtomicBool>,
    asked: Receiver<Asked>,
    waiting: Vec<Asked>,
}

impl World {
    /// From now on every change of a `ConfigMap` of this release waits.
    pub(crate) fn hold<'w>(&'w self, cluster: &'w str, release: &str) -> Hold<'w> {
        let authority = Authority::create(&self.path("pki")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, asked) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let server = Arc::new(server(&authority));
        let ended = Arc::clone(&over);
        std::thread::spawn(move || listen(&listener, &server, &ended, &told));
        let mut hold = Hold {
            world: self,
            cluster,
            name: format!("{release}.hold.test"),
            address,
            over,
            asked,
            waiting: Vec::new(),
        };
        let bundle = std::fs::read(authority.certificate()).unwrap();
        self.create(cluster, &webhook(&hold.name, release, address, &bundle));
        hold.until_effective(release);
        hold
    }

    fn create(&self, cluster: &str, object: &Value) {
        let file = self.path("create.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.kubectl(cluster, &["create", "-f", &file.to_string_lossy()]);
    }
}

impl Hold<'_> {
    /// Waits until a change is held.
    pub(crate) fn until_held(&mut self) {
        let held = self.asked.recv_timeout(Duration::from_secs(60));
        self.waiting.push(held.expect("nobody changes a ConfigMap"));
    }

    /// The API server learns of its webhooks by and by.
    fn until_effective(&mut self, release: &str) {
        let probe = self.world.path("probe.json");
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": format!("{release}-probe"), "namespace": "default", "labels": label(release),
        }});
        std::fs::write(&probe, object.to_string()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut child = Command::new(&self.world.fleet.tools().kubectl)
                .arg("--kubeconfig")
                .arg(self.world.cluster(self.cluster).kubeconfig())
                .args(["create", "--dry-run=server", "-f"])
                .arg(&probe)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let asked = loop {
                match self.asked.recv_timeout(Duration::from_millis(50)) {
                    Ok(asked) => break Some(asked),
                    Err(_) if child.try_wait().unwrap().is_some() => break None,
                    Err(_) => {}
                }
            };
            let effective = asked.is_some();
            drop(asked);
            child.wait().unwrap();
            if effective {
                return;
            }
            assert!(Instant::now() < deadline, "the webhook is never asked");
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // A webhook that is not there lets everything through.
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let kind = "validatingwebhookconfiguration";
        let cluster = self.world.cluster(self.cluster);
        cluster.kubectl(&["delete", kind, &self.name]).ok();
    }
}

fn label(release: &str) -> Value {
    json!({"app.kubernetes.io/instance": release})
}

fn webhook(name: &str, release: &str, address: SocketAddr, bundle: &[u8]) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "timeoutSeconds": 30,
            "objectSelector": {"matchLabels": label(release)},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                "operations": ["CREATE", "UPDATE", "DELETE"],
            }],
            "clientConfig": {
                "url": format!("https://{address}/"),
                "caBundle": base64::engine::general_purpose::STANDARD.encode(bundle),
            },
        }],
    })
}

fn server(authority: &Authority) -> ServerConfig {
    let address = "127.0.0.1".parse().unwrap();
    let identity = authority.sign("hold", "hold", None, &[], &[address]);
    let identity = identity.unwrap();
    let certificate = CertificateDer::from_pem_file(identity.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

fn listen(
    listener: &TcpListener,
    server: &Arc<ServerConfig>,
    over: &AtomicBool,
    told: &Sender<Asked>,
) {
    for stream in listener.incoming().flatten() {
        let connection = ServerConnection::new(Arc::clone(server)).unwrap();
        let mut asked = StreamOwned::new(connection, stream);
        // Its first bytes: the question has come.
        let has_come = asked.read(&mut [0_u8; 1]).is_ok();
        if over.load(Ordering::SeqCst) {
            return;
        }
        if has_come {
            told.send(asked).ok();
        }
    }
}

//! A registry over https whose certificates are renewed.

use std::io::{Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use fleet::pki::{Authority, Identity};
use natsx_sync::registry::{Registry, RegistryAccess};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::pace;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\nConnection: close\r\n\r\n{\"success\":true,\"data\":[]}";

/// Has no record, and says so by the certificate that is its own at the time.
struct Secured {
    address: SocketAddr,
    identity: Arc<Mutex<Identity>>,
}

impl Secured {
    fn start(identity: Identity) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Arc::new(Mutex::new(identity));
        let its = Arc::clone(&identity);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let config = Arc::new(config(&its.lock().unwrap()));
                let server = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(server, stream.unwrap());
                // Whoever does not believe us asks nothing.
                if read_query(&mut stream) {
                    stream.write_all(ANSWER.as_bytes()).ok();
                    stream.conn.send_close_notify();
                    stream.flush().ok();
                }
            }
        });
        Self { address, identity }
    }
}

/// All of it: who closes before that resets the connection, and the answer may be lost.
fn read_query(stream: &mut impl Read) -> bool {
    let (mut query, mut piece) = (Vec::new(), [0; 8192]);
    while !query.ends_with(b"\r\n\r\n{}") {
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => query.extend_from_slice(&piece[..read]),
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

fn config(identity: &Identity) -> ServerConfig {
    let certificates = CertificateDer::pem_file_iter(&identity.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key)
        .unwrap()
}

/// An authority, and what it signed for this host.
fn signed(folder: &Path) -> (Authority, Identity) {
    let authority = Authority::create(folder).unwrap();
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let identity = authority
        .sign("registry", "registry", None, &[], &here)
        .unwrap();
    (authority, identity)
}

#[tokio::test]
async fn who_signed_its_certificate_is_read_again_once_it_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, its) = signed(&folder.path().join("first"));
    let (second, renewed) = signed(&folder.path().join("second"));
    let server = Secured::start(its);
    let ca_file = folder.path().join("ca.crt");
    std::fs::copy(first.certificate(), &ca_file).unwrap();
    let access = RegistryAccess {
        url: format!("https://{}", server.address).parse().unwrap(),
        token_file: None,
        ca_file: Some(ca_file.clone()),
    };
    let registry = Registry::connect_at(&access, pace()).unwrap();
    let view = registry.view().await;
    assert!(view.is_ok(), "{view:?}");

    *server.identity.lock().unwrap() = renewed;
    assert!(registry.view().await.is_err(), "signed by somebody else");
    std::fs::write(&ca_file, "half a certif").unwrap();
    let error = registry.view().await.unwrap_err().text;
    assert!(error.contains("ca.crt"), "{error}");
    std::fs::copy(second.certificate(), &ca_file).unwrap();
    let view = registry.view().await;
    assert!(view.is_ok(), "{view:?}");
}

//! What the daemon shows over HTTP.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::host::Host;

/// Status code and body.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    get_as("localhost", address, path)
}

/// The same of whoever believes to talk to `name`.
fn get_as(name: &str, address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

/// Where the daemon says that it listens.
fn address(host: &Host) -> SocketAddr {
    let holder = std::fs::read_to_string(host.path("state/holder")).unwrap();
    let holder: Value = serde_json::from_str(&holder).unwrap();
    holder["status"].as_str().unwrap().parse().unwrap()
}

#[test]
fn it_shows_status_health_and_metrics_under_the_documented_names() {
    let mut host = Host::new();
    host.settings(&["one"], "listen: {status: '127.0.0.1:0'}\n");
    host.start();
    let address = address(&host);
    assert!(address.ip().is_loopback());

    assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get_as("evil.example", address, "/healthz").0, 421);
    // The only cluster does not answer: no pass is complete.
    let (code, text) = get(address, "/readyz");
    assert_eq!(code, 503);
    assert!(text.contains("cluster one"), "{text}");

    let told = host.until_status("written", |status| status["pass"] == 1);
    let (code, text) = get(address, "/status");
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 200);
    assert_eq!(shown["exchanges"], told["exchanges"]);
    assert_eq!(get(address, "/elsewhere").0, 404);

    let (_, metrics) = get(address, "/metrics");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for line in [
        "natsx_sync_passes_total{result=\"incomplete\"} 1",
        "natsx_sync_cluster_reachable{cluster=\"one\"} 0",
        "natsx_sync_registry_reachable 1",
        "natsx_sync_exchanges{phase=\"blocked\"} 1",
        "natsx_sync_exchanges{phase=\"unknown\"} 1",
        "natsx_sync_exchanges{phase=\"ready\"} 0",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
    }
    assert_eq!(documented(), exported(&metrics));

    let url = format!("http://{address}");
    let wait = ["wait", "--status", &url, "--timeout", "1s"];
    let waited = host.command(&wait).output().unwrap();
    assert_eq!(waited.status.code(), Some(3));
    let text = String::from_utf8_lossy(&waited.stderr).into_owned();
    assert!(text.contains("ClusterNotInInventory"), "{text}");
    let shown = host
        .command(&["status", "--status", &url])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("ClusterUnreachable"));
    for (x, word) in [
        ("one", "ClusterUnreachable"),
        ("two", "ClusterNotInInventory"),
    ] {
        let x = format!("{x}/communication/nats");
        let why = host
            .command(&["why", &x, "--status", &url])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&why.stdout).into_owned();
        let story = text.contains(word) && text.contains("means") && text.contains("next");
        assert!(story, "{text}");
    }
    assert_eq!(host.stop(), 0);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_port_somebody_chose_is_taken_or_nothing_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let host = Host::new();
    let listen = format!("listen: {{status: '127.0.0.1:{port}'}}\n");
    host.settings(&["one"], &listen);
    let refused = host.command(&["run"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("listen.status") && text.contains(&port.to_string()),
        "{text}"
    );
}

#[test]
fn alerts_and_dashboards_ask_for_metrics_that_there_are() {
    let metrics = documented();
    for page in [
        "prometheus/alerts.yaml",
        "prometheus/alerts_test.yaml",
        "grafana/natsx-sync.json",
    ] {
        let text = format!("{}/deploy/{page}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(text).unwrap();
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let asked: BTreeSet<_> = text
            .split(word)
            .filter(|word| word.starts_with("natsx_sync_"))
            .collect();
        assert!(asked.len() >= 6, "{page}: {asked:?}");
        for name in asked {
            let known = metrics.iter().any(|(metric, kind, _)| {
                metric == name
                    || (kind == "histogram" && name.strip_suffix("_bucket") == Some(metric))
            });
            assert!(known, "{page}: {name} is not in docs/metrics.md");
        }
        // What nobody is shown is counted for nobody.
        let is_shown = |name: &str| {
            text.contains(&format!("{name}{{")) || text.contains(&format!("{name}_bucket{{"))
        };
        let hidden: Vec<_> = metrics
            .iter()
            .filter(|(name, ..)| !is_shown(name))
            .collect();
        assert!(
            !page.starts_with("grafana") || hidden.is_empty(),
            "{hidden:?}"
        );
    }
}

/// Name, type and help of each metric in docs/metrics.md.
fn documented() -> BTreeSet<(String, String, String)> {
    let page = format!("{}/docs/metrics.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `natsx_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, _, help, _] = cells.as_slice() else {
            panic!("{row}");
        };
        (
            name.replace('`', ""),
            (*kind).to_owned(),
            format!("{help}."),
        )
    })
    .collect()
}

/// The same of what is exported.
fn exported(metrics: &str) -> BTreeSet<(String, String, String)> {
    let helps = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "));
    helps
        .map(|line| {
            let (name, help) = line.split_once(' ').unwrap();
            let found = format!("# TYPE {name} ");
            let kind = metrics.lines().find_map(|line| line.strip_prefix(&found));
            let kind = kind.unwrap().to_owned();
            let suffix = match kind.as_str() {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{suffix}"), kind, help.to_owned())
        })
        .collect()
}

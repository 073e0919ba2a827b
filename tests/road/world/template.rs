//! What helm makes of values, without any cluster.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use natsx_sync::observe::manifest::parse_objects;
use serde_json::Value;

/// The objects of a release of the fleet's chart.
pub(crate) fn template(helm: &Path, release: &str, values: &Value) -> Vec<Value> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/chart/nats");
    let mut helm = Command::new(helm)
        .args(["template", "--values=-", release])
        .arg(chart)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = values.to_string();
    let mut stdin = helm.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let done = helm.wait_with_output().unwrap();
    assert!(done.status.success(), "{text}");
    parse_objects(&String::from_utf8(done.stdout).unwrap()).unwrap()
}
